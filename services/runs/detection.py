"""Detection as runs do it: over all accounts, after their history has been read.

What is detected from two months alone dates a rise wrong, and takes a yearly charge for one. So the
first run waits for the history. Where it cannot be had in time, the run goes on without, nobody is
alerted for a day, and what was detected is detected again once the history is there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from services.administration import Config
from services.anomalies import DailyDetector
from services.costs import CostIngest
from services.domain import RunKind, RunState, SourceState
from services.domain.errors import CostSourceError
from services.domain.schedule import period_of
from services.ports import RunStore
from services.reports import Basis, ReportBuilder
from services.runs.progress import Progress, no_progress
from services.runtime.context import Context
from services.teams import Teams

log = structlog.get_logger()

MAX_EARLIER_RUNS = 30


@dataclass(frozen=True, slots=True)
class DetectionUses:
    """What detection uses of other capabilities."""

    costs: CostIngest
    reports: ReportBuilder
    teams: Teams
    config: Config
    detector: DailyDetector
    runs: RunStore


class RunDetection:
    """Detects the anomalies of all accounts in the costs that are stored."""

    def __init__(self, use: DetectionUses, context: Context) -> None:
        self._use = use
        self._source = context.source.name
        self._clock = context.clock
        self._shutdown = context.shutdown
        self._patience = timedelta(seconds=context.timing.history_patience)

    async def read_history(self, now: datetime, progress: Progress = no_progress) -> set[str]:
        """Read the history that is not stored; return the accounts of which there is more now.

        Gives up after a while, or when the source fails: the background goes on.
        """
        until = self._clock() + self._patience
        try:
            history = await self._use.costs.backfill(
                now,
                await self._accounts(await self._basis(now)),
                progress,
                lambda: self._clock() < until and not self._shutdown.requested,
            )
        except CostSourceError as error:
            log.warning("history_postponed", error=str(error))
            return set()
        if not history.is_complete:
            log.warning("history_postponed", error="It takes longer than a report can wait.")
        return set(history.added)

    async def catch_up(self, now: datetime) -> None:
        """Read the history that no run has read, however long it takes, and detect again with it."""
        history = await self._use.costs.backfill(now, await self._accounts(await self._basis(now)))
        state = await self._use.costs.state()
        is_provisional = state.installed_at and state.detected_at and not state.detected_through
        if history.added or (history.is_complete and is_provisional):
            await self.detect(now, history.added)

    async def detect(self, now: datetime, relearned: Collection[str]) -> tuple[Basis, int]:
        """Detect up to the last complete day; return what it is based on, and how many are open.

        ``relearned``: accounts of which older costs have been read since the last detection.
        """
        basis = await self._basis(now)
        state = basis.state
        open_count = await self._use.detector.detect_day(
            sorted(await self._accounts(basis)),
            basis.data_through,
            state.currency,
            now,
            since=await self._detected_through(state),
            alert_minimum=basis.config.min_increase,
            relearned=relearned,
            installed_through=state.installed_through,
        )
        is_final = state.has_history or not state.awaits_history(now)
        through = basis.data_through if is_final else state.detected_through
        await self._use.costs.save_detected(
            state.model_copy(update={"detected_through": through, "detected_at": now})
        )
        return basis, open_count

    async def _basis(self, now: datetime) -> Basis:
        config = await self._use.config.stored(now)
        period = period_of(now, config.schedule_timezone)
        return await self._use.reports.basis(config, period, now)

    async def _accounts(self, basis: Basis) -> set[str]:
        """The accounts of teams, and all others with costs."""
        teams = {team.aws_account_id for team in await self._use.teams.list()}
        return teams | set(await self._use.reports.account_totals(basis))

    async def _detected_through(self, state: SourceState) -> date | None:
        """The last day up to which detection ran; None for the first.

        Earlier versions stored it with the daily runs alone.
        """
        if state.detected_through is not None or state.installed_at is not None:
            return state.detected_through
        earlier = await self._use.runs.list_runs(
            self._source, kind=RunKind.DAILY, limit=MAX_EARLIER_RUNS
        )
        days = [
            run.summary.data_through
            for run in earlier
            if run.state is RunState.DONE and run.summary is not None
        ]
        return max(days, default=None)
