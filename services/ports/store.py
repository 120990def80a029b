"""All that is stored, in one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ports.anomalies import AlertStore, AnomalyStore, FloorStore
from services.ports.costs import CostStore
from services.ports.people import (
    AdminStore,
    CardInProgressStore,
    ConversationStore,
    PendingImportStore,
    PlanStore,
    TraceStore,
)
from services.ports.runs import DeliveryLedger, RateBudget, RestoredStore, RunStore
from services.ports.teams import ApiKeyStore, AuditLog, ConfigStore, TeamStore


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a MongoDB says of itself."""

    version: str
    time: datetime


class Store(Protocol):
    """All collections of one database."""

    @property
    def costs(self) -> CostStore: ...

    @property
    def teams(self) -> TeamStore: ...

    @property
    def config(self) -> ConfigStore: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def anomalies(self) -> AnomalyStore: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def deliveries(self) -> DeliveryLedger: ...

    @property
    def rates(self) -> RateBudget: ...

    @property
    def admins(self) -> AdminStore: ...

    @property
    def alerts(self) -> AlertStore: ...

    @property
    def conversations(self) -> ConversationStore: ...

    @property
    def cards_in_progress(self) -> CardInProgressStore: ...

    @property
    def floors(self) -> FloorStore: ...

    @property
    def plans(self) -> PlanStore: ...

    @property
    def pending_imports(self) -> PendingImportStore: ...

    @property
    def api_keys(self) -> ApiKeyStore: ...

    @property
    def restored(self) -> RestoredStore: ...

    @property
    def traces(self) -> TraceStore: ...

    async def prepare(self) -> None:
        """Creates the indexes; raises StoreUnavailableError when MongoDB does not answer."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailableError with the reason."""
        ...

    async def about(self) -> ServerInfo:
        """Version and time of the server; raises StoreUnavailableError with the reason."""
        ...

    async def aclose(self) -> None: ...
