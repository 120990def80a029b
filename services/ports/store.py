"""The whole database."""

from datetime import datetime
from typing import Protocol

from services.ports.admins import AdminStore
from services.ports.alert_minimums import AlertMinimumStore
from services.ports.alerts import AlertStore
from services.ports.anomalies import AnomalyStore
from services.ports.api_keys import ApiKeyStore
from services.ports.audit_entries import AuditEntryStore
from services.ports.cards_in_progress import CardInProgressStore
from services.ports.config import ConfigStore
from services.ports.conversations import ConversationStore
from services.ports.costs import CostStore
from services.ports.deliveries import DeliveryLedger
from services.ports.erasure import ErasureStore
from services.ports.pending_imports import PendingImportStore
from services.ports.planned_changes import PlannedChangeStore
from services.ports.rate_budget import RateBudgetStore
from services.ports.restored import RestoredStore
from services.ports.runs import RunStore
from services.ports.teams import TeamStore


class Store(Protocol):
    """The stores of one database."""

    @property
    def costs(self) -> CostStore: ...

    @property
    def teams(self) -> TeamStore: ...

    @property
    def config(self) -> ConfigStore: ...

    @property
    def audit_entries(self) -> AuditEntryStore: ...

    @property
    def anomalies(self) -> AnomalyStore: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def deliveries(self) -> DeliveryLedger: ...

    @property
    def rate_budget(self) -> RateBudgetStore: ...

    @property
    def admins(self) -> AdminStore: ...

    @property
    def alerts(self) -> AlertStore: ...

    @property
    def conversations(self) -> ConversationStore: ...

    @property
    def cards_in_progress(self) -> CardInProgressStore: ...

    @property
    def alert_minimums(self) -> AlertMinimumStore: ...

    @property
    def planned_changes(self) -> PlannedChangeStore: ...

    @property
    def pending_imports(self) -> PendingImportStore: ...

    @property
    def api_keys(self) -> ApiKeyStore: ...

    @property
    def restored(self) -> RestoredStore: ...

    @property
    def erasure(self) -> ErasureStore: ...

    async def prepare(self) -> None:
        """Migrate the stored data and create the indexes. Raises StoreUnavailableError."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailableError with the reason if MongoDB does not respond."""
        ...

    async def server_time(self) -> datetime:
        """MongoDB's time. Raises StoreUnavailableError."""
        ...

    async def server_version(self) -> str:
        """MongoDB's version. Raises StoreUnavailableError with the reason."""
        ...

    async def aclose(self) -> None: ...
