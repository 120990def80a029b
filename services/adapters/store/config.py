"""The stored settings in MongoDB: one document."""

from datetime import datetime

from pymongo import ReturnDocument

from services.adapters.store.client import Database, guarded, plain
from services.domain import StoredConfig

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
        result = await self._config.replace_one(
            {"_id": CONFIG_ID, "version": config.version - 1}, plain(config.model_dump())
        )
        return result.matched_count == 1
