"""What the use cases need from outside, as protocols; adapters and test fakes implement them.

The docstrings are the contract that ``tests/contract`` runs against every implementation.
"""

from services.ports.anomalies import AlertStore, AnomalyStore, FloorStore
from services.ports.background import Start
from services.ports.checks import Folder, Ticking
from services.ports.costs import CostSource, CostStore, UsageStore
from services.ports.mail import CapturedMails, MailConnection, MailTransport
from services.ports.metrics import UNMEASURED, Meter, Unmeasured
from services.ports.people import (
    AdminStore,
    CardInProgressStore,
    ConversationStore,
    PendingImportStore,
    PlanStore,
    TraceStore,
)
from services.ports.runs import DeliveryLedger, RateBudget, RestoredStore, RunStore
from services.ports.secrets import SecretBox
from services.ports.store import ServerInfo, Store
from services.ports.teams import ApiKeyStore, AuditLog, ConfigStore, TeamStore
from services.ports.telling import Notifier
from services.ports.time import Clock, IsWorkerDead
from services.ports.tokens import AccessTokens

__all__ = [
    "UNMEASURED",
    "AccessTokens",
    "AdminStore",
    "AlertStore",
    "AnomalyStore",
    "ApiKeyStore",
    "AuditLog",
    "CapturedMails",
    "CardInProgressStore",
    "Clock",
    "ConfigStore",
    "ConversationStore",
    "CostSource",
    "CostStore",
    "DeliveryLedger",
    "FloorStore",
    "Folder",
    "IsWorkerDead",
    "MailConnection",
    "MailTransport",
    "Meter",
    "Notifier",
    "PendingImportStore",
    "PlanStore",
    "RateBudget",
    "RestoredStore",
    "RunStore",
    "SecretBox",
    "ServerInfo",
    "Start",
    "Store",
    "TeamStore",
    "Ticking",
    "TraceStore",
    "Unmeasured",
    "UsageStore",
]
