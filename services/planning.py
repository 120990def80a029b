"""Plans a run: reads the costs, freezes every report, then lists the deliveries.

Nobody is told anything before all reports of the run are frozen, so that all recipients and
all retries see the same figures.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.admin_reports import AdminReportBuilder
from services.anomalies import Anomalies
from services.chunks import chunked
from services.config import Config
from services.costs import Costs
from services.detections import Detections
from services.errors import InvalidError
from services.model import (
    Anomaly,
    Delivery,
    FrozenReport,
    Restatement,
    Run,
    RunKind,
    RunState,
    RunSummary,
    SourceName,
    StoredConfig,
    Team,
    TeamReport,
)
from services.ports import Clock, DeliveryLedger, RunStore
from services.recaps import Recaps
from services.recipients import admin_recipients, once, team_recipients
from services.rendering.message import message_id_for
from services.reports import Basis, Outlook, ReportMaker, team_reports
from services.restatements import Restatements
from services.schedule import period_of
from services.teams import Teams

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many) as work goes on."""

TEAMS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will send; the reports themselves are frozen or, in a dry run, forgotten."""

    summary: RunSummary
    recipients: tuple[tuple[str, str, str], ...]
    """(report id, recipient, subject)"""


class Planner:
    """Makes the plan of a run from the newest costs."""

    def __init__(
        self,
        *,
        costs: Costs,
        maker: ReportMaker,
        teams: Teams,
        config: Config,
        anomalies: Anomalies,
        detections: Detections,
        restatements: Restatements,
        recaps: Recaps,
        runs: RunStore,
        ledger: DeliveryLedger,
        source: SourceName,
        clock: Clock,
    ) -> None:
        self._costs = costs
        self._maker = maker
        self._teams = teams
        self._config = config
        self._anomalies = anomalies
        self._detections = detections
        self._restatements = restatements
        self._recaps = recaps
        self._runs = runs
        self._ledger = ledger
        self._source = source
        self._clock = clock

    async def plan(self, run: Run, token: int, sender: str, progress: Progress) -> RunSummary:
        """Freezes the reports and stores the deliveries of a plan of the run.

        Nothing of it counts before the run is marked as planned under the same token, so a
        planner that dies or is taken over leaves nothing that is ever mailed.
        """
        run = run.model_copy(update={"plan": token})
        plan = _Recipients(run, sender, self._clock())
        summary: RunSummary | None = None
        async for batch, found in self._made(run, progress):
            await self._runs.freeze([report for report, _ in batch])
            for report, addresses in batch:
                plan.add(report, addresses)
            summary = found
        if summary is None:
            raise AssertionError("a plan ends with its summary")
        for part in chunked(plan.deliveries, 500):
            await self._ledger.plan(part)
        return summary

    async def rehearse(self, run: Run, progress: Progress) -> Plan:
        """What ``plan`` would do, with nothing stored but the costs that were read."""
        recipients: list[tuple[str, str, str]] = []
        summary: RunSummary | None = None
        async for batch, found in self._made(run, progress, record=False):
            recipients += [
                (report.id, address, report.rendered.subject)
                for report, addresses in batch
                for address in addresses
            ]
            summary = found
        if summary is None:
            raise AssertionError("a plan ends with its summary")
        return Plan(summary, tuple(recipients))

    async def judge_day(self, run: Run, progress: Progress) -> RunSummary:
        """The daily run: reads the costs, records what crossed a threshold or stands out."""
        now = self._clock()
        teams = await self._teams.list()
        await self._costs.refresh(now, [team.aws_account_id for team in teams], progress)
        config = await self._config.stored(now)
        basis = await self._maker.basis(config, period_of(now, config.schedule_timezone), now)
        # Before the thresholds: one that a detected event stands for makes no card of its own.
        taken = {team.aws_account_id for team in teams}
        number = await self._detections.detect_day(
            sorted(taken | set(await self._maker.account_totals(basis))),
            basis.data_through,
            basis.state.currency,
            now,
            since=await self._detected_through(run),
            floor=config.min_increase,
        )
        builder = AdminReportBuilder(basis, {})
        for part in chunked(teams, TEAMS_AT_ONCE):
            for report in await self._judged(basis, part, {}, forecasts=False):
                builder.add_team(report)
                number += sum(one.kind == "threshold" for one in report.anomalies)
        await self._anomalies.close_past_months(self._source, basis.window.current.first, now)
        return _summary(basis, builder, len(teams), number)

    async def _detected_through(self, run: Run) -> date | None:
        """The last day that an earlier daily run has judged."""
        earlier = await self._runs.list_runs(self._source, kind=RunKind.DAILY, limit=30)
        days = [
            one.summary.data_through
            for one in earlier
            if one.id != run.id and one.state is RunState.DONE and one.summary is not None
        ]
        return max(days, default=None)

    async def _made(
        self, run: Run, progress: Progress, *, record: bool = True
    ) -> AsyncIterator[tuple[list[tuple[FrozenReport, list[str]]], RunSummary | None]]:
        now = self._clock()
        config = await self._config.stored(now)
        teams = await self._due_teams(run)
        await self._read_costs(run, teams, now, progress)
        basis = await self._maker.basis(config, run.period, now)
        await self._cover(run, basis, teams, progress)
        if basis.past:
            await self._maker.must_have_costs(basis)
        names = await self._maker.account_totals(basis) if run.kind is RunKind.WEEKLY else {}
        builder = AdminReportBuilder(basis, names)
        restated = await self._restatements.since_last(run.created_at, basis, teams)
        done = anomalies = 0
        for part in chunked(teams, TEAMS_AT_ONCE):
            made = await self._judged(basis, part, restated, record=record)
            batch = []
            for report in made:
                builder.add_team(report)
                anomalies += len(report.anomalies)
                frozen = await asyncio.to_thread(self._frozen_team, run, report)
                batch.append((frozen, team_recipients(report.team)))
            done += len(made)
            progress("reports", done, len(teams))
            yield batch, None
        batch = []
        if run.kind is RunKind.WEEKLY:
            await self._add_unmapped(basis, builder, teams, list(names))
            outlook = await self._maker.outlook(basis)
            batch = [await self._frozen_admin(run, builder, config, outlook)]
        yield batch, _summary(basis, builder, len(teams), anomalies)

    async def _due_teams(self, run: Run) -> list[Team]:
        if run.team_id is not None:
            return [await self._teams.get(run.team_id)]
        teams = await self._teams.list()
        if not teams:
            raise InvalidError(
                "No teams yet, so there is nobody to report to. Import teams first: "
                "python app.py import-teams teams.csv"
            )
        return teams

    async def _read_costs(
        self, run: Run, teams: Sequence[Team], now: datetime, tell: Progress
    ) -> None:
        accounts = [team.aws_account_id for team in teams]
        if run.kind is RunKind.TEAM:
            await self._costs.refresh_accounts(now, accounts)
        else:
            await self._costs.refresh(now, accounts, tell)

    async def _cover(self, run: Run, basis: Basis, teams: Sequence[Team], tell: Progress) -> None:
        """Reads what a report of an earlier period needs beyond the newest costs."""
        accounts = [team.aws_account_id for team in teams]
        if run.kind is RunKind.WEEKLY:
            await self._costs.ensure_all(basis.made_at, accounts, basis.span, tell)
        else:
            await self._costs.ensure_span(basis.made_at, accounts, basis.span)

    async def _judged(
        self,
        basis: Basis,
        teams: Sequence[Team],
        restated: Mapping[str, Restatement],
        *,
        record: bool = True,
        forecasts: bool = True,
    ) -> list[TeamReport]:
        """The reports of some teams; ``record`` stores what crossed a threshold, unless the period
        is over: what it says then is no news.
        """
        reports = await team_reports(self._maker, basis, teams, restated, record=forecasts)
        if basis.past or not record:
            return reports
        before = await self._maker.answered([team.aws_account_id for team in teams])
        return [
            await self._recorded(basis, report, before.get(report.team.aws_account_id, []))
            for report in reports
        ]

    async def _recorded(
        self, basis: Basis, report: TeamReport, before: Sequence[Anomaly]
    ) -> TeamReport:
        account = report.team.aws_account_id
        await self._anomalies.judge(
            self._source, account, report.figures, basis.made_at, report.plan, before
        )
        found = (await self._maker.open_anomalies(basis, [account])).get(account, [])
        return report.model_copy(update={"anomalies": tuple(found)})

    async def _add_unmapped(
        self,
        basis: Basis,
        builder: AdminReportBuilder,
        teams: Sequence[Team],
        accounts: Sequence[str],
    ) -> None:
        taken = {team.aws_account_id for team in teams}
        for part in chunked([account for account in accounts if account not in taken]):
            anomalies = await self._maker.open_anomalies(basis, part)
            for account, figures in (await self._maker.figures(basis, part, {})).items():
                builder.add_unmapped(account, figures, anomalies.get(account, []))

    def _frozen_team(self, run: Run, report: TeamReport) -> FrozenReport:
        rendered, preview = self._maker.render_team(report)
        return FrozenReport(
            id=f"{run.ledger_id}|{report.team.id}",
            run_id=run.ledger_id,
            kind="team",
            team_id=report.team.id,
            source=run.source,
            made_at=report.made_at,
            rendered=rendered,
            preview=preview,
        )

    async def _frozen_admin(
        self, run: Run, builder: AdminReportBuilder, config: StoredConfig, outlook: Outlook
    ) -> tuple[FrozenReport, list[str]]:
        report = builder.build(await self._recaps.before(run.period, run.created_at), outlook)
        rendered, preview = await asyncio.to_thread(self._maker.render_admin, report)
        frozen = FrozenReport(
            id=f"{run.ledger_id}|admin",
            run_id=run.ledger_id,
            kind="admin",
            source=run.source,
            made_at=report.made_at,
            rendered=rendered,
            preview=preview,
        )
        return frozen, admin_recipients(config, run.source)


class _Recipients:
    """The deliveries of a plan."""

    def __init__(self, run: Run, sender: str, now: datetime) -> None:
        self._run = run
        self._domain = sender.rpartition("@")[2]
        self._now = now.replace(microsecond=0)
        self.deliveries: list[Delivery] = []

    def add(self, report: FrozenReport, addresses: Sequence[str]) -> None:
        # The same whatever the plan: whoever gets two mails after all can tell that they are one.
        about = f"{self._run.id}|{report.team_id or report.kind}"
        for address in once(addresses):
            self.deliveries.append(
                Delivery(
                    id=f"{report.id}|mail|{_key(address)}",
                    run_id=report.run_id,
                    report_id=report.id,
                    source=self._run.source,
                    recipient=address,
                    not_before=self._now,
                    not_after=self._run.not_after,
                    message_id=message_id_for(self._run.id, about, address, self._domain),
                    date=self._run.created_at.replace(microsecond=0),
                    updated_at=self._now,
                )
            )


def _key(address: str) -> str:
    """A short, safe key of an address, the same however its letters are cased."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:20]


def _summary(basis: Basis, builder: AdminReportBuilder, teams: int, anomalies: int) -> RunSummary:
    report = builder.build(None)
    return RunSummary(
        accounts=report.accounts,
        teams=teams,
        currency=report.currency,
        total=report.current_total,
        previous_total=report.previous_total,
        anomalies=anomalies,
        data_through=basis.data_through,
        window=basis.window,
    )
