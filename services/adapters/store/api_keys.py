"""API keys in MongoDB: hashes only, never the secrets."""

from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, guarded, plain
from services.domain import ApiKey
from services.domain.errors import ConflictError


class MongoApiKeys:
    """Implements ``services.ports.ApiKeyStore``."""

    def __init__(self, db: Database) -> None:
        self._keys = db.api_keys

    @guarded
    async def any_ever(self) -> bool:
        return await self._keys.find_one({}, {"_id": 1}) is not None

    @guarded
    async def add(self, key: ApiKey) -> None:
        try:
            await self._keys.insert_one({"_id": key.id, **plain(key.model_dump(exclude={"id"}))})
        except DuplicateKeyError as error:
            raise ConflictError("An API key with this ID already exists. Try again.") from error

    @guarded
    async def get(self, key_id: str) -> ApiKey | None:
        doc = await self._keys.find_one({"_id": key_id})
        return _key(doc) if doc else None

    @guarded
    async def list_keys(self) -> list[ApiKey]:
        cursor = self._keys.find().sort([("created_at", ASCENDING), ("_id", ASCENDING)])
        return [_key(doc) async for doc in cursor]

    @guarded
    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        await self._keys.update_one(
            {"_id": key_id, "revoked_at": None}, {"$set": {"revoked_at": now}}
        )
        return await self.get(key_id)

    @guarded
    async def touch(self, key_id: str, now: datetime) -> None:
        await self._keys.update_one({"_id": key_id}, {"$max": {"last_used_at": now}})


def _key(doc: dict[str, Any]) -> ApiKey:
    return ApiKey(id=doc.pop("_id"), **doc)
