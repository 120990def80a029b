"""What each tick of the scheduler does: start what is due, resume what is open.

The ticker only ticks. What is due is decided by pure functions from the stored schedule and the
present instant, and MongoDB decides which worker does it. Restarts, downtime, a changed schedule
and several replicas are all one case that way, which no timer of APScheduler offers: its memory
store forgets what was due during downtime, and its Mongo store fires on every replica (3.11.3).
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.administration import Config
from services.costs import CostIngest
from services.domain import Actor, Run, RunKind, RunState, StoredConfig
from services.domain.schedule import due_periods, missed_slot, period_of
from services.mailing import Notices
from services.ports import Start
from services.runs.detection import RunDetection
from services.runs.requests import RunRequests
from services.runs.worker import Worker, is_due
from services.runtime.context import Context
from services.runtime.server_clock import skew_problem
from services.teams import Teams

log = structlog.get_logger()

SCHEDULER = Actor(interface="scheduler")


@dataclass(frozen=True, slots=True)
class SchedulerUses:
    """What the scheduler uses of other capabilities."""

    config: Config
    costs: CostIngest
    teams: Teams
    notices: Notices
    detection: RunDetection


class Scheduler:
    """Starts the weekly run of a due slot and the daily run of each complete day."""

    def __init__(
        self,
        *,
        use: SchedulerUses,
        runs: RunRequests,
        worker: Worker,
        start: Start,
        send_alerts: Callable[[datetime], Coroutine[Any, Any, None]],
        context: Context,
    ) -> None:
        self._config = use.config
        self._costs = use.costs
        self._teams = use.teams
        self._notices = use.notices
        self._detection = use.detection
        self._runs = runs
        self._worker = worker
        self._start = start
        self._send_alerts = send_alerts
        self._clock = context.clock
        self._skew = context.pacing.skew
        self._name = context.worker
        self._backfilled: frozenset[str] | None = None
        """Accounts whose history is known to be stored; None: check again."""
        self._missed_checked: datetime | None = None
        """The newest slot that is known to have a run, or is stored as missed."""

    async def tick(self) -> None:
        """Start what is due; quick, as the work goes to background tasks."""
        now = self._clock()
        if (problem := skew_problem(self._skew())) is not None:
            await self._report_skew(problem, now)
            return
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

    async def _report_skew(self, problem: str, now: datetime) -> None:
        """Take no work, but tell the admins once a day, by the only email that goes out then.

        This may be the only worker: without this email nobody would hear of it.
        """
        log.error("clock_skewed", problem=problem)
        host = self._name.partition("|")[0]
        await self._notices.notify(
            f"skew:{host}",
            "the agent is not working: a clock is wrong",
            [f"{host}: {problem}"],
            now,
        )
        for run in await self._runs.open_runs():
            if run.kind is RunKind.NOTICE and is_due(run, now):
                self._start(f"run {run.id}", self._worker.work(run.id))

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
        """Read what no run has read; what was detected without it is detected again."""
        await self._detection.catch_up(now)
        self._backfilled = accounts

    def send_alerts(self) -> None:
        """Start a round of alerts in the background."""
        if skew_problem(self._skew()) is None:
            self._start("alerts", self._send_alerts(self._clock()))

    def work(self, run_id: str) -> None:
        """Work on a run in the background, then send the alerts that result from it.

        A worker whose clock is wrong leaves it to the others.
        """
        if skew_problem(self._skew()) is None:
            self._start(f"run {run_id}", self._work(run_id))

    async def _work(self, run_id: str) -> None:
        await self._worker.work(run_id)
        self.send_alerts()

    async def _begin(self, kind: RunKind, period: str, now: datetime) -> Run:
        run = await self._runs.request(kind, SCHEDULER, now, period=period, due=True)
        if run.state is RunState.OPEN:
            log.debug("run_due", run=run.id)
        return run
