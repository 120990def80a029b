"""What the product says about a world: the real use cases over fakes in memory."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cards.costs import cost_explanation
from cards.previews import admin_preview, team_preview
from services.application import Application
from services.domain import Actor, RenderedReport, RunKind, RunState, Team
from services.runtime.context import Context, Pacing
from services.runtime.shutdown import Shutdown
from tests.fakes.application import Fakes
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.property.worlds import World
from tests.workers import AtOnce

ACTOR = Actor(interface="cli", name="test")
COMPLETE_AFTER = timedelta(days=3)
"""From the begin of a day to when it is complete: the day itself and 48 hours."""
Json = dict[str, Any]


@dataclass(frozen=True)
class TeamSays:
    """One team's report in all its forms."""

    team: Team
    rendered: RenderedReport
    json: Json
    card: Json
    explanation: Json


@dataclass(frozen=True)
class Reported:
    """All reports of a world."""

    teams: list[TeamSays]
    admin: RenderedReport
    admin_json: Json
    admin_card: Json
    told_before: dict[str, Json]
    """Team id → the preview JSON of the report of a week before."""
    told_at: date


async def reported(world: World) -> Reported:
    """Report a world: a week before unless it is the first report, then now."""
    store = MemoryStore()
    source = FakeCosts(world.costs_before, history_months=6)
    present = datetime.combine(world.through, time(9), UTC) + COMPLETE_AFTER
    before = present - timedelta(days=7)
    clock = _Clock(present if world.is_first_report else before)
    app = Fakes(store, source).application(clock.context(source))
    await _add_teams(app, world, clock.now)
    told: dict[str, Json] = {}
    if not world.is_first_report and world.costs_before:
        run_id = await _run(app, clock.now)
        told = {
            report.team_id: report.preview
            for report in store.runs.reports.values()
            if report.team_id is not None and report.run_id.startswith(run_id)
        }
    source.costs = world.costs
    clock.now = present
    await _run(app, clock.now)
    return await _reports(app, present, told, before.date())


@dataclass
class _Clock:
    """The world's time, which sleeping moves."""

    now: datetime

    def timer(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def context(self, source: FakeCosts) -> Context:
        # Work in a thread would take real time, in which others who sleep move the clock for hours.
        asyncio.get_running_loop().set_default_executor(AtOnce())
        return Context(
            source=source.description,
            clock=lambda: self.now,
            worker="w",
            is_worker_dead=lambda name: False,
            shutdown=Shutdown(self.sleep),
            pacing=Pacing(self.timer, self.sleep, random.Random(1)),
        )


async def _add_teams(app: Application, world: World, now: datetime) -> None:
    await app.administration.config.change(
        {"global_admin_emails": ["cfo@example.org"]}, ACTOR, now
    )
    for account in world.accounts:
        if account.team is None:
            continue
        await app.teams.add(
            {
                "team_name": account.team,
                "aws_account_id": account.account_id,
                "team_email": "team@example.org",
                "anomaly_threshold": account.threshold,
            },
            ACTOR,
            now,
        )


async def _run(app: Application, now: datetime) -> str:
    """Detect as the daily run does, then make the weekly reports; returns the run's id."""
    teams = await app.teams.list()
    await app.costs.ingest.refresh(now, [team.aws_account_id for team in teams])
    await app.costs.ingest.backfill(now, [team.aws_account_id for team in teams])
    day = str(now.date())
    daily = await app.runs.requests.request(RunKind.DAILY, ACTOR, now, period=day)
    await app.runs.worker.work(daily.id)
    weekly = await app.runs.requests.request(RunKind.WEEKLY, ACTOR, now)
    await app.runs.worker.work(weekly.id)
    for run in (daily, weekly):
        done = (await app.runs.views.view(run.id)).run
        assert done.state is RunState.DONE, done.last_error
    return weekly.ledger_id


async def _reports(
    app: Application, now: datetime, told: dict[str, Json], told_at: date
) -> Reported:
    previews = app.reports.previews
    teams = []
    for team in await app.teams.list():
        report = await previews.team_report(team, now)
        rendered = await previews.rendered_team(report)
        preview = await previews.preview_team(team.id, now)
        teams.append(
            TeamSays(
                team,
                rendered,
                preview.json,
                team_preview(report, "admin"),
                cost_explanation(report),
            )
        )
    admin = await previews.admin_report(now)
    preview = await previews.preview_admin(now)
    return Reported(
        teams=teams,
        admin=await previews.rendered_admin(admin),
        admin_json=preview.json,
        admin_card=admin_preview(admin, "admin"),
        told_before=told,
        told_at=told_at,
    )
