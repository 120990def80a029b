"""Anomalies, their cards, and announced changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, behind, guarded, plain
from services.domain import (
    Alert,
    AlertMinimum,
    Anomaly,
    AnomalyStatus,
    DaySpan,
    PlannedChange,
    SourceName,
)

FIGURES = {"excess", "service", "end", "last", "usage", "shares", "updated_at"}
SETTLED = {"status", "answer", "end", "updated_at"}


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
            {"_id": anomaly.id}, {"$set": plain(anomaly.model_dump(include=FIGURES))}
        )

    @guarded
    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        done = await self._anomalies.update_one(
            {"_id": anomaly.id, "status": was},
            {"$set": plain(anomaly.model_dump(include=SETTLED))},
        )
        return done.matched_count == 1

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

    @guarded
    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        query = {"source": source, "status": "ended", "raised_at": {"$gte": since}}
        found = [_anomaly(doc) async for doc in self._anomalies.find(query)]
        return sorted(found, key=lambda one: (-one.excess, one.id))

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
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Anomaly]:
        query: dict[str, Any] = {"source": source}
        if accounts is not None:
            query["account_id"] = {"$in": list(accounts)}
        if status is not None:
            query["status"] = status
        if after is not None:
            query |= behind("raised_at", after)
        cursor = self._anomalies.find(query).limit(limit)
        order = [("raised_at", DESCENDING), ("_id", DESCENDING)]
        return [_anomaly(doc) async for doc in cursor.sort(order)]


class MongoAlertMinimums:
    """Implements ``services.ports.FloorStore``."""

    def __init__(self, db: Database) -> None:
        self._floors = db.floors

    @guarded
    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        ids = [f"{source}:{account}" for account in accounts]
        found = {}
        async for doc in self._floors.find({"_id": {"$in": ids}}):
            del doc["_id"]
            found[doc["account_id"]] = AlertMinimum(**doc)
        return found

    @guarded
    async def replace(
        self,
        source: SourceName,
        account_id: str,
        floor: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        key = {"_id": f"{source}:{account_id}"}
        if was is None:
            if floor is None:
                return await self._floors.count_documents(key) == 0
            try:
                await self._floors.insert_one({**key, **plain(floor.model_dump())})
            except DuplicateKeyError:
                return False
            return True
        known = {**key, "entry": was.entry}
        if floor is None:
            return (await self._floors.delete_one(known)).deleted_count == 1
        done = await self._floors.replace_one(known, plain(floor.model_dump()))
        return done.matched_count == 1


class MongoPlannedChanges:
    """Implements ``services.ports.PlanStore``."""

    def __init__(self, db: Database) -> None:
        self._plans = db.plans

    @guarded
    async def add(self, plan: PlannedChange) -> None:
        await self._plans.update_one(
            {"_id": plan.id},
            {"$setOnInsert": plain(plan.model_dump(exclude={"id"}))},
            upsert=True,
        )

    @guarded
    async def remove(self, plan_id: str) -> PlannedChange | None:
        doc = await self._plans.find_one_and_delete({"_id": plan_id})
        return PlannedChange(id=doc.pop("_id"), **doc) if doc else None

    @guarded
    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        cursor = self._plans.find(
            {
                "account_id": {"$in": list(accounts)},
                "first": {"$lte": span.last.isoformat()},
                "last": {"$gte": span.first.isoformat()},
            }
        )
        order = [("at", DESCENDING), ("_id", DESCENDING)]
        return [PlannedChange(id=doc.pop("_id"), **doc) async for doc in cursor.sort(order)]


class MongoAlerts:
    """Implements ``services.ports.AlertStore``."""

    def __init__(self, db: Database) -> None:
        self._alerts = db.alerts

    @guarded
    async def create_once(self, alert: Alert) -> bool:
        done = await self._alerts.update_one(
            {"_id": alert.id},
            {"$setOnInsert": plain(alert.model_dump(exclude={"id"}))},
            upsert=True,
        )
        return done.upserted_id is not None

    @guarded
    async def replace(self, alert: Alert) -> Alert | None:
        raised = alert.model_copy(update={"fence": alert.fence + 1})
        done = await self._alerts.replace_one(
            {"_id": alert.id, "fence": alert.fence}, plain(raised.model_dump(exclude={"id"}))
        )
        return raised if done.matched_count == 1 else None

    @guarded
    async def get(self, alert_id: str) -> Alert | None:
        doc = await self._alerts.find_one({"_id": alert_id})
        return _alert(doc) if doc else None

    @guarded
    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        cursor = self._alerts.find({"subject": {"$in": list(subjects)}})
        order = [("created_at", ASCENDING), ("_id", ASCENDING)]
        return [_alert(doc) async for doc in cursor.sort(order)]

    @guarded
    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        cursor = self._alerts.find(
            {
                "source": source,
                "conversation_id": conversation_id,
                "created_at": {"$gte": since},
            }
        )
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        return [_alert(doc) async for doc in cursor.sort(order)]


def _alert(doc: dict[str, Any]) -> Alert:
    return Alert(id=doc.pop("_id"), **doc)


def _anomaly(doc: dict[str, Any]) -> Anomaly:
    return Anomaly(id=doc.pop("_id"), **doc)
