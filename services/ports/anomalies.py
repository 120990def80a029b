"""Storage of anomalies."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from services.domain import Anomaly, AnomalyStatus, SourceName


class AnomalyStore(Protocol):
    """Anomalies by ID."""

    async def raise_once(self, anomaly: Anomaly) -> bool:
        """Store an anomaly unless its ID exists; True if this call stored it."""
        ...

    async def update(self, anomaly: Anomaly) -> None:
        """Replace the figures of a stored anomaly: excess, service, end and updated_at."""
        ...

    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        """Replace status, answer, end and updated_at, if the stored status is still ``was``.

        False if another writer was faster: nothing is written.
        """
        ...

    async def get(self, anomaly_id: str) -> Anomaly | None: ...

    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        """Open anomalies of these accounts (None: all), largest excess first."""
        ...

    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        """Ended anomalies that were raised since then, largest excess first."""
        ...

    async def in_state(
        self, source: SourceName, states: Sequence[AnomalyStatus], accounts: Sequence[str]
    ) -> list[Anomaly]:
        """Anomalies of these accounts in any of these states, in no particular order."""
        ...

    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        """The newest anomalies of these accounts (None: all) in any state, by ``raised_at``."""
        ...

    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        """The anomalies that exist among these IDs, in no particular order."""
        ...

    async def page(
        self,
        source: SourceName,
        *,
        accounts: Sequence[str] | None = None,
        without: Collection[str] = (),
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Anomaly]:
        """Newest first, by ``raised_at``, then ID.

        ``without``: accounts that are left out.
        ``after``: only those that follow this position (raised_at, ID).
        """
        ...
