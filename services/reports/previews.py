"""Previews: a report as it would be sent now. Nothing is stored but the costs that are read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.administration import Config
from services.costs import CostIngest
from services.domain import AdminReport, Month, RenderedReport, SourceName, Team, TeamReport
from services.domain.errors import InvalidError, NotFoundError
from services.domain.schedule import month_of, parse_period, period_of
from services.ports import DeliveryLedger, RunStore
from services.reports.admin import AdminReportBuilder
from services.reports.basis import Basis
from services.reports.builder import ReportBuilder
from services.reports.delivery_recap import delivery_recap
from services.reports.restatements import Restatements
from services.runtime.batches import chunked
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Preview:
    """A report that is looked at and not sent."""

    rendered: RenderedReport
    json: dict[str, object]

    @property
    def html(self) -> str:
        return self.rendered.html


class ReportPreviewer:
    """Builds reports as they would be sent now."""

    def __init__(
        self,
        *,
        reports: ReportBuilder,
        costs: CostIngest,
        teams: Teams,
        config: Config,
        restatements: Restatements,
        runs: RunStore,
        ledger: DeliveryLedger,
        source: SourceName,
    ) -> None:
        self._reports = reports
        self._costs = costs
        self._restatements = restatements
        self._runs = runs
        self._ledger = ledger
        self._source = source
        self._teams = teams
        self._config = config
        self._reading = asyncio.Lock()

    async def preview_team(self, team_id: str, now: datetime) -> Preview:
        """A team's report; reads the costs of its account first when none are stored."""
        report = await self.team_report(await self._teams.get(team_id), now)
        return Preview(*await asyncio.to_thread(self._reports.render_team, report))

    async def team_report(
        self, team: Team, now: datetime, period: str | None = None
    ) -> TeamReport:
        """A team's report as it would be sent now, or for an earlier week or month (``2026-10``).

        Reads the costs of its account first when none are stored. Raises InvalidError for a
        malformed period or one that has not begun, CostSourceError.
        """
        basis = await self._basis(now, [team], period)
        await self._costs.ensure_span(now, [team.aws_account_id], basis.span)
        restatements = await self._restatements.since_last(basis.made_at, basis, [team])
        return (await self._reports.team_reports(basis, [team], restatements))[0]

    async def rendered_team(self, report: TeamReport) -> RenderedReport:
        """The email of a team's report."""
        return (await asyncio.to_thread(self._reports.render_team, report))[0]

    async def rendered_admin(self, report: AdminReport) -> RenderedReport:
        """The email of the consolidated report."""
        return (await asyncio.to_thread(self._reports.render_admin, report))[0]

    async def preview_admin(self, now: datetime) -> Preview:
        """The consolidated report."""
        report = await self.admin_report(now)
        return Preview(*await asyncio.to_thread(self._reports.render_admin, report))

    async def admin_report(self, now: datetime) -> AdminReport:
        """The consolidated report as it would be sent now. Raises NotFoundError without teams."""
        teams = await self._teams.list()
        if not teams:
            raise NotFoundError("No teams yet. Add or import teams first.")
        basis = await self._basis(now, teams)
        names = await self._reports.account_totals(basis)
        builder = AdminReportBuilder(basis, names)
        restatements = await self._restatements.since_last(basis.made_at, basis, teams)
        for batch in chunked(teams):
            for report in await self._reports.team_reports(basis, batch, restatements):
                builder.add_team(report)
        mapped = {team.aws_account_id for team in teams}
        for accounts in chunked([account for account in names if account not in mapped]):
            anomalies = await self._reports.open_anomalies(basis, accounts)
            for account, figures in (await self._reports.figures(basis, accounts, {})).items():
                builder.add_unmapped(account, figures, anomalies.get(account, []))
        recap = await delivery_recap(self._runs, self._ledger, self._source, basis.period, now)
        return builder.build(recap, await self._reports.outlook(basis))

    async def _basis(
        self, now: datetime, teams: Sequence[Team], period: str | None = None
    ) -> Basis:
        config = await self._config.stored(now)
        this_week = period_of(now, config.schedule_timezone)
        if period is not None:
            _require_begun(period, this_week, now)
        # One at a time: two previews asked for at once would read the same costs twice.
        async with self._reading:
            await self._costs.ensure(now, [team.aws_account_id for team in teams])
        return await self._reports.basis(config, period or this_week, now)


def _require_begun(period: str, this_week: str, now: datetime) -> None:
    """Raise InvalidError for a malformed week or month, or a future one."""
    current = this_week
    if month_of(period) is None:
        parse_period(period)
    else:
        current = str(Month.of(now.astimezone(UTC).date()))
    if period > current:
        raise InvalidError(f"{period} has not begun. The current period is {current}.")
