"""Anomalies in MongoDB."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from services.adapters.store.client import Database, behind, guarded, plain
from services.domain import (
    Anomaly,
    AnomalyStatus,
    SourceName,
)

# Only these: a resolution that arrives while detection runs must not be overwritten.
FIGURE_FIELDS = {
    *("start", "end", "last", "service", "excess", "usage", "driver_usage", "shares"),
    "updated_at",
}
RESOLUTION_FIELDS = {"status", "answer", "end", "updated_at"}


class MongoAnomalies:
    """Implements ``services.ports.AnomalyStore``."""

    def __init__(self, db: Database) -> None:
        self._anomalies = db.anomalies

    @guarded
    async def raise_once(self, anomaly: Anomaly) -> bool:
        doc = plain(anomaly.model_dump(exclude={"id"}))
        result = await self._anomalies.update_one(
            {"_id": anomaly.id}, {"$setOnInsert": doc}, upsert=True
        )
        return result.upserted_id is not None

    @guarded
    async def update(self, anomaly: Anomaly) -> None:
        await self._anomalies.update_one(
            {"_id": anomaly.id}, {"$set": plain(anomaly.model_dump(include=FIGURE_FIELDS))}
        )

    @guarded
    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        result = await self._anomalies.update_one(
            {"_id": anomaly.id, "status": was},
            {"$set": plain(anomaly.model_dump(include=RESOLUTION_FIELDS))},
        )
        return result.matched_count == 1

    @guarded
    async def get(self, anomaly_id: str) -> Anomaly | None:
        doc = await self._anomalies.find_one({"_id": anomaly_id})
        return _anomaly(doc) if doc else None

    @guarded
    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        query: dict[str, Any] = {"source": source, "status": "open"}
        if accounts is not None:
            query["account_id"] = {"$in": list(accounts)}
        anomalies = [_anomaly(doc) async for doc in self._anomalies.find(query)]
        return sorted(anomalies, key=lambda anomaly: (-anomaly.excess, anomaly.id))

    @guarded
    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        query = {"source": source, "status": "ended", "raised_at": {"$gte": since}}
        anomalies = [_anomaly(doc) async for doc in self._anomalies.find(query)]
        return sorted(anomalies, key=lambda anomaly: (-anomaly.excess, anomaly.id))

    @guarded
    async def in_state(
        self, source: SourceName, states: Sequence[AnomalyStatus], accounts: Sequence[str]
    ) -> list[Anomaly]:
        query = {
            "source": source,
            "status": {"$in": list(states)},
            "account_id": {"$in": list(accounts)},
        }
        return [_anomaly(doc) async for doc in self._anomalies.find(query)]

    @guarded
    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        query: dict[str, Any] = {"source": source}
        if accounts is not None:
            query["account_id"] = {"$in": list(accounts)}
        order = [("raised_at", DESCENDING), ("_id", DESCENDING)]
        return [
            _anomaly(doc) async for doc in self._anomalies.find(query).sort(order).limit(limit)
        ]

    @guarded
    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        cursor = self._anomalies.find({"_id": {"$in": list(anomaly_ids)}})
        return [_anomaly(doc) async for doc in cursor]

    @guarded
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
        query: dict[str, Any] = {"source": source}
        if accounts is not None:
            query["account_id"] = {"$in": list(accounts)}
        if without:
            query.setdefault("account_id", {})["$nin"] = list(without)
        if status is not None:
            query["status"] = status
        if after is not None:
            query |= behind("raised_at", after)
        cursor = self._anomalies.find(query).limit(limit)
        order = [("raised_at", DESCENDING), ("_id", DESCENDING)]
        return [_anomaly(doc) async for doc in cursor.sort(order)]


def _anomaly(doc: dict[str, Any]) -> Anomaly:
    return Anomaly(id=doc.pop("_id"), **doc)
