"""Admins in MongoDB, by tenant and object ID, and the codes for the first one."""

from datetime import datetime
from typing import Any

from pymongo import ASCENDING

from services.adapters.store.client import Database, guarded, plain
from services.domain import AdminEntry


class MongoAdmins:
    """Implements ``services.ports.AdminStore``."""

    def __init__(self, db: Database) -> None:
        self._admins = db.admins
        self._codes = db.admin_codes

    @guarded
    async def list_admins(self) -> list[AdminEntry]:
        cursor = self._admins.find().sort([("name", ASCENDING), ("object_id", ASCENDING)])
        return [_admin(doc) async for doc in cursor]

    @guarded
    async def add(self, admin: AdminEntry) -> bool:
        result = await self._admins.update_one(
            {"_id": _key(admin.tenant_id, admin.object_id)},
            {"$setOnInsert": plain(admin.model_dump())},
            upsert=True,
        )
        return result.upserted_id is not None

    @guarded
    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        doc = await self._admins.find_one_and_delete({"_id": _key(tenant_id, object_id)})
        return _admin(doc) if doc else None

    @guarded
    async def offer_code(self, code_sha256: str, now: datetime) -> None:
        await self._codes.update_one({"_id": code_sha256}, {"$set": {"at": now}}, upsert=True)

    @guarded
    async def list_codes(self) -> list[str]:
        return [doc["_id"] async for doc in self._codes.find().sort("at", ASCENDING)]

    @guarded
    async def take_code(self, code_sha256: str) -> bool:
        taken = await self._codes.delete_one({"_id": code_sha256})
        if taken.deleted_count == 0:
            return False
        await self._codes.delete_many({})
        return True


def _key(tenant_id: str, object_id: str) -> str:
    return f"{tenant_id.lower()}|{object_id.lower()}"


def _admin(doc: dict[str, Any]) -> AdminEntry:
    doc.pop("_id")
    return AdminEntry(**doc)
