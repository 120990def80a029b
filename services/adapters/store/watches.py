"""States of detection, one document for each account."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pymongo import ReplaceOne

from services.adapters.store.client import Database, guarded
from services.model import KeptWatch, SourceName

FIELDS = ("made_with", "basis", "state", "settled")


class MongoWatches:
    """Implements ``services.ports.WatchStore``."""

    def __init__(self, db: Database) -> None:
        self._watches = db.watches

    @guarded
    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, KeptWatch]:
        query = {"_id": {"$in": _ids(source, accounts)}, "settled": True}
        docs = await self._watches.find(query).to_list(None)
        return {doc["account_id"]: _watch(doc) for doc in docs}

    @guarded
    async def keep(
        self, source: SourceName, watches: Sequence[KeptWatch], maker: str, now: datetime
    ) -> None:
        writes = [
            ReplaceOne(
                {"_id": _id},
                {
                    "account_id": one.account_id,
                    "through": one.through.isoformat(),
                    "maker": maker,
                    "at": now,
                    **{name: getattr(one, name) for name in FIELDS},
                },
                upsert=True,
            )
            for _id, one in zip(
                _ids(source, [one.account_id for one in watches]), watches, strict=True
            )
        ]
        if writes:
            await self._watches.bulk_write(writes, ordered=False)

    @guarded
    async def settle(self, source: SourceName, accounts: Sequence[str], maker: str) -> None:
        await self._watches.update_many(
            {"_id": {"$in": _ids(source, accounts)}, "maker": maker}, {"$set": {"settled": True}}
        )


def _ids(source: SourceName, accounts: Sequence[str]) -> list[str]:
    return [f"{source}|{account}" for account in accounts]


def _watch(doc: dict[str, Any]) -> KeptWatch:
    return KeptWatch(
        account_id=doc["account_id"],
        through=date.fromisoformat(doc["through"]),
        **{name: doc[name] for name in FIELDS},
    )
