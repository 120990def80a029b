"""The words of the product as values: teams, costs, windows, reports, runs, deliveries.

Amounts that people read are ``Decimal`` in the source's currency; days are UTC dates;
instants are aware datetimes.
"""

from services.model.amounts import CENT, cents, moved
from services.model.anomalies import (
    Alert,
    Anomaly,
    AnomalyStatus,
    Answer,
    Floor,
    FloorOffer,
    PostedMessage,
)
from services.model.audit import Actor, AuditEntry
from services.model.base import Value
from services.model.costs import (
    SAMPLE,
    UNATTRIBUTED,
    Category,
    CostChange,
    CostSeries,
    CostTable,
    MonthRead,
    SourceDescription,
    SourceName,
    SourceState,
    UsageHistory,
)
from services.model.days import DaySpan, Month, Window
from services.model.explanations import ChangeLine, Explanation, SharedMove, whole_percent
from services.model.facts import Facts
from services.model.figures import (
    SILENT_DAYS,
    AccountFigures,
    Breach,
    CategoryAmounts,
    DayAmount,
    ServiceChange,
    SpanDays,
    WeekFigures,
    WindowDays,
)
from services.model.forecasts import Forecast, MonthForecast, TrackRecord
from services.model.histories import CostHistory, CostRow, WeekCost
from services.model.keys import SCOPES, ApiKey, Scope
from services.model.news import AnomalyNews, DigestNews, News, RunNews
from services.model.people import (
    AdminEntry,
    CardInProgress,
    Conversation,
    Identity,
    PendingImport,
    Person,
    PlannedChange,
    Role,
)
from services.model.reports import (
    AdminReport,
    AlertRecord,
    AnomalyLine,
    Attachment,
    DeliveryRecap,
    RenderedReport,
    Restatement,
    SilentTeam,
    TeamLine,
    TeamReport,
    UnmappedAccount,
)
from services.model.runs import (
    Delivery,
    DeliveryPhase,
    DeliveryState,
    FrozenReport,
    Run,
    RunKind,
    RunState,
    RunSummary,
)
from services.model.teams import StoredConfig, Team
from services.model.watches import KeptWatch
from services.model.what_if import WhatIf, WhatIfEvent

__all__ = [
    "CENT",
    "SAMPLE",
    "SCOPES",
    "SILENT_DAYS",
    "UNATTRIBUTED",
    "AccountFigures",
    "Actor",
    "AdminEntry",
    "AdminReport",
    "Alert",
    "AlertRecord",
    "Anomaly",
    "AnomalyLine",
    "AnomalyNews",
    "AnomalyStatus",
    "Answer",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Breach",
    "CardInProgress",
    "Category",
    "CategoryAmounts",
    "ChangeLine",
    "Conversation",
    "CostChange",
    "CostHistory",
    "CostRow",
    "CostSeries",
    "CostTable",
    "DayAmount",
    "DaySpan",
    "Delivery",
    "DeliveryPhase",
    "DeliveryRecap",
    "DeliveryState",
    "DigestNews",
    "Explanation",
    "Facts",
    "Floor",
    "FloorOffer",
    "Forecast",
    "FrozenReport",
    "Identity",
    "KeptWatch",
    "Month",
    "MonthForecast",
    "MonthRead",
    "News",
    "PendingImport",
    "Person",
    "PlannedChange",
    "PostedMessage",
    "RenderedReport",
    "Restatement",
    "Role",
    "Run",
    "RunKind",
    "RunNews",
    "RunState",
    "RunSummary",
    "Scope",
    "ServiceChange",
    "SharedMove",
    "SilentTeam",
    "SourceDescription",
    "SourceName",
    "SourceState",
    "SpanDays",
    "StoredConfig",
    "Team",
    "TeamLine",
    "TeamReport",
    "TrackRecord",
    "UnmappedAccount",
    "UsageHistory",
    "Value",
    "WeekCost",
    "WeekFigures",
    "WhatIf",
    "WhatIfEvent",
    "Window",
    "WindowDays",
    "cents",
    "moved",
    "whole_percent",
]
