"""The stored settings and the audit trail."""

from datetime import datetime
from typing import Any

from pymongo import DESCENDING, ReturnDocument

from services.adapters.store.client import Database, guarded, plain
from services.domain import AuditEntry, StoredConfig

CONFIG_ID = "config"


class MongoConfig:
    """Implements ``services.ports.ConfigStore``."""

    def __init__(self, db: Database) -> None:
        self._config = db.notification_config

    @guarded
    async def get(self, now: datetime) -> StoredConfig:
        doc = await self._config.find_one({"_id": CONFIG_ID})
        if doc is None:
            defaults = plain(StoredConfig(schedule_since=now).model_dump())
            doc = await self._config.find_one_and_update(
                {"_id": CONFIG_ID},
                {"$setOnInsert": defaults},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        doc.pop("_id")
        return StoredConfig(**doc)

    @guarded
    async def replace(self, config: StoredConfig) -> bool:
        done = await self._config.replace_one(
            {"_id": CONFIG_ID, "version": config.version - 1}, plain(config.model_dump())
        )
        return done.matched_count == 1


class MongoAuditEntries:
    """Implements ``services.ports.AuditLog``."""

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
        done = await self._audit.update_one(
            {"_id": entry_id, "undone_at": None}, {"$set": {"undone_at": now}}
        )
        return done.modified_count == 1


def _entry(doc: dict[str, Any]) -> AuditEntry:
    return AuditEntry(id=doc.pop("_id"), **doc)
