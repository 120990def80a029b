"""What each tick of the clock does: begin what is due, go on with what is open.

The ticker only ticks; what is due is decided by pure functions from the stored schedule and
the present instant, and MongoDB decides which worker does it.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from services.config import Config
from services.costs import Costs
from services.model import Actor, Run, RunKind, RunState, SourceName, StoredConfig
from services.ports import Clock, RunStore, Start
from services.reports import ReportMaker
from services.runs import Runs
from services.schedule import due_periods, missed_slot, period_of
from services.teams import Teams
from services.worker import Worker, due_again

log = structlog.get_logger()

CLOCK = Actor(door="clock")


class Clockwork:
    """Begins the weekly run of a due slot and the daily run of each complete day."""

    def __init__(
        self,
        *,
        config: Config,
        runs: Runs,
        store: RunStore,
        worker: Worker,
        costs: Costs,
        maker: ReportMaker,
        teams: Teams,
        source: SourceName,
        clock: Clock,
        start: Start,
        tell: Callable[[datetime], Coroutine[Any, Any, None]],
    ) -> None:
        self._config = config
        self._runs = runs
        self._store = store
        self._worker = worker
        self._costs = costs
        self._maker = maker
        self._teams = teams
        self._source = source
        self._clock = clock
        self._start = start
        self._tell = tell
        self._backfilled: frozenset[str] | None = None
        """Accounts whose history is known to be there; None: look again."""
        self._looked_at: datetime | None = None
        """The newest slot that is known to be run or noted as missed."""

    async def tick(self) -> None:
        """One look at what is due; quick, as the work goes to background tasks."""
        now = self._clock()
        config = await self._config.stored(now)
        teams = await self._teams.list()
        if teams:
            for period in due_periods(config, now):
                await self._begin(RunKind.WEEKLY, period, now)
            await self._note_missed(config, now)
        await self._begin(RunKind.DAILY, self._maker.expected_through(now).isoformat(), now)
        for run in await self._store.list_runs(self._source, open_only=True):
            if due_again(run, now):
                self.work(run.id)
        self.tell()
        state = await self._costs.state()
        if state.data_through is not None:
            accounts = frozenset(team.aws_account_id for team in teams)
            if accounts != self._backfilled:
                self._start("backfill", self._backfill(now, accounts), droppable=True)

    async def _note_missed(self, config: StoredConfig, now: datetime) -> None:
        """A slot that nobody was there for becomes a failed run, so that people are told of it."""
        slot = missed_slot(config, now)
        if slot is None or slot == self._looked_at:
            return
        # Nothing is missed by a source that was not yet at work then.
        if await self._store.list_runs(self._source, before=slot, limit=1):
            await self._runs.miss(period_of(slot, config.schedule_timezone), slot, CLOCK, now)
        self._looked_at = slot

    async def _backfill(self, now: datetime, accounts: frozenset[str]) -> None:
        await self._costs.backfill(now, sorted(accounts))
        self._backfilled = accounts

    def tell(self) -> None:
        """One round of alerts in the background."""
        self._start("alerts", self._tell(self._clock()))

    def work(self, run_id: str) -> None:
        """Works on a run in the background, then tells of what it has found."""
        self._start(f"run {run_id}", self._work(run_id))

    async def _work(self, run_id: str) -> None:
        await self._worker.work(run_id)
        self.tell()

    async def _begin(self, kind: RunKind, period: str, now: datetime) -> Run:
        run = await self._runs.request(kind, CLOCK, now, period=period, due=True)
        if run.state is RunState.OPEN:
            log.debug("run_due", run=run.id)
        return run
