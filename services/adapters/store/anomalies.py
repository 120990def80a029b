"""Anomalies."""

from collections.abc import Sequence
from typing import Any

from services.adapters.store.client import Database, guarded, plain
from services.model import Anomaly, SourceName

CHANGING = {"excess", "service", "end", "status", "updated_at"}


class MongoAnomalies:
    """Implements ``services.ports.AnomalyStore``."""

    def __init__(self, db: Database) -> None:
        self._anomalies = db.anomalies

    @guarded
    async def raise_once(self, anomaly: Anomaly) -> bool:
        doc = plain(anomaly.model_dump(exclude={"id"}))
        done = await self._anomalies.update_one(
            {"_id": anomaly.id}, {"$setOnInsert": doc}, upsert=True
        )
        return done.upserted_id is not None

    @guarded
    async def update(self, anomaly: Anomaly) -> None:
        await self._anomalies.update_one(
            {"_id": anomaly.id}, {"$set": plain(anomaly.model_dump(include=CHANGING))}
        )

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
        found = [_anomaly(doc) async for doc in self._anomalies.find(query)]
        return sorted(found, key=lambda one: (-one.excess, one.id))


def _anomaly(doc: dict[str, Any]) -> Anomaly:
    return Anomaly(id=doc.pop("_id"), **doc)
