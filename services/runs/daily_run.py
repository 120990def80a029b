"""The daily run: reads the costs, and records crossed thresholds and detected events."""

from datetime import date

from services.administration import Config
from services.anomalies import AnomalyLifecycle, DailyDetector
from services.costs import CostIngest
from services.domain import Run, RunKind, RunState, RunSummary
from services.domain.schedule import period_of
from services.ports import RunStore
from services.reports import AdminReportBuilder, ReportBuilder, ThresholdRecorder, run_summary
from services.runs.planner import TEAMS_AT_ONCE
from services.runs.progress import Progress
from services.runtime.batches import chunked
from services.runtime.context import Context
from services.teams import Teams

MAX_EARLIER_RUNS = 30


class DailyRun:
    """Detects the anomalies of a day."""

    def __init__(
        self,
        *,
        costs: CostIngest,
        reports: ReportBuilder,
        teams: Teams,
        config: Config,
        anomalies: AnomalyLifecycle,
        detections: DailyDetector,
        runs: RunStore,
        context: Context,
    ) -> None:
        source = context.source.name
        self._costs = costs
        self._reports = reports
        self._teams = teams
        self._config = config
        self._anomalies = anomalies
        self._detections = detections
        self._thresholds = ThresholdRecorder(reports, anomalies, source)
        self._runs = runs
        self._source = source
        self._clock = context.clock

    async def detect_day(self, run: Run, progress: Progress) -> RunSummary:
        """Detect up to the last complete day; the summary counts the open anomalies."""
        now = self._clock()
        teams = await self._teams.list()
        accounts = {team.aws_account_id for team in teams}
        await self._costs.refresh(now, [team.aws_account_id for team in teams], progress)
        config = await self._config.stored(now)
        basis = await self._reports.basis(config, period_of(now, config.schedule_timezone), now)
        # Before the thresholds: a crossed threshold that a detected event covers gets no card of its own.
        count = await self._detections.detect_day(
            sorted(accounts | set(await self._reports.account_totals(basis))),
            basis.data_through,
            basis.state.currency,
            now,
            since=await self._detected_through(run),
            alert_minimum=config.min_increase,
        )
        builder = AdminReportBuilder(basis, {})
        for batch in chunked(teams, TEAMS_AT_ONCE):
            for report in await self._thresholds.team_reports(basis, batch, {}, forecasts=False):
                builder.add_team(report)
                count += sum(anomaly.kind == "threshold" for anomaly in report.anomalies)
        await self._anomalies.close_past_months(self._source, basis.window.current.first, now)
        return run_summary(basis, builder, len(teams), count)

    async def _detected_through(self, run: Run) -> date | None:
        """The last day that earlier daily runs covered; None for the first run."""
        earlier = await self._runs.list_runs(
            self._source, kind=RunKind.DAILY, limit=MAX_EARLIER_RUNS
        )
        days = [
            done.summary.data_through
            for done in earlier
            if done.id != run.id and done.state is RunState.DONE and done.summary is not None
        ]
        return max(days, default=None)
