"""The rate budget of a sender address: a sliding minute shared by all processes.

A sliding window, as a fixed one would let twice the budget through around the full minute. Permits
are counted by whole seconds and each counts for 61 seconds from the start of its second: with 60,
fractions of a second could let more than the budget through within a minute.
"""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, guarded

WINDOW_SECONDS = 61


class MongoRateBudget:
    """Implements ``services.ports.RateBudgetStore``."""

    def __init__(self, db: Database) -> None:
        self._budgets = db.rate_budgets

    @guarded
    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        second = int(now.timestamp())
        recent = {
            "$filter": {
                "input": {"$ifNull": ["$used", []]},
                "cond": {"$gt": ["$$this.second", second - WINDOW_SECONDS]},
            }
        }
        room = {"$lt": [{"$sum": "$used.number"}, per_minute]}
        pipeline: list[dict[str, Any]] = [
            {"$set": {"used": recent}},
            {"$set": {"granted": room}},
            {"$set": {"used": {"$cond": ["$granted", _with_one_more(second), "$used"]}}},
        ]
        for _ in range(2):
            try:
                doc = await self._budgets.find_one_and_update(
                    {"_id": sender.casefold()},
                    pipeline,
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
                break
            except DuplicateKeyError:
                continue  # another process inserted the document: the next attempt finds it
        else:
            return 1.0
        if doc["granted"]:
            return 0.0
        oldest = min(int(bucket["second"]) for bucket in doc["used"])
        return max(oldest + WINDOW_SECONDS - now.timestamp(), 0.05)


def _with_one_more(second: int) -> dict[str, object]:
    same = {"$eq": ["$$this.second", second]}
    others = {"$filter": {"input": "$used", "cond": {"$ne": ["$$this.second", second]}}}
    number = {"$sum": {"$map": {"input": "$used", "in": {"$cond": [same, "$$this.number", 0]}}}}
    return {"$concatArrays": [others, [{"second": second, "number": {"$add": [number, 1]}}]]}
