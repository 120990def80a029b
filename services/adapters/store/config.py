"""The stored settings and the audit trail."""

from datetime import datetime

from pymongo import DESCENDING, ReturnDocument

from services.adapters.store.client import Database, guarded, plain
from services.model import AuditEntry, StoredConfig

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


class MongoAudit:
    """Implements ``services.ports.AuditLog``."""

    def __init__(self, db: Database) -> None:
        self._audit = db.audit

    @guarded
    async def append(self, entry: AuditEntry) -> None:
        doc = plain(entry.model_dump(exclude={"id"}))
        await self._audit.insert_one({"_id": entry.id, **doc})

    @guarded
    async def newest(self, limit: int) -> list[AuditEntry]:
        cursor = self._audit.find().sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [AuditEntry(id=doc.pop("_id"), **doc) async for doc in cursor]
