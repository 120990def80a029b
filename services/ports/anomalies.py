"""Where anomalies and their alerts are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain import Anomaly, AnomalyStatus, SourceName


class AnomalyStore(Protocol):
    """Anomalies by id."""

    async def raise_once(self, anomaly: Anomaly) -> bool:
        """Stores it unless its id is there; True when this call stored it."""
        ...

    async def update(self, anomaly: Anomaly) -> None:
        """Replaces the figures of a stored anomaly: excess, service, end and updated_at."""
        ...

    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        """Replaces status, answer, end and updated_at of one whose status is still ``was``.

        False when somebody else was faster; then nothing is written.
        """
        ...

    async def get(self, anomaly_id: str) -> Anomaly | None: ...

    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        """Open ones of these accounts (None: all), largest excess first."""
        ...

    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        """Ended ones that were raised since then, largest excess first."""
        ...

    async def in_state(
        self, source: SourceName, states: Sequence[AnomalyStatus], accounts: Sequence[str]
    ) -> list[Anomaly]:
        """Those of these accounts that have one of these states, in no order."""
        ...

    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        """The newest of these accounts (None: all) in any state, by when they were raised."""
        ...

    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        """Those of these that are stored, in no order."""
        ...

    async def page(
        self,
        source: SourceName,
        *,
        accounts: Sequence[str] | None = None,
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Anomaly]:
        """Newest first, by when they were raised and then by id.

        ``after``: only those that come behind this place (raised at, id).
        """
        ...
