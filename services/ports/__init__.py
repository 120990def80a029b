"""The protocols that use cases depend on; adapters and test fakes implement them.

The docstrings are the contract, and ``tests/contract`` runs it against every implementation.
"""

from services.ports.admins import AdminStore
from services.ports.alert_minimums import AlertMinimumStore
from services.ports.alerts import AlertStore
from services.ports.anomalies import AnomalyStore
from services.ports.api_keys import ApiKeyStore
from services.ports.audit_entries import AuditEntryStore
from services.ports.background import Start
from services.ports.cards_in_progress import CardInProgressStore
from services.ports.checks import Folder, Ticking
from services.ports.config import ConfigStore
from services.ports.conversations import ConversationStore
from services.ports.costs import CostSource, CostStore, UsageStore
from services.ports.deliveries import DeliveryLedger
from services.ports.erasure import ErasureStore
from services.ports.http import HttpClient
from services.ports.mail import CapturedMails, MailConnection, MailTransport
from services.ports.metrics import UNMEASURED, Meter, Unmeasured
from services.ports.notifier import Departure, Notifier
from services.ports.pending_imports import PendingImportStore
from services.ports.planned_changes import PlannedChangeStore
from services.ports.rate_budget import RateBudgetStore
from services.ports.restored import RestoredStore
from services.ports.runs import RunStore
from services.ports.secrets import SecretBox
from services.ports.store import Store
from services.ports.teams import TeamStore
from services.ports.time import Clock, IsWorkerDead
from services.ports.tokens import AccessTokens

__all__ = [
    "UNMEASURED",
    "AccessTokens",
    "AdminStore",
    "AlertMinimumStore",
    "AlertStore",
    "AnomalyStore",
    "ApiKeyStore",
    "AuditEntryStore",
    "CapturedMails",
    "CardInProgressStore",
    "Clock",
    "ConfigStore",
    "ConversationStore",
    "CostSource",
    "CostStore",
    "DeliveryLedger",
    "Departure",
    "ErasureStore",
    "Folder",
    "HttpClient",
    "IsWorkerDead",
    "MailConnection",
    "MailTransport",
    "Meter",
    "Notifier",
    "PendingImportStore",
    "PlannedChangeStore",
    "RateBudgetStore",
    "RestoredStore",
    "RunStore",
    "SecretBox",
    "Start",
    "Store",
    "TeamStore",
    "Ticking",
    "Unmeasured",
    "UsageStore",
]
