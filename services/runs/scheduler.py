"""What each tick of the scheduler does: start what is due, resume what is open.

The ticker only ticks. What is due is decided by pure functions from the stored schedule and the
present instant, and MongoDB decides which worker does it. Restarts, downtime, a changed schedule
and several replicas are one case that way, which no timer of APScheduler gives: its memory store
forgets what was due during downtime, and its Mongo store fires on every replica (3.11.3).
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from services.administration import Config
from services.costs import CostIngest
from services.domain import Actor, Run, RunKind, RunState, StoredConfig
from services.domain.schedule import due_periods, missed_slot, period_of
from services.ports import Clock, Start
from services.runs.requests import RunRequests
from services.runs.worker import Worker, is_due
from services.teams import Teams

log = structlog.get_logger()

SCHEDULER = Actor(interface="scheduler")


class Scheduler:
    """Starts the weekly run of a due slot and the daily run of each complete day."""

    def __init__(
        self,
        *,
        config: Config,
        runs: RunRequests,
        worker: Worker,
        costs: CostIngest,
        teams: Teams,
        clock: Clock,
        start: Start,
        send_alerts: Callable[[datetime], Coroutine[Any, Any, None]],
    ) -> None:
        self._config = config
        self._runs = runs
        self._worker = worker
        self._costs = costs
        self._teams = teams
        self._clock = clock
        self._start = start
        self._send_alerts = send_alerts
        self._backfilled: frozenset[str] | None = None
        """Accounts whose history is known to be stored; None: check again."""
        self._missed_checked: datetime | None = None
        """The newest slot that is known to have a run, or is stored as missed."""

    async def tick(self) -> None:
        """Start what is due; quick, as the work goes to background tasks."""
        now = self._clock()
        config = await self._config.stored(now)
        teams = await self._teams.list()
        if teams:
            for period in due_periods(config, now):
                await self._begin(RunKind.WEEKLY, period, now)
            await self._note_missed(config, now)
        await self._begin(RunKind.DAILY, self._costs.expected_through(now).isoformat(), now)
        for run in await self._runs.open_runs():
            if is_due(run, now):
                self.work(run.id)
        self.send_alerts()
        state = await self._costs.state()
        if state.data_through is not None:
            accounts = frozenset(team.aws_account_id for team in teams)
            if accounts != self._backfilled:
                self._start("backfill", self._backfill(now, accounts), droppable=True)

    async def _note_missed(self, config: StoredConfig, now: datetime) -> None:
        """Store a slot that passed while no agent was running as a failed run, which is alerted."""
        slot = missed_slot(config, now)
        if slot is None or slot == self._missed_checked:
            return
        # A source that had no run by then was not in use: nothing was missed.
        if await self._runs.has_run_before(slot):
            period = period_of(slot, config.schedule_timezone)
            await self._runs.miss(period, slot, SCHEDULER, now)
        self._missed_checked = slot

    async def _backfill(self, now: datetime, accounts: frozenset[str]) -> None:
        await self._costs.backfill(now, sorted(accounts))
        self._backfilled = accounts

    def send_alerts(self) -> None:
        """Start a round of alerts in the background."""
        self._start("alerts", self._send_alerts(self._clock()))

    def work(self, run_id: str) -> None:
        """Work on a run in the background, then send the alerts that it gave reason for."""
        self._start(f"run {run_id}", self._work(run_id))

    async def _work(self, run_id: str) -> None:
        await self._worker.work(run_id)
        self.send_alerts()

    async def _begin(self, kind: RunKind, period: str, now: datetime) -> Run:
        run = await self._runs.request(kind, SCHEDULER, now, period=period, due=True)
        if run.state is RunState.OPEN:
            log.debug("run_due", run=run.id)
        return run
