"""Previews: a report as it would be sent now. Nothing is stored but the costs that are read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.admin_reports import AdminReportBuilder
from services.chunks import chunked
from services.config import Config
from services.costs import Costs
from services.errors import InvalidError, NotFoundError
from services.model import AdminReport, Month, RenderedReport, Team, TeamReport
from services.recaps import Recaps
from services.reports import Basis, ReportMaker, team_reports
from services.restatements import Restatements
from services.schedule import month_of, parse_period, period_of
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Preview:
    """A report that is looked at and not sent."""

    rendered: RenderedReport
    json: dict[str, object]

    @property
    def html(self) -> str:
        return self.rendered.html


class Previews:
    """Reports as they would be sent now."""

    def __init__(
        self,
        *,
        maker: ReportMaker,
        costs: Costs,
        teams: Teams,
        config: Config,
        restatements: Restatements,
        recaps: Recaps,
    ) -> None:
        self._maker = maker
        self._costs = costs
        self._restatements = restatements
        self._recaps = recaps
        self._teams = teams
        self._config = config
        self._reading = asyncio.Lock()

    async def preview_team(self, team_id: str, now: datetime) -> Preview:
        """A team's report; reads the costs of its account first where none are stored."""
        report = await self.team_report(await self._teams.get(team_id), now)
        return Preview(*await asyncio.to_thread(self._maker.render_team, report))

    async def team_report(
        self, team: Team, now: datetime, period: str | None = None
    ) -> TeamReport:
        """A team's report as it would be sent now, or for an earlier week or month (``2026-10``).

        Reads the costs of its account first where none are stored. Raises InvalidError for a
        period that is none, CostSourceError.
        """
        basis = await self._basis(now, [team], period)
        await self._costs.ensure_span(now, [team.aws_account_id], basis.span)
        return (await self._team_reports(basis, [team]))[0]

    async def rendered_team(self, report: TeamReport) -> RenderedReport:
        """The mail of a team's report."""
        return (await asyncio.to_thread(self._maker.render_team, report))[0]

    async def rendered_admin(self, report: AdminReport) -> RenderedReport:
        """The mail of the consolidated report."""
        return (await asyncio.to_thread(self._maker.render_admin, report))[0]

    async def preview_admin(self, now: datetime) -> Preview:
        """The consolidated report."""
        report = await self.admin_report(now)
        return Preview(*await asyncio.to_thread(self._maker.render_admin, report))

    async def admin_report(self, now: datetime) -> AdminReport:
        """The consolidated report as it would be sent now. Raises NotFoundError without teams."""
        teams = await self._teams.list()
        if not teams:
            raise NotFoundError("No teams yet. Add or import teams first.")
        basis = await self._basis(now, teams)
        names = await self._maker.account_totals(basis)
        builder = AdminReportBuilder(basis, names)
        restated = await self._restatements.since_last(basis.made_at, basis, teams)
        for part in chunked(teams):
            for report in await team_reports(self._maker, basis, part, restated):
                builder.add_team(report)
        taken = {team.aws_account_id for team in teams}
        for accounts in chunked([account for account in names if account not in taken]):
            anomalies = await self._maker.open_anomalies(basis, accounts)
            for account, figures in (await self._maker.figures(basis, accounts, {})).items():
                builder.add_unmapped(account, figures, anomalies.get(account, []))
        recap = await self._recaps.before(basis.period, now)
        return builder.build(recap, await self._maker.outlook(basis))

    async def _basis(
        self, now: datetime, teams: Sequence[Team], period: str | None = None
    ) -> Basis:
        config = await self._config.stored(now)
        this_week = period_of(now, config.schedule_timezone)
        if period is not None:
            _must_have_begun(period, this_week, now)
        async with self._reading:
            await self._costs.ensure(now, [team.aws_account_id for team in teams])
        return await self._maker.basis(config, period or this_week, now)

    async def _team_reports(self, basis: Basis, teams: Sequence[Team]) -> list[TeamReport]:
        restated = await self._restatements.since_last(basis.made_at, basis, teams)
        return await team_reports(self._maker, basis, teams, restated)


def _must_have_begun(period: str, this_week: str, now: datetime) -> None:
    """Raises InvalidError for what is no week or month, or one to come."""
    month, current = month_of(period), this_week
    if month is None:
        parse_period(period)
    else:
        current = str(Month.of(now.astimezone(UTC).date()))
    if period > current:
        raise InvalidError(f"{period} has not begun. The current period is {current}.")
