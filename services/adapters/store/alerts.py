"""Alerts in MongoDB: one document per anomaly and conversation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from services.adapters.store.client import Database, guarded, plain
from services.domain import (
    Alert,
    SourceName,
)


class MongoAlerts:
    """Implements ``services.ports.AlertStore``."""

    def __init__(self, db: Database) -> None:
        self._alerts = db.alerts

    @guarded
    async def create_once(self, alert: Alert) -> bool:
        result = await self._alerts.update_one(
            {"_id": alert.id},
            {"$setOnInsert": plain(alert.model_dump(exclude={"id"}))},
            upsert=True,
        )
        return result.upserted_id is not None

    @guarded
    async def replace(self, alert: Alert) -> Alert | None:
        raised = alert.model_copy(update={"fence": alert.fence + 1})
        result = await self._alerts.replace_one(
            {"_id": alert.id, "fence": alert.fence}, plain(raised.model_dump(exclude={"id"}))
        )
        return raised if result.matched_count == 1 else None

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
    async def of_message(self, conversation_id: str, activity_id: str) -> Alert | None:
        doc = await self._alerts.find_one(
            {"conversation_id": conversation_id, "activity_id": activity_id}
        )
        return _alert(doc) if doc else None

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
