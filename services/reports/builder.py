"""Reports from stored costs: the figures of accounts and a team's report.

A preview and a run build their reports with the same ``ReportBuilder``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from services.analysis.figures import DAYS_BEFORE_LAST, account_figures
from services.analysis.learning import learning_day
from services.analysis.suppression import (
    RAISED_AFTER_END_WINDOW,
    deduplicated,
    ended_since_install,
    raised_after_end,
)
from services.analysis.threshold import evaluate_threshold
from services.analysis.windows import complete_at, expected_data_through
from services.anomalies import PlannedChanges, resolved_by_planned_change
from services.domain import (
    AccountFigures,
    AdminReport,
    Anomaly,
    CostSeries,
    DaySpan,
    PlannedChange,
    RenderedReport,
    Restatement,
    SourceDescription,
    StoredConfig,
    Team,
    TeamReport,
)
from services.domain.errors import CostSourceError
from services.domain.schedule import month_of, reference_time
from services.mailing import render_admin, render_team
from services.ports import AlertMinimumStore, AnomalyStore, CostStore
from services.reports.admin_outlooks import admin_outlook
from services.reports.basis import AdminOutlook, Basis, learning_words
from services.reports.preview_json import admin_preview, team_preview
from services.teams import Teams

EARLIER_ANOMALIES_PER_ACCOUNT = 20
"""How many are read, on average."""


class ReportBuilder:
    """Builds reports from the stored costs of one source."""

    def __init__(
        self,
        *,
        costs: CostStore,
        teams: Teams,
        anomalies: AnomalyStore,
        planned_changes: PlannedChanges,
        alert_minimums: AlertMinimumStore,
        source: SourceDescription,
        complete_after_hours: int,
        app_id: str | None,
    ) -> None:
        self._costs = costs
        self._teams = teams
        self._anomalies = anomalies
        self._planned_changes = planned_changes
        self._alert_minimums = alert_minimums
        self._source = source.name
        self._source_title = source.title
        self._metric_label = source.metric_label
        self._is_sample = source.is_sample
        self._complete_after_hours = complete_after_hours
        self._app_id = app_id

    def expected_through(self, now: datetime) -> date:
        """The last day that should be complete at an instant."""
        return expected_data_through(now, self._complete_after_hours)

    async def basis(self, config: StoredConfig, period: str, now: datetime) -> Basis:
        """Fix what the reports of a period are made from.

        A period that is over is reported as of its end; a month (``2026-10``) as soon as it can
        be compared in full with the one before. Raises CostSourceError when no costs have been
        read yet.
        """
        state = await self._costs.state(self._source)
        if state.data_through is None:
            raise CostSourceError("No costs have been read yet. Try again soon.", permanent=False)
        if (month := month_of(period)) is not None:
            at = min(now, complete_at(month.next.span.first, self._complete_after_hours))
        else:
            at = reference_time(period, config.schedule_timezone, now)
        expected = self.expected_through(at)
        return Basis(
            period=period,
            made_at=now,
            source=self._source,
            config=config,
            state=state,
            data_through=min(state.data_through, expected),
            expected_through=expected,
            hidden=await self._teams.hidden_accounts(),
            metric=self._metric_label(state.metric),
            past=at < now,
        )

    async def figures(
        self,
        basis: Basis,
        accounts: Sequence[str],
        thresholds: Mapping[str, float],
        *,
        forecasts: bool = False,
    ) -> dict[str, AccountFigures]:
        """The figures of each account.

        ``thresholds`` by account override the global one; an account's alert minimum raises the
        minimum increase. ``forecasts``: with the month-end forecast, from 15 months of history.
        """
        minimums = await self._alert_minimums.of(self._source, accounts)
        first = basis.span.first - DAYS_BEFORE_LAST
        span = basis.history if forecasts else DaySpan(first, basis.span.last)
        table = await self._costs.load(self._source, accounts, span)
        by_account: dict[str, list[CostSeries]] = {account: [] for account in accounts}
        for series in table.series:
            by_account[series.account_id].append(series)
        figures = {}
        for account, account_series in by_account.items():
            own_minimum = float(minimums[account].amount) if account in minimums else 0.0
            figures[account] = account_figures(
                table.span,
                account_series,
                basis.state.currency,
                basis.data_through,
                thresholds.get(account, basis.config.anomaly_threshold),
                max(basis.config.min_increase, own_minimum),
                forecast=forecasts,
            )
            if forecasts:
                learned = learning_day(table.span, account_series)
                figures[account] = figures[account].model_copy(update={"learning_day": learned})
            await asyncio.sleep(0)  # let other requests run between accounts
        return figures

    async def team_reports(
        self,
        basis: Basis,
        teams: Sequence[Team],
        restatements: Mapping[str, Restatement] | None = None,
        *,
        forecasts: bool = True,
    ) -> list[TeamReport]:
        """The reports of some teams, which are held in memory together.

        ``restatements`` by team ID; ``forecasts``: for showing, see ``figures``.
        """
        accounts = [team.aws_account_id for team in teams]
        thresholds = {
            team.aws_account_id: team.anomaly_threshold
            for team in teams
            if team.anomaly_threshold is not None
        }
        figures = await self.figures(basis, accounts, thresholds, forecasts=forecasts)
        anomalies = await self.open_anomalies(basis, accounts)
        ended = await self._ended_anomalies(basis, accounts)
        planned_changes = await self._planned_changes.of_accounts(accounts, basis.window.current)
        reports = []
        for team in teams:
            account = team.aws_account_id
            report = await self.team_report(
                basis,
                team,
                figures[account],
                anomalies.get(account, []),
                (restatements or {}).get(team.id),
                planned_changes.get(account),
            )
            reports.append(report.model_copy(update={"ended": tuple(ended.get(account, ()))}))
            await asyncio.sleep(0)  # let other requests run between teams
        return reports

    async def team_report(
        self,
        basis: Basis,
        team: Team,
        figures: AccountFigures,
        anomalies: Sequence[Anomaly],
        restatement: Restatement | None = None,
        planned_change: PlannedChange | None = None,
    ) -> TeamReport:
        """A team's report.

        A breach that is not recorded yet is listed all the same, unless it lies within the planned
        change or a detected event covers it.
        """
        if figures.last_day is None:
            last = await self._costs.last_days(self._source, [team.aws_account_id])
            figures = figures.model_copy(update={"last_day": last.get(team.aws_account_id)})
        listable = list(anomalies)
        breach = evaluate_threshold(
            self._source,
            team.aws_account_id,
            figures,
            basis.made_at,
            basis.state.installed_through,
        )
        if breach is not None and await self._is_unrecorded(
            breach, figures, planned_change, anomalies, basis.made_at
        ):
            listable.append(breach)
        return TeamReport(
            team=team,
            figures=figures,
            anomalies=tuple(sorted(deduplicated(listable), key=lambda anomaly: -anomaly.excess)),
            restatement=restatement,
            planned_change=planned_change,
            learning=learning_words(figures.learning_day, basis.state),
            has_detected=basis.state.has_detected,
            expected_through=basis.expected_through,
            sample=self._is_sample,
            source_title=self._source_title,
            metric=basis.metric,
            contacts=basis.config.global_admin_emails,
            period=basis.period,
            made_at=basis.made_at,
        )

    async def _is_unrecorded(
        self,
        breach: Anomaly,
        figures: AccountFigures,
        planned_change: PlannedChange | None,
        anomalies: Sequence[Anomaly],
        now: datetime,
    ) -> bool:
        if resolved_by_planned_change(breach, figures, planned_change, now) is not None:
            return False
        if breach.id in {anomaly.id for anomaly in anomalies}:
            return False
        return await self._anomalies.get(breach.id) is None

    async def open_anomalies(
        self, basis: Basis, accounts: Sequence[str]
    ) -> dict[str, list[Anomaly]]:
        """The open anomalies by account, deduplicated; of a past period, those in its days."""
        by_account: dict[str, list[Anomaly]] = {}
        for anomaly in await self._anomalies.open_of(self._source, accounts):
            if not basis.past or _is_in_period(anomaly, basis):
                by_account.setdefault(anomaly.account_id, []).append(anomaly)
        return {account: deduplicated(anomalies) for account, anomalies in by_account.items()}

    async def _ended_anomalies(
        self, basis: Basis, accounts: Sequence[str]
    ) -> dict[str, list[Anomaly]]:
        """What was raised in the last week after it had ended, by account."""
        by_account: dict[str, list[Anomaly]] = {}
        if basis.past:
            return by_account
        for anomaly in await self._anomalies.ended_of(
            self._source, basis.made_at - RAISED_AFTER_END_WINDOW
        ):
            if anomaly.account_id in accounts and (
                raised_after_end(anomaly) or ended_since_install(anomaly)
            ):
                by_account.setdefault(anomaly.account_id, []).append(anomaly)
        return by_account

    async def earlier_anomalies(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What was raised before by account, newest first: an answer may apply to similar ones."""
        newest = await self._anomalies.newest(
            self._source, accounts, EARLIER_ANOMALIES_PER_ACCOUNT * max(len(accounts), 1)
        )
        by_account: dict[str, list[Anomaly]] = {}
        for anomaly in newest:
            by_account.setdefault(anomaly.account_id, []).append(anomaly)
        return by_account

    def render_team(self, report: TeamReport) -> tuple[RenderedReport, dict[str, object]]:
        """A team's email and its preview JSON."""
        rendered = render_team(report, app_id=self._app_id)
        return rendered, team_preview(report, rendered)

    def render_admin(self, report: AdminReport) -> tuple[RenderedReport, dict[str, object]]:
        """The admins' email and its preview JSON."""
        rendered = render_admin(report)
        return rendered, admin_preview(report, rendered)

    async def outlook(self, basis: Basis) -> AdminOutlook:
        """What the admins' report says beyond the window."""
        return await admin_outlook(self._costs, self._anomalies, self._source, basis)

    async def must_have_costs(self, basis: Basis) -> None:
        """Raise CostSourceError when nothing at all was spent in the days of a period."""
        if not await self.account_totals(basis):
            span = basis.span
            raise CostSourceError(
                f"There are no costs from {span.first} to {span.last}. No report was created. "
                "Choose a later period.",
                permanent=True,
            )

    async def account_totals(self, basis: Basis) -> dict[str, str | None]:
        """All accounts with costs in the window, with their names where these are known."""
        table = await self._costs.load_totals(self._source, basis.span)
        return {
            series.account_id: table.account_names.get(series.account_id)
            for series in table.series
            if series.account_id not in basis.hidden
        }


def _is_in_period(anomaly: Anomaly, basis: Basis) -> bool:
    last = anomaly.end or anomaly.last or anomaly.start
    return anomaly.start <= basis.data_through and last >= basis.window.current.first
