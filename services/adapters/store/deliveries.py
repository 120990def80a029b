"""The delivery ledger: every change is a compare-and-set on ID, fence, state and phase.

The fence makes it safe, not the clock: a worker that was suspended past its lease and wakes up
finds a higher fence, and its update matches nothing. Clocks only decide when work is taken over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne

from services.adapters.store.client import Database, ahead, guarded, plain
from services.domain import Delivery, DeliveryPhase, DeliveryState

SENDING = DeliveryState.SENDING.value
PENDING = DeliveryState.PENDING.value
BY_RECIPIENT = [("recipient", ASCENDING), ("_id", ASCENDING)]


class MongoDeliveries:
    """Implements ``services.ports.DeliveryLedger``."""

    def __init__(self, db: Database) -> None:
        self._deliveries = db.deliveries

    @guarded
    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        await self._deliveries.bulk_write(
            [
                UpdateOne(
                    {"_id": delivery.id},
                    {"$setOnInsert": plain(delivery.model_dump(exclude={"id"}))},
                    upsert=True,
                )
                for delivery in deliveries
            ],
            ordered=False,
        )

    @guarded
    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        doc = await self._deliveries.find_one_and_update(
            _due(run_id, now),
            {
                "$set": {
                    "state": SENDING,
                    "phase": DeliveryPhase.CLAIM.value,
                    "owner": owner,
                    "lease_until": now + ttl,
                    "updated_at": now,
                },
                # From here on, updates by an earlier holder no longer match.
                "$inc": {"attempts": 1, "fence": 1},
            },
            sort=[("not_before", ASCENDING), ("_id", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return _delivery(doc) if doc else None

    @guarded
    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        # Written before the first byte of the message leaves: whatever happens afterwards, the
        # ledger says that the email may have been sent.
        return await self._change(
            delivery,
            DeliveryPhase.CLAIM,
            {
                "$set": {
                    "phase": DeliveryPhase.DATA.value,
                    "raw_sha256": raw_sha256,
                    "lease_until": now + ttl,
                    "updated_at": now,
                }
            },
        )

    @guarded
    async def finish(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> bool:
        change: dict[str, Any] = {
            "state": state.value,
            "phase": None,
            "owner": None,
            "lease_until": None,
            "reply": reply,
            "error": error,
            "updated_at": now,
        }
        if not_before is not None:
            change["not_before"] = not_before
        update = {"$set": change, "$inc": {"ambiguous": int(ambiguous)}}
        return await self._change(delivery, phase, update)

    @guarded
    async def any_due(self, run_id: str, now: datetime) -> bool:
        return await self._deliveries.find_one(_due(run_id, now), {"_id": 1}) is not None

    @guarded
    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        reset = {"state": PENDING, "phase": None, "owner": None, "lease_until": None}
        result = await self._deliveries.update_one(
            {"_id": delivery.id, "fence": delivery.fence, "state": SENDING},
            {"$set": {**reset, "updated_at": now}, "$inc": {"attempts": -1}},
        )
        return result.matched_count == 1

    async def _change(
        self, delivery: Delivery, phase: DeliveryPhase, update: dict[str, Any]
    ) -> bool:
        result = await self._deliveries.update_one(
            {
                "_id": delivery.id,
                "fence": delivery.fence,
                "state": SENDING,
                "phase": phase.value,
            },
            update,
        )
        return result.matched_count == 1

    @guarded
    async def owners(self, run_id: str) -> set[str]:
        return set(await self._deliveries.distinct("owner", {"run_id": run_id, "state": SENDING}))

    @guarded
    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        await self._deliveries.update_many(
            {"run_id": run_id, "state": SENDING, "owner": owner},
            {"$set": {"lease_until": now - timedelta(seconds=1)}},
        )

    @guarded
    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        cursor = self._deliveries.find(
            {"run_id": run_id, "state": SENDING, "lease_until": {"$lt": now}}
        )
        return [_delivery(doc) async for doc in cursor.sort(BY_RECIPIENT)]

    @guarded
    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        doc = await self._deliveries.find_one_and_update(
            {
                "_id": delivery.id,
                "fence": delivery.fence,
                "state": SENDING,
                "lease_until": {"$lt": now},
            },
            {
                "$set": {"owner": owner, "lease_until": now + ttl, "updated_at": now},
                "$inc": {"fence": 1},
            },
            return_document=ReturnDocument.AFTER,
        )
        return _delivery(doc) if doc else None

    @guarded
    async def expire(self, run_id: str, now: datetime) -> int:
        result = await self._deliveries.update_many(
            {"run_id": run_id, "state": PENDING, "not_after": {"$lt": now}},
            {"$set": {"state": DeliveryState.EXPIRED.value, "updated_at": now}},
        )
        return result.modified_count

    @guarded
    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        ended = [DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN]
        result = await self._deliveries.update_many(
            {"run_id": run_id, "state": {"$in": [state.value for state in ended]}},
            {
                "$set": {
                    "state": PENDING,
                    "not_before": now,
                    "not_after": not_after,
                    "updated_at": now,
                }
            },
        )
        return result.modified_count

    @guarded
    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        grouped = self._deliveries.aggregate(
            [
                {"$match": {"run_id": run_id}},
                {"$group": {"_id": "$state", "number": {"$sum": 1}}},
            ]
        )
        return {DeliveryState(doc["_id"]): doc["number"] async for doc in grouped}

    @guarded
    async def next_due(self, run_id: str) -> datetime | None:
        times = []
        for state, field in ((PENDING, "not_before"), (SENDING, "lease_until")):
            doc = await self._deliveries.find_one(
                {"run_id": run_id, "state": state}, {field: 1}, sort=[(field, ASCENDING)]
            )
            if doc is not None:
                times.append(doc[field])
        return min(times, default=None)

    @guarded
    async def last_sent(self, run_id: str) -> datetime | None:
        doc = await self._deliveries.find_one(
            {"run_id": run_id, "state": DeliveryState.SENT.value},
            {"updated_at": 1},
            sort=[("updated_at", DESCENDING)],
        )
        return doc["updated_at"] if doc else None

    @guarded
    async def list_deliveries(
        self,
        run_id: str,
        *,
        states: Sequence[DeliveryState] | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        query: dict[str, Any] = {"run_id": run_id}
        if states is not None:
            query["state"] = {"$in": [state.value for state in states]}
        if after is not None:
            query |= ahead(("recipient", "_id"), after)
        cursor = self._deliveries.find(query).sort(BY_RECIPIENT).limit(limit or 0)
        return [_delivery(doc) async for doc in cursor]


def _due(run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "state": PENDING,
        "not_before": {"$lte": now},
        "not_after": {"$gte": now},
    }


def _delivery(doc: dict[str, Any]) -> Delivery:
    return Delivery(id=doc.pop("_id"), **doc)
