"""A database restored from a backup: what was open in it may have been done since."""

from datetime import datetime
from typing import Any

from services.adapters.store.client import Database, guarded
from services.adapters.store.runs import NOT_PART_OF_RUN, run_of
from services.domain import DeliveryState, RunKind, RunState

UNDECIDED = [DeliveryState.PENDING.value, DeliveryState.SENDING.value]


class MongoRestored:
    """Implements ``services.ports.RestoredStore``."""

    def __init__(self, db: Database) -> None:
        self._runs = db.runs
        self._deliveries = db.deliveries

    @guarded
    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        runs, deliveries = 0, 0
        is_open = {"state": RunState.OPEN.value, "kind": {"$ne": RunKind.DAILY.value}}
        async for doc in self._runs.find(is_open, NOT_PART_OF_RUN):
            # The deliveries first: if this process is killed in between, the run is still open and
            # found again.
            run = run_of(doc)
            result = await self._deliveries.update_many(
                {"run_id": run.ledger_id, "state": {"$in": UNDECIDED}}, _unknown(error, now)
            )
            deliveries += result.modified_count
            await self._runs.update_one(
                {"_id": run.id, "state": RunState.OPEN.value},
                {
                    "$set": {
                        "state": RunState.EXPIRED.value,
                        "finished_at": now,
                        "last_error": error,
                    },
                    "$inc": {"openings": 1},
                },
            )
            runs += 1
        return runs, deliveries


def _unknown(error: str, now: datetime) -> dict[str, Any]:
    # The fence is raised, so that a worker that is still sending cannot record anything.
    return {
        "$set": {
            "state": DeliveryState.UNKNOWN.value,
            "phase": None,
            "owner": None,
            "lease_until": None,
            "error": error,
            "updated_at": now,
        },
        "$inc": {"fence": 1},
    }
