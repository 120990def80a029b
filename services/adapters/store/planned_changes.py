"""Planned changes in MongoDB."""

from collections.abc import Sequence

from pymongo import DESCENDING

from services.adapters.store.client import Database, guarded, plain
from services.domain import (
    DaySpan,
    PlannedChange,
)


class MongoPlannedChanges:
    """Implements ``services.ports.PlannedChangeStore``."""

    def __init__(self, db: Database) -> None:
        # The collection keeps the name that it was created with.
        self._changes = db.plans

    @guarded
    async def add(self, change: PlannedChange) -> None:
        await self._changes.update_one(
            {"_id": change.id},
            {"$setOnInsert": plain(change.model_dump(exclude={"id"}))},
            upsert=True,
        )

    @guarded
    async def remove(self, change_id: str) -> PlannedChange | None:
        doc = await self._changes.find_one_and_delete({"_id": change_id})
        return PlannedChange(id=doc.pop("_id"), **doc) if doc else None

    @guarded
    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        cursor = self._changes.find(
            {
                "account_id": {"$in": list(accounts)},
                "first": {"$lte": span.last.isoformat()},
                "last": {"$gte": span.first.isoformat()},
            }
        )
        order = [("at", DESCENDING), ("_id", DESCENDING)]
        return [PlannedChange(id=doc.pop("_id"), **doc) async for doc in cursor.sort(order)]
