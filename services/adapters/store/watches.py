"""States of detection, one document for each account.

A state that cannot be read, or is not what was stored, is as if it had never been: it is made again
from history, and no day fails for it.
"""

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import structlog
from pymongo import ReplaceOne

from services.adapters.store.client import Database, guarded
from services.model import KeptWatch, SourceName

log = structlog.get_logger()

FIELDS = ("made_with", "basis", "state", "settled")
LARGEST = 12_000_000
"""Bytes of a state that is kept; MongoDB's limit of 16 MB leaves room for the rest."""


class MongoWatches:
    """Implements ``services.ports.WatchStore``."""

    def __init__(self, db: Database) -> None:
        self._watches = db.watches

    @guarded
    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, KeptWatch]:
        query = {"_id": {"$in": _ids(source, accounts)}, "settled": True}
        docs = await self._watches.find(query).to_list(None)
        watches = [_watch(doc) for doc in docs]
        return {one.account_id: one for one in watches if one is not None}

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
                    "check": _check(one),
                    **{name: getattr(one, name) for name in FIELDS},
                },
                upsert=True,
            )
            for _id, one in zip(
                _ids(source, [one.account_id for one in watches]), watches, strict=True
            )
            if len(one.state) <= LARGEST
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


def _check(watch: KeptWatch) -> int:
    """A sum of all that must not have changed."""
    told = (watch.account_id, watch.through.isoformat(), watch.made_with, watch.basis)
    return zlib.crc32(watch.state, zlib.crc32("\n".join(told).encode()))


def _watch(doc: dict[str, Any]) -> KeptWatch | None:
    try:
        found = KeptWatch(
            account_id=doc["account_id"],
            through=date.fromisoformat(doc["through"]),
            **{name: doc[name] for name in FIELDS},
        )
        if _check(found) == doc["check"]:
            return found
        reason = "its sum is another"
    except (KeyError, TypeError, ValueError) as error:
        reason = repr(error)
    log.warning("kept_watch_damaged", watch=doc["_id"], reason=reason)
    return None
