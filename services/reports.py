"""Reports from stored costs: the figures of accounts, a team's report, what all teams share.

A preview and a run build their reports with the same ``ReportMaker``.
"""

import asyncio
import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median

from services.analysis.figures import account_figures
from services.analysis.forecast import month_end
from services.analysis.quiet import LATE_DAYS, came_ended, listed, told
from services.analysis.threshold import judge
from services.analysis.track_record import HISTORY, track_record
from services.analysis.windows import (
    comparison_window,
    complete_at,
    expected_data_through,
    needed_span,
)
from services.anomalies import planned
from services.errors import CostSourceError
from services.model import (
    AccountFigures,
    AdminReport,
    AlertRecord,
    Anomaly,
    AnomalyStatus,
    CostSeries,
    CostTable,
    DaySpan,
    Forecast,
    PlannedChange,
    RenderedReport,
    Restatement,
    SourceDescription,
    SourceName,
    SourceState,
    SpanDays,
    StoredConfig,
    Team,
    TeamReport,
    TrackRecord,
    WindowDays,
)
from services.plans import Plans
from services.ports import AnomalyStore, CostStore, FloorStore
from services.rendering.preview import admin_preview, team_preview
from services.rendering.reports import render_admin, render_team
from services.schedule import month_of, reference_time

RECORD_DAYS = 90
MOST_ALERTS = 5000
STATUSES: tuple[AnomalyStatus, ...] = (
    *("open", "expected", "accepted", "not_an_anomaly", "too_small", "snoozed", "ended"),
)
LOOKED_AT = 20
"""So many earlier anomalies of an account, on average, are looked at."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What all reports of one period stand on."""

    period: str
    made_at: datetime
    source: SourceName
    config: StoredConfig
    state: SourceState
    data_through: date
    expected_through: date
    past: bool = False
    """Whether the period is over: what is open today need not be of it, and nothing is recorded."""

    @property
    def span(self) -> DaySpan:
        return needed_span(self.data_through)

    @property
    def history(self) -> DaySpan:
        """The same and the days before that say how forecasts have done."""
        return DaySpan(min(self.span.first, self.data_through - HISTORY), self.data_through)

    @property
    def window(self) -> WindowDays:
        window = comparison_window(self.data_through)
        return WindowDays(
            current=SpanDays(first=window.current.first, last=window.current.last),
            previous=SpanDays(first=window.previous.first, last=window.previous.last),
            closed_months=window.closed_months,
        )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the admins' report says beyond the window."""

    forecast: Forecast | None = None
    forecast_record: TrackRecord | None = None
    alert_record: AlertRecord | None = None


def alert_record(raised: Sequence[Anomaly]) -> AlertRecord:
    """What became of anomalies, and how long after their first day the detected ones were told."""
    counts = Counter(one.status for one in raised)
    waits = sorted(
        (one.raised_at.date() - one.start).days for one in raised if one.kind != "threshold"
    )
    return AlertRecord(
        days=RECORD_DAYS,
        statuses=tuple((status, counts[status]) for status in STATUSES if counts[status]),
        median_days=Decimal(str(median(waits))) if waits else None,
    )


def _summed(table: CostTable) -> list[CostSeries]:
    """All accounts as one series; NaN on days without any."""
    amounts = array("d", [math.nan]) * len(table.span)
    for i, day in enumerate(zip(*(one.amounts for one in table.series), strict=True)):
        known = [x for x in day if not math.isnan(x)]
        if known:
            amounts[i] = math.fsum(known)
    return [CostSeries("", "", None, amounts)]


class ReportMaker:
    """Builds reports from the stored costs of one source."""

    def __init__(
        self,
        *,
        costs: CostStore,
        anomalies: AnomalyStore,
        plans: Plans,
        floors: FloorStore,
        source: SourceDescription,
        complete_after_hours: int,
        teams_app: bool,
    ) -> None:
        self._costs = costs
        self._anomalies = anomalies
        self._plans = plans
        self._floors = floors
        self._source = source.name
        self._source_title = source.title
        self._is_sample = source.is_sample
        self._hours = complete_after_hours
        self._teams_app = teams_app

    def expected_through(self, now: datetime) -> date:
        """The last day that should be complete at an instant."""
        return expected_data_through(now, self._hours)

    async def basis(self, config: StoredConfig, period: str, now: datetime) -> Basis:
        """What the reports of a period stand on, from the costs as they are stored.

        A period that is over is reported as at its end; a month (``2026-10``) as soon as it is
        compared in full with the one before. Raises CostSourceError when no costs have been read
        yet.
        """
        state = await self._costs.state(self._source)
        if state.data_through is None:
            raise CostSourceError("No costs have been read yet. Try again soon.", permanent=False)
        if (month := month_of(period)) is not None:
            at = min(now, complete_at(month.next.span.first, self._hours))
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
            past=at < now,
        )

    async def figures(
        self,
        basis: Basis,
        accounts: Sequence[str],
        thresholds: Mapping[str, float],
        *,
        record: bool = False,
    ) -> dict[str, AccountFigures]:
        """The figures of each account; ``thresholds`` by account win over the global one, and the
        floors of accounts over a lower smallest increase.

        ``record``: with how its forecasts have done, from as much history as is stored.
        """
        floors = await self._floors.of(self._source, accounts)
        span = basis.history if record else basis.span
        table = await self._costs.load(self._source, accounts, span)
        by_account: dict[str, list[CostSeries]] = {account: [] for account in accounts}
        for series in table.series:
            by_account[series.account_id].append(series)
        found = {}
        for account, series_of_account in by_account.items():
            made = account_figures(
                table.span,
                series_of_account,
                basis.state.currency,
                basis.data_through,
                thresholds.get(account, basis.config.anomaly_threshold),
                max(
                    basis.config.min_increase,
                    float(floors[account].amount) if account in floors else 0.0,
                ),
            )
            if record and made.forecast is not None:
                done = track_record(table.span, series_of_account, basis.data_through)
                made = made.model_copy(update={"forecast_record": done})
            found[account] = made
            await asyncio.sleep(0)  # other requests get their turn
        return found

    async def team_report(
        self,
        basis: Basis,
        team: Team,
        figures: AccountFigures,
        anomalies: Sequence[Anomaly],
        restatement: Restatement | None = None,
        plan: PlannedChange | None = None,
    ) -> TeamReport:
        """A team's report; a breach that is not recorded yet is listed all the same, where no
        detected event stands for it.
        """
        if figures.last_day is None:
            last = await self._costs.last_days(self._source, [team.aws_account_id])
            figures = figures.model_copy(update={"last_day": last.get(team.aws_account_id)})
        breach = judge(self._source, team.aws_account_id, figures, basis.made_at)
        found = list(anomalies)
        within_plan = (
            planned(breach, figures, plan, basis.made_at) is not None if breach else False
        )
        if (
            breach is not None
            and not within_plan
            and breach.id not in {anomaly.id for anomaly in found}
        ):
            known = await self._anomalies.get(breach.id)
            if known is None:
                found.append(breach)
        return TeamReport(
            team=team,
            figures=figures,
            anomalies=tuple(sorted(listed(found), key=lambda anomaly: -anomaly.excess)),
            restatement=restatement,
            plan=plan,
            expected_through=basis.expected_through,
            sample=self._is_sample,
            source_title=self._source_title,
            period=basis.period,
            made_at=basis.made_at,
        )

    async def open_anomalies(
        self, basis: Basis, accounts: Sequence[str]
    ) -> dict[str, list[Anomaly]]:
        """The open anomalies by account as they are listed; for a period that is over, those that
        lie in its days.
        """
        found: dict[str, list[Anomaly]] = {}
        for anomaly in await self._anomalies.open_of(self._source, accounts):
            if not basis.past or _lies_in(anomaly, basis):
                found.setdefault(anomaly.account_id, []).append(anomaly)
        return {account: listed(anomalies) for account, anomalies in found.items()}

    async def ended_anomalies(
        self, basis: Basis, accounts: Sequence[str]
    ) -> dict[str, list[Anomaly]]:
        """What was raised in the last week and was over by then, by account; none for a period
        that is over.
        """
        found: dict[str, list[Anomaly]] = {}
        if basis.past:
            return found
        for one in await self._anomalies.ended_of(self._source, basis.made_at - LATE_DAYS):
            if one.account_id in accounts and came_ended(one):
                found.setdefault(one.account_id, []).append(one)
        return found

    async def answered(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What was raised before by account, newest first: what is like it may be answered."""
        found: dict[str, list[Anomaly]] = {}
        newest = await self._anomalies.newest(
            self._source, accounts, LOOKED_AT * max(len(accounts), 1)
        )
        for anomaly in newest:
            found.setdefault(anomaly.account_id, []).append(anomaly)
        return found

    async def plans(self, basis: Basis, accounts: Sequence[str]) -> dict[str, PlannedChange]:
        """The newest announced change of each account that touches the compared days."""
        return await self._plans.of_accounts(accounts, basis.window.current)

    def render_team(self, report: TeamReport) -> tuple[RenderedReport, dict[str, object]]:
        """The mail of a team and its preview JSON."""
        rendered = render_team(report, teams_app=self._teams_app)
        return rendered, team_preview(report, rendered)

    def render_admin(self, report: AdminReport) -> tuple[RenderedReport, dict[str, object]]:
        """The mail of the admins and its preview JSON."""
        rendered = render_admin(report)
        return rendered, admin_preview(report, rendered)

    async def outlook(self, basis: Basis) -> Outlook:
        """What the admins' report says beyond the window: where the month ends, how alerts did."""
        table = await self._costs.load_totals(self._source, basis.history)
        summed = await asyncio.to_thread(_summed, table)
        forecast = month_end(table.span, summed, basis.data_through)
        return Outlook(
            forecast=forecast,
            forecast_record=track_record(table.span, summed, basis.data_through)
            if forecast is not None
            else None,
            alert_record=await self._alert_record(basis.made_at),
        )

    async def _alert_record(self, now: datetime) -> AlertRecord:
        newest = await self._anomalies.newest(self._source, None, MOST_ALERTS)
        since = now - timedelta(days=RECORD_DAYS)
        return alert_record(told([one for one in newest if one.raised_at >= since]))

    async def must_have_costs(self, basis: Basis) -> None:
        """Raises CostSourceError when nothing at all was spent in the days of a period."""
        if not await self.account_totals(basis):
            span = basis.span
            raise CostSourceError(
                f"There are no costs from {span.first} to {span.last}. No report was made. Choose a "
                "later period.",
                permanent=True,
            )

    async def account_totals(self, basis: Basis) -> dict[str, str | None]:
        """All accounts with costs in the window, with their names where they are known."""
        table = await self._costs.load_totals(self._source, basis.span)
        return {
            series.account_id: table.account_names.get(series.account_id)
            for series in table.series
        }


def _lies_in(anomaly: Anomaly, basis: Basis) -> bool:
    last = anomaly.end or anomaly.last or anomaly.start
    return anomaly.start <= basis.data_through and last >= basis.window.current.first


async def team_reports(
    maker: ReportMaker,
    basis: Basis,
    teams: Sequence[Team],
    restatements: Mapping[str, Restatement] | None = None,
    *,
    record: bool = True,
) -> list[TeamReport]:
    """The reports of some teams, which are held in memory together.

    ``record``: with how the forecasts of their accounts have done.
    """
    accounts = [team.aws_account_id for team in teams]
    thresholds = {
        team.aws_account_id: team.anomaly_threshold
        for team in teams
        if team.anomaly_threshold is not None
    }
    figures = await maker.figures(basis, accounts, thresholds, record=record)
    anomalies = await maker.open_anomalies(basis, accounts)
    ended = await maker.ended_anomalies(basis, accounts)
    plans = await maker.plans(basis, accounts)
    made = []
    for team in teams:
        report = await maker.team_report(
            basis,
            team,
            figures[team.aws_account_id],
            anomalies.get(team.aws_account_id, []),
            (restatements or {}).get(team.id),
            plans.get(team.aws_account_id),
        )
        over = tuple(ended.get(team.aws_account_id, ()))
        made.append(report.model_copy(update={"ended": over}))
        await asyncio.sleep(0)  # other requests get their turn
    return made
