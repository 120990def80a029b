"""The domain model as immutable values: teams, costs, windows, reports, runs, deliveries.

Amounts that people read are ``Decimal`` in the cost source's currency, days are UTC dates, and
instants are time-zone-aware datetimes.
"""

from services.domain.alert_content import AlertContent, AnomalyContent, DigestContent, RunContent
from services.domain.amounts import CENT, cents, moved, percent_moved, rounding
from services.domain.anomalies import (
    WHOLE_ACCOUNT,
    Alert,
    AlertMinimum,
    AlertMinimumOffer,
    Anomaly,
    AnomalyStatus,
    EventAmounts,
    PostedMessage,
    Resolution,
)
from services.domain.api_keys import SCOPES, ApiKey, Scope
from services.domain.audit import Actor, AuditEntry
from services.domain.base import Value
from services.domain.cards_in_progress import CardInProgress
from services.domain.config import StoredConfig
from services.domain.conversations import Conversation, LostState
from services.domain.cost_history import CostHistory, CostRow, WeekCost
from services.domain.costs import (
    SAMPLE,
    UNATTRIBUTED,
    Category,
    CostChange,
    CostSeries,
    CostTable,
    HistoryProgress,
    SourceDescription,
    SourceName,
    SourceState,
    UsageHistory,
)
from services.domain.days import DaySpan, Month, Window
from services.domain.explanations import ChangeLine, Explanation, whole_percent
from services.domain.figures import (
    AccountFigures,
    Breach,
    CategoryAmounts,
    DataState,
    DayAmount,
    ServiceChange,
    ServiceMove,
    SpanDays,
    Spent,
    WeekFigures,
    WindowDays,
)
from services.domain.forecasts import Forecast, MonthForecast, TrackRecord
from services.domain.identity import Identity
from services.domain.metrics import MetricsSnapshot
from services.domain.pending_imports import PendingImport
from services.domain.planned_changes import PlannedChange
from services.domain.reports import (
    AdminReport,
    AlertRecord,
    AnomalyLine,
    Attachment,
    ComparedAccount,
    DeliveryRecap,
    LateAccount,
    MissingData,
    RenderedReport,
    Restatement,
    SilentTeam,
    TeamLine,
    TeamReport,
    UnmappedAccount,
)
from services.domain.roles import AdminEntry, Person, Role
from services.domain.runs import (
    Delivery,
    DeliveryPhase,
    DeliveryState,
    FrozenReport,
    Run,
    RunKind,
    RunState,
    RunSummary,
)
from services.domain.teams import Team
from services.domain.what_if import WhatIf, WhatIfEvent

__all__ = [
    "CENT",
    "SAMPLE",
    "SCOPES",
    "UNATTRIBUTED",
    "WHOLE_ACCOUNT",
    "AccountFigures",
    "Actor",
    "AdminEntry",
    "AdminReport",
    "Alert",
    "AlertContent",
    "AlertMinimum",
    "AlertMinimumOffer",
    "AlertRecord",
    "Anomaly",
    "AnomalyContent",
    "AnomalyLine",
    "AnomalyStatus",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Breach",
    "CardInProgress",
    "Category",
    "CategoryAmounts",
    "ChangeLine",
    "ComparedAccount",
    "Conversation",
    "CostChange",
    "CostHistory",
    "CostRow",
    "CostSeries",
    "CostTable",
    "DataState",
    "DayAmount",
    "DaySpan",
    "Delivery",
    "DeliveryPhase",
    "DeliveryRecap",
    "DeliveryState",
    "DigestContent",
    "EventAmounts",
    "Explanation",
    "Forecast",
    "FrozenReport",
    "HistoryProgress",
    "Identity",
    "LateAccount",
    "LostState",
    "MetricsSnapshot",
    "MissingData",
    "Month",
    "MonthForecast",
    "PendingImport",
    "Person",
    "PlannedChange",
    "PostedMessage",
    "RenderedReport",
    "Resolution",
    "Restatement",
    "Role",
    "Run",
    "RunContent",
    "RunKind",
    "RunState",
    "RunSummary",
    "Scope",
    "ServiceChange",
    "ServiceMove",
    "SilentTeam",
    "SourceDescription",
    "SourceName",
    "SourceState",
    "SpanDays",
    "Spent",
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
    "percent_moved",
    "rounding",
    "whole_percent",
]
