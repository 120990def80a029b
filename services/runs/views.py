"""Runs and their deliveries as people look at them."""

from collections.abc import Sequence
from datetime import datetime

from services.domain import Delivery, DeliveryState, Run, RunKind, RunState, SourceName
from services.domain.errors import NotFoundError
from services.domain.run_states import MAX_LISTED_DELIVERIES, RETRYABLE, RunView, other_run_id
from services.ports import CostStore, DeliveryLedger, RunStore


class RunViews:
    """Reads the runs of one source."""

    def __init__(
        self, runs: RunStore, deliveries: DeliveryLedger, costs: CostStore, source: SourceName
    ) -> None:
        self._costs = costs
        self._runs = runs
        self._deliveries = deliveries
        self._source = source

    async def get(self, run_id: str) -> Run:
        """Return a run, under either form of its ID. Raises NotFoundError."""
        run = await self._runs.get(run_id)
        if run is None and (other_id := other_run_id(run_id)) is not None:
            run = await self._runs.get(other_id)
        if run is None or run.source != self._source:
            raise NotFoundError(f"Run {run_id} does not exist. See the list of runs.")
        return run

    async def view(self, run_id: str, states: Sequence[DeliveryState] = RETRYABLE) -> RunView:
        """The run with at most 100 deliveries in these states. Raises NotFoundError."""
        run = await self.get(run_id)
        return RunView(
            run,
            await self._deliveries.counts(run.ledger_id),
            await self._deliveries.list_deliveries(
                run.ledger_id, states=states, limit=MAX_LISTED_DELIVERIES
            ),
        )

    async def deliveries(
        self, run_id: str, limit: int, after: tuple[str, str] | None = None
    ) -> list[Delivery]:
        """A page of a run's deliveries, by recipient; ``after``: (recipient, ID)."""
        run = await self.get(run_id)
        return await self._deliveries.list_deliveries(run.ledger_id, after=after, limit=limit)

    async def progress(self, run_id: str) -> RunView:
        """The run with its counts; once it is over, with the deliveries that can be retried."""
        run = await self.get(run_id)
        is_over = run.state is not RunState.OPEN
        deliveries = await self.failures(run_id) if is_over else []
        counts = await self._deliveries.counts(run.ledger_id)
        if is_over or run.planned:
            return RunView(run, counts, deliveries)
        state = await self._costs.state(self._source)
        return RunView(run, counts, deliveries, None if state.has_history else state.history)

    async def unsettled(self, run_id: str) -> RunView:
        """The run with the deliveries that have not been sent."""
        run = await self.get(run_id)
        states = (*RETRYABLE, DeliveryState.PENDING)
        deliveries = await self._deliveries.list_deliveries(run.ledger_id, states=states)
        return RunView(run, await self._deliveries.counts(run.ledger_id), deliveries)

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """How many of a run's deliveries are in each state."""
        return await self._deliveries.counts((await self.get(run_id)).ledger_id)

    async def failures(self, run_id: str) -> list[Delivery]:
        """The deliveries of a run that a person may retry."""
        ledger_id = (await self.get(run_id)).ledger_id
        return await self._deliveries.list_deliveries(ledger_id, states=RETRYABLE)

    async def last_sent(self, runs: Sequence[Run]) -> datetime | None:
        """When the newest email of these runs was sent; None if none was."""
        sent = [await self._deliveries.last_sent(run.ledger_id) for run in runs]
        return max((at for at in sent if at is not None), default=None)

    async def newest(
        self,
        limit: int = 100,
        *,
        kind: RunKind | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[Run]:
        """The newest runs; ``after``: those that follow this position (created_at, ID)."""
        return await self._runs.list_runs(self._source, kind=kind, after=after, limit=limit)
