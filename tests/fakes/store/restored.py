"""Settling runs after a restore, in memory."""

from datetime import datetime

from services.domain import (
    DeliveryState,
    RunKind,
    RunState,
)
from tests.fakes.store.deliveries import MemoryDeliveries
from tests.fakes.store.runs import MemoryRuns


class MemoryRestored:
    """Implements ``services.ports.RestoredStore``."""

    def __init__(self, runs: MemoryRuns, ledger: MemoryDeliveries) -> None:
        self._runs = runs.runs
        self._deliveries = ledger.deliveries

    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        runs = [
            run
            for run in self._runs.values()
            if run.state is RunState.OPEN and run.kind is not RunKind.DAILY
        ]
        undecided = [
            delivery
            for delivery in self._deliveries.values()
            if delivery.run_id in {run.ledger_id for run in runs}
            and delivery.state in {DeliveryState.PENDING, DeliveryState.SENDING}
        ]
        for delivery in undecided:
            self._deliveries[delivery.id] = delivery.model_copy(
                update={
                    "state": DeliveryState.UNKNOWN,
                    "phase": None,
                    "owner": None,
                    "lease_until": None,
                    "error": error,
                    "updated_at": now,
                    "fence": delivery.fence + 1,
                }
            )
        for run in runs:
            self._runs[run.id] = run.model_copy(
                update={
                    "state": RunState.EXPIRED,
                    "finished_at": now,
                    "last_error": error,
                    "openings": run.openings + 1,
                }
            )
        return len(runs), len(undecided)
