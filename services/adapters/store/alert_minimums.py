"""Alert minimums of accounts in MongoDB."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, guarded, plain
from services.domain import (
    AlertMinimum,
    SourceName,
)


class MongoAlertMinimums:
    """Implements ``services.ports.AlertMinimumStore``."""

    def __init__(self, db: Database) -> None:
        # The collection keeps the name that it was created with.
        self._minimums = db.floors

    @guarded
    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        ids = [f"{source}:{account}" for account in accounts]
        minimums = {}
        async for doc in self._minimums.find({"_id": {"$in": ids}}):
            del doc["_id"]
            minimums[doc["account_id"]] = AlertMinimum(**doc)
        return minimums

    @guarded
    async def replace(
        self,
        source: SourceName,
        account_id: str,
        minimum: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        key = {"_id": f"{source}:{account_id}"}
        if was is None:
            if minimum is None:
                return await self._minimums.count_documents(key) == 0
            try:
                await self._minimums.insert_one({**key, **plain(minimum.model_dump())})
            except DuplicateKeyError:
                return False
            return True
        unchanged = {**key, "entry": was.entry}
        if minimum is None:
            return (await self._minimums.delete_one(unchanged)).deleted_count == 1
        result = await self._minimums.replace_one(unchanged, plain(minimum.model_dump()))
        return result.matched_count == 1
