"""The daily run: reads the costs, and records crossed thresholds and detected events."""

from services.anomalies import AnomalyLifecycle
from services.domain import Run, RunSummary
from services.reports import AdminReportBuilder, ThresholdRecorder, run_summary
from services.runs.detection import DetectionUses, RunDetection
from services.runs.planner import TEAMS_AT_ONCE
from services.runs.progress import Progress
from services.runtime.batches import chunked
from services.runtime.context import Context


class DailyRun:
    """Detects the anomalies of a day."""

    def __init__(
        self,
        use: DetectionUses,
        detection: RunDetection,
        anomalies: AnomalyLifecycle,
        context: Context,
    ) -> None:
        source = context.source.name
        self._costs = use.costs
        self._teams = use.teams
        self._detection = detection
        self._anomalies = anomalies
        self._thresholds = ThresholdRecorder(use.reports, anomalies, source)
        self._source = source
        self._clock = context.clock

    async def detect_day(self, run: Run, progress: Progress) -> RunSummary:
        """Detect up to the last complete day; the summary counts the open anomalies."""
        now = self._clock()
        teams = await self._teams.list()
        await self._costs.refresh(now, [team.aws_account_id for team in teams], progress)
        # Before the thresholds: a crossed threshold that a detected event covers gets no card of its own.
        relearned = await self._detection.read_history(now, progress)
        basis, count = await self._detection.detect(now, relearned)
        builder = AdminReportBuilder(basis, {})
        for batch in chunked(teams, TEAMS_AT_ONCE):
            for report in await self._thresholds.team_reports(basis, batch, {}, forecasts=False):
                builder.add_team(report)
                count += sum(anomaly.kind == "threshold" for anomaly in report.anomalies)
        await self._anomalies.close_past_months(self._source, basis.window.current.first, now)
        return run_summary(basis, builder, len(teams), count)
