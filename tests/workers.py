"""Workers of runs in this process: the real services over a store, costs and mail of our own.

Each worker has a name, may die at any write, and shares store and clock with the others.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from services.adapters.background import Background
from services.administration.config import Config
from services.domain import Actor, DaySpan, Run, RunKind, Team
from services.mailing.sender import Sender
from services.ports import Store
from services.runs import Capabilities
from services.runs import build as build_runs
from services.runs.requests import RunRequests
from services.runs.scheduler import Scheduler
from services.runs.worker import Worker
from services.runtime.context import Context, Pacing
from services.runtime.shutdown import Shutdown
from services.runtime.timeouts import PRODUCTION, Timing
from services.teams.teams import Teams
from tests.fakes.application import Fakes
from tests.fakes.costs import FakeCosts
from tests.fakes.mail import MemoryTransport
from tests.fakes.store import MemoryStore
from tests.makers import NOW
from tests.servers.datadog import account_ids, random_costs

ACCOUNTS = account_ids(4, seed=77)
COSTS = random_costs(ACCOUNTS, DaySpan(date(2026, 8, 1), date(2026, 12, 20)), seed=7, services=2)
ACTOR = Actor(interface="rest", name="test")


@dataclass
class Services:
    """What one worker is made of."""

    runs: RunRequests
    worker: Worker
    sender: Sender
    scheduler: Scheduler
    config: Config
    background: Background
    teams: Teams
    shutdown: Shutdown


class AtOnce(ThreadPoolExecutor):
    """No threads: what is handed to one is done by the time it is waited for.

    Work in a thread takes real time, in which others who sleep would move the clock for hours.
    """

    def submit(self, work: Any, /, *args: Any, **more: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **more))
        except Exception as error:  # noqa: BLE001 - as a thread hands it over
            done.set_exception(error)
        return done


@dataclass
class Workers:
    """The world that workers share; sleeping moves the clock."""

    store: Store = field(default_factory=MemoryStore)
    costs: FakeCosts = field(default_factory=lambda: FakeCosts(COSTS))
    transport: MemoryTransport = field(default_factory=MemoryTransport)
    now: datetime = NOW
    gone: set[str] = field(default_factory=set)
    timing: Timing = PRODUCTION
    alert_rounds: list[datetime] = field(default_factory=list)
    """When rounds of alerts were made."""

    def clock(self) -> datetime:
        return self.now

    def timer(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def send_alerts(self, now: datetime) -> None:
        self.alert_rounds.append(now)

    def services(self, name: str = "w", skew: Callable[[], float] = float) -> Services:
        """A worker of this name, whose machine's clock is so many seconds ahead."""
        asyncio.get_running_loop().set_default_executor(AtOnce())
        background, shutdown = Background(), Shutdown(self.sleep)
        context = Context(
            source=self.costs.description,
            clock=self.clock,
            worker=name,
            is_worker_dead=self.gone.__contains__,
            shutdown=shutdown,
            timing=self.timing,
            pacing=Pacing(
                self.timer, self.sleep, random.Random(name), lambda: timedelta(seconds=skew())
            ),
        )
        fakes = Fakes(self.store, self.costs, self.transport, start=background.start)
        app = fakes.application(context)
        use = Capabilities(
            app.administration, app.teams, app.costs, app.anomalies, app.mailing, app.reports
        )
        runs = build_runs(self.store, use, background.start, self.send_alerts, context)
        return Services(
            runs.requests,
            runs.worker,
            app.mailing.sender,
            runs.scheduler,
            app.administration.config,
            background,
            app.teams,
            shutdown,
        )

    async def add_teams(self, number: int = 3, **more: Any) -> list[Team]:
        """Teams whose accounts have costs, and two admins."""
        made = self.services()
        await made.config.change(
            {"global_admin_emails": ["cfo@example.org", "ops@example.org"]}, ACTOR, self.now
        )
        return [
            await made.teams.add(
                {
                    "team_name": f"Team {i}",
                    "aws_account_id": ACCOUNTS[i],
                    "team_email": f"team{i}@example.org",
                    **more,
                },
                ACTOR,
                self.now,
            )
            for i in range(number)
        ]

    async def asked(self, actor: Actor = ACTOR, kind: RunKind = RunKind.WEEKLY) -> Run:
        """A run that somebody has asked for."""
        period = "2026-11-21" if kind is RunKind.DAILY else None
        return await self.services().runs.request(kind, actor, self.now, period=period)

    async def run(self, run_id: str) -> Run:
        found = await self.store.runs.get(run_id)
        assert found is not None
        return found

    async def tick(self, made: Services) -> None:
        """One tick and all that it begins."""
        await made.scheduler.tick()
        while made.background.running:
            await asyncio.sleep(0)


def together(*work: Coroutine[Any, Any, Any]) -> "asyncio.Future[list[Any]]":
    """All of it at once; every error is among the results."""
    return asyncio.gather(*work, return_exceptions=True)
