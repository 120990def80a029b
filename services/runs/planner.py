"""Plans a run: reads the costs, freezes every report, then lists the deliveries.

Nothing is sent before all reports of the run are frozen, so that all recipients and all retries
see the same figures.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.administration import Config
from services.anomalies import AnomalyLifecycle
from services.costs import CostIngest
from services.domain import (
    Delivery,
    FrozenReport,
    Run,
    RunKind,
    RunSummary,
    StoredConfig,
    Team,
    TeamReport,
)
from services.domain.errors import InvalidError
from services.ports import DeliveryLedger, RunStore
from services.reports import (
    AdminReportBuilder,
    Basis,
    Reports,
    ThresholdRecorder,
    admin_recipients,
    delivery_recap,
    run_summary,
    team_recipients,
)
from services.runs.deliveries import deliveries_of
from services.runs.detection import RunDetection
from services.runs.progress import Progress
from services.runtime.batches import chunked
from services.runtime.context import Context
from services.teams import Teams

TEAMS_AT_ONCE = 50
DELIVERIES_AT_ONCE = 500

Addressed = tuple[FrozenReport, list[str]]
"""A report and the addresses that it goes to."""


@dataclass(frozen=True, slots=True)
class PlannedDetection:
    """What is read and detected before reports are made."""

    costs: CostIngest
    detection: RunDetection
    anomalies: AnomalyLifecycle


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would send."""

    summary: RunSummary
    recipients: tuple[tuple[str, str, str], ...]
    """(report ID, recipient, subject)"""


class Planner:
    """Makes the plan of a run from the newest costs."""

    def __init__(
        self,
        *,
        detection: PlannedDetection,
        reports: Reports,
        teams: Teams,
        config: Config,
        runs: RunStore,
        ledger: DeliveryLedger,
        context: Context,
    ) -> None:
        source = context.source.name
        self._costs = detection.costs
        self._detection = detection.detection
        self._reports = reports.builder
        self._teams = teams
        self._config = config
        self._thresholds = ThresholdRecorder(reports.builder, detection.anomalies, source)
        self._restatements = reports.restatements
        self._runs = runs
        self._ledger = ledger
        self._source = source
        self._clock = context.clock

    async def plan(self, run: Run, token: int, sender: str, progress: Progress) -> RunSummary:
        """Freeze the reports of a run and store their deliveries.

        Nothing of it counts before the run is marked as planned under the same token, so a
        planner that dies or is taken over leaves nothing that is ever sent.
        """
        run = run.model_copy(update={"plan": token})
        now = self._clock()
        deliveries: list[Delivery] = []
        summary: RunSummary | None = None
        async for batch, batch_summary in self._batches(run, progress):
            await self._runs.freeze([report for report, _ in batch])
            for report, addresses in batch:
                deliveries += deliveries_of(run, report, addresses, sender, now)
            summary = batch_summary
        if summary is None:
            raise AssertionError("the last batch has the summary")
        for delivery_batch in chunked(deliveries, DELIVERIES_AT_ONCE):
            await self._ledger.plan(delivery_batch)
        return summary

    async def rehearse(self, run: Run, progress: Progress) -> RunPlan:
        """What ``plan`` would do, with nothing stored but the costs that were read."""
        recipients: list[tuple[str, str, str]] = []
        summary: RunSummary | None = None
        async for batch, batch_summary in self._batches(run, progress, record=False):
            recipients += [
                (report.id, address, report.rendered.subject)
                for report, addresses in batch
                for address in addresses
            ]
            summary = batch_summary
        if summary is None:
            raise AssertionError("the last batch has the summary")
        return RunPlan(summary, tuple(recipients))

    async def _batches(
        self, run: Run, progress: Progress, *, record: bool = True
    ) -> AsyncIterator[tuple[list[Addressed], RunSummary | None]]:
        """Reports in batches, so that memory stays flat; the last one comes with the summary."""
        now = self._clock()
        config = await self._config.stored(now)
        teams = await self._reported_teams(run)
        await self._read_and_detect(run, config, teams, now, progress, record=record)
        basis = await self._basis(run, config, teams, now, progress)
        names = await self._reports.account_totals(basis) if run.kind is RunKind.WEEKLY else {}
        builder = AdminReportBuilder(basis, names)
        restatements = await self._restatements.since_last(run.created_at, basis, teams)
        done = anomalies = 0
        for team_batch in chunked(teams, TEAMS_AT_ONCE):
            batch: list[Addressed] = []
            for report in await self._thresholds.team_reports(
                basis, team_batch, restatements, record=record
            ):
                builder.add_team(report)
                anomalies += len(report.anomalies)
                frozen = await asyncio.to_thread(self._freeze_team, run, report)
                batch.append((frozen, team_recipients(report.team)))
            done += len(batch)
            progress("reports", done, len(teams))
            yield batch, None
        last: list[Addressed] = []
        if run.kind is RunKind.WEEKLY:
            await self._add_unmapped(basis, builder, teams, list(names))
            last = [await self._freeze_admin(run, builder, config, basis)]
        yield last, run_summary(basis, builder, len(teams), anomalies)

    async def _reported_teams(self, run: Run) -> list[Team]:
        if run.team_id is not None:
            return [await self._teams.get(run.team_id)]
        teams = await self._teams.list()
        if not teams:
            raise InvalidError(
                "There are no teams yet, so there is nobody to report to. Import teams first: "
                "python app.py import-teams teams.csv"
            )
        return teams

    async def _read_and_detect(
        self,
        run: Run,
        config: StoredConfig,
        teams: Sequence[Team],
        now: datetime,
        progress: Progress,
        *,
        record: bool,
    ) -> None:
        """Read the newest costs, and detect what is unusual in them.

        The report of one team needs no new detection when there has been one of the same day.
        ``record``: see ``rehearse``, which stores no anomalies; nor do reports of past periods.
        """
        accounts = [team.aws_account_id for team in teams]
        if run.kind is RunKind.TEAM:
            await self._costs.refresh_accounts(now, accounts)
        else:
            await self._costs.refresh(now, accounts, progress)
        state = await self._costs.state()
        if run.kind is RunKind.TEAM and state.detected_through == state.data_through:
            return
        relearned = await self._detection.read_history(now, progress)
        if record and not (await self._reports.basis(config, run.period, now)).past:
            await self._detection.detect(now, relearned)

    async def _basis(
        self,
        run: Run,
        config: StoredConfig,
        teams: Sequence[Team],
        now: datetime,
        progress: Progress,
    ) -> Basis:
        """What the reports are made from; reads what those of an earlier period need beyond."""
        accounts = [team.aws_account_id for team in teams]
        basis = await self._reports.basis(config, run.period, now)
        if run.kind is RunKind.WEEKLY:
            await self._costs.ensure_all(basis.made_at, accounts, basis.span, progress)
        else:
            await self._costs.ensure_span(basis.made_at, accounts, basis.span)
        if basis.past:
            await self._reports.must_have_costs(basis)
        return basis

    async def _add_unmapped(
        self,
        basis: Basis,
        builder: AdminReportBuilder,
        teams: Sequence[Team],
        accounts: Sequence[str],
    ) -> None:
        mapped = {team.aws_account_id for team in teams}
        for batch in chunked([account for account in accounts if account not in mapped]):
            anomalies = await self._reports.open_anomalies(basis, batch)
            for account, figures in (await self._reports.figures(basis, batch, {})).items():
                builder.add_unmapped(account, figures, anomalies.get(account, []))

    def _freeze_team(self, run: Run, report: TeamReport) -> FrozenReport:
        rendered, preview = self._reports.render_team(report)
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

    async def _freeze_admin(
        self, run: Run, builder: AdminReportBuilder, config: StoredConfig, basis: Basis
    ) -> Addressed:
        outlook = await self._reports.outlook(basis)
        recap = await delivery_recap(
            self._runs, self._ledger, self._source, run.period, run.created_at
        )
        report = builder.build(recap, outlook)
        rendered, preview = await asyncio.to_thread(self._reports.render_admin, report)
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
