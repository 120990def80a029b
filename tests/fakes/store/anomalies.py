"""Anomalies, in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.domain import (
    Anomaly,
    AnomalyStatus,
    SourceName,
)


class MemoryAnomalies:
    """Implements ``services.ports.AnomalyStore``."""

    def __init__(self) -> None:
        self.anomalies: dict[str, Anomaly] = {}

    async def raise_once(self, anomaly: Anomaly) -> bool:
        if anomaly.id in self.anomalies:
            return False
        self.anomalies[anomaly.id] = anomaly
        return True

    async def update(self, anomaly: Anomaly) -> None:
        stored = self.anomalies[anomaly.id]
        names = (
            *("start", "excess", "service", "end", "last", "usage", "driver_usage", "shares"),
            "updated_at",
        )
        self.anomalies[anomaly.id] = stored.model_copy(
            update={name: getattr(anomaly, name) for name in names}
        )

    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        stored = self.anomalies[anomaly.id]
        if stored.status != was:
            return False
        names = ("status", "answer", "end", "updated_at")
        self.anomalies[anomaly.id] = stored.model_copy(
            update={name: getattr(anomaly, name) for name in names}
        )
        return True

    async def get(self, anomaly_id: str) -> Anomaly | None:
        return self.anomalies.get(anomaly_id)

    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        matches = [
            anomaly
            for anomaly in self.anomalies.values()
            if anomaly.source == source
            and anomaly.status == "open"
            and (accounts is None or anomaly.account_id in accounts)
        ]
        return sorted(matches, key=lambda anomaly: (-anomaly.excess, anomaly.id))

    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        matches = [
            anomaly
            for anomaly in self.anomalies.values()
            if anomaly.source == source
            and anomaly.status == "ended"
            and anomaly.raised_at >= since
        ]
        return sorted(matches, key=lambda anomaly: (-anomaly.excess, anomaly.id))

    async def in_state(
        self, source: SourceName, states: Sequence[AnomalyStatus], accounts: Sequence[str]
    ) -> list[Anomaly]:
        return [
            anomaly
            for anomaly in self.anomalies.values()
            if anomaly.source == source
            and anomaly.status in states
            and anomaly.account_id in accounts
        ]

    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        matches = [
            anomaly
            for anomaly in self.anomalies.values()
            if anomaly.source == source and (accounts is None or anomaly.account_id in accounts)
        ]
        return sorted(matches, key=lambda anomaly: (anomaly.raised_at, anomaly.id), reverse=True)[
            :limit
        ]

    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        return [anomaly for anomaly in self.anomalies.values() if anomaly.id in anomaly_ids]

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
        matches = [
            anomaly
            for anomaly in await self.newest(source, accounts, len(self.anomalies))
            if status in {None, anomaly.status}
            and anomaly.account_id not in without
            and (after is None or (anomaly.raised_at, anomaly.id) < after)
        ]
        return matches[:limit]
