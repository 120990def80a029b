"""Imports awaiting confirmation, in MongoDB."""

from services.adapters.store.client import Database, guarded, plain
from services.domain import PendingImport


class MongoPendingImports:
    """Implements ``services.ports.PendingImportStore``."""

    def __init__(self, db: Database) -> None:
        self._pending = db.pending_imports

    @guarded
    async def put(self, pending: PendingImport) -> None:
        doc = plain(pending.model_dump(exclude={"id"}))
        await self._pending.replace_one({"_id": pending.id}, doc, upsert=True)

    @guarded
    async def take(self, pending_id: str) -> PendingImport | None:
        doc = await self._pending.find_one_and_delete({"_id": pending_id})
        return PendingImport(id=doc.pop("_id"), **doc) if doc else None
