"""Team reports, with the thresholds that they cross recorded as anomalies."""

from collections.abc import Mapping, Sequence

from services.anomalies import AnomalyLifecycle
from services.domain import Anomaly, Restatement, SourceName, Team, TeamReport
from services.reports.basis import Basis
from services.reports.builder import ReportBuilder


class ThresholdRecorder:
    """Builds team reports and records the thresholds that they cross."""

    def __init__(
        self, reports: ReportBuilder, anomalies: AnomalyLifecycle, source: SourceName
    ) -> None:
        self._reports = reports
        self._anomalies = anomalies
        self._source = source

    async def team_reports(
        self,
        basis: Basis,
        teams: Sequence[Team],
        restatements: Mapping[str, Restatement],
        *,
        record: bool = True,
        forecasts: bool = True,
    ) -> list[TeamReport]:
        """The reports of some teams.

        ``record``: store what crossed a threshold, unless the period is over, as nobody needs an
        alert of it then. ``forecasts``: for showing.
        """
        reports = await self._reports.team_reports(basis, teams, restatements, forecasts=forecasts)
        if basis.past or not record:
            return reports
        accounts = [team.aws_account_id for team in teams]
        earlier = await self._reports.earlier_anomalies(accounts)
        return [
            await self._recorded(basis, report, earlier.get(report.team.aws_account_id, []))
            for report in reports
        ]

    async def _recorded(
        self, basis: Basis, report: TeamReport, earlier: Sequence[Anomaly]
    ) -> TeamReport:
        account = report.team.aws_account_id
        await self._anomalies.record_threshold(
            self._source,
            account,
            report.figures,
            basis.made_at,
            report.planned_change,
            earlier,
            basis.state.installed_through,
        )
        anomalies = (await self._reports.open_anomalies(basis, [account])).get(account, [])
        return report.model_copy(update={"anomalies": tuple(anomalies)})
