"""The audit trail in MongoDB."""

from datetime import datetime
from typing import Any

from pymongo import DESCENDING

from services.adapters.store.client import Database, guarded, plain
from services.domain import AuditEntry


class MongoAuditEntries:
    """Implements ``services.ports.AuditEntryStore``."""

    def __init__(self, db: Database) -> None:
        self._audit = db.audit

    @guarded
    async def append(self, entry: AuditEntry) -> None:
        doc = plain(entry.model_dump(exclude={"id"}))
        await self._audit.update_one({"_id": entry.id}, {"$setOnInsert": doc}, upsert=True)

    @guarded
    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        query = {} if subject is None else {"subject": subject}
        cursor = self._audit.find(query).sort([("at", DESCENDING), ("_id", DESCENDING)])
        return [_entry(doc) async for doc in cursor.limit(limit)]

    @guarded
    async def get(self, entry_id: str) -> AuditEntry | None:
        doc = await self._audit.find_one({"_id": entry_id})
        return _entry(doc) if doc else None

    @guarded
    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        result = await self._audit.update_one(
            {"_id": entry_id, "undone_at": None}, {"$set": {"undone_at": now}}
        )
        return result.modified_count == 1


def _entry(doc: dict[str, Any]) -> AuditEntry:
    return AuditEntry(id=doc.pop("_id"), **doc)
