"""The whole agent in this process, driven by the Teams simulator."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web
from pymongo import MongoClient

from app import Agent, make_source, open_agent
from bot.pacing import Pace
from services.adapters.store.client import plain
from services.domain import Actor, Anomaly, Team
from services.ports import CostSource, Meter
from services.settings import Settings, load_settings
from tests.makers import NOW
from tests.moved_time import moved_by
from tests.servers.teams import ANA, Message, TeamsSim, Turn, Where, texts_of, where_of

WORKING = "Working on it…"
NAMES = ("Checkout", "Checkout Beta", "Search", "R&D", "Team 1", "help")


NO_PACE = Pace((), (), 0.02, read_seconds=30, ack_seconds=30)
"""The simulator bears everything; the pace has tests of its own. However busy the machine is, a turn
ends with its answer."""
SHORT_PACE = Pace((), (), 0.02, read_seconds=2, ack_seconds=2)
"""For tests of turns that Teams or the database holds up."""


def said(turn: Turn) -> str:
    """What the answer of a press says."""
    assert turn.status == 200
    value = turn.body["value"]
    return value if isinstance(value, str) else "\n".join(texts_of(value))


@dataclass
class Moving:
    """A clock that is moved by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **much: float) -> None:
        """Later by so much."""
        self.now += timedelta(**much)


@dataclass
class World:
    """The agent and Teams around it."""

    sim: TeamsSim
    agent: Agent
    environment: dict[str, str]
    database: dict[str, Any]
    """Collections, read by pymongo."""
    clock: Callable[[], datetime]

    async def says(self, text: str, *args: Any, **more: Any) -> Message:
        """What the agent answers to a text."""
        return await self.answer(self.sim.written(text, *args, **more))

    async def answer(self, activity: dict[str, Any]) -> Message:
        """The one new message that an activity brings, once it is finished."""
        before = set(self.sim.messages)
        turn = await self.sim.post(activity)
        assert turn.status in {200, 201}
        where = activity["conversation"]["id"]

        def answered() -> Message | None:
            new = [one for name, one in self.sim.messages.items() if name not in before]
            return next((one for one in new if one.conversation == where), None)

        message: Message = await self.sim.until(answered)
        await self.sim.until(lambda: message.text != WORKING)
        return message

    def messages(self, where: Where = "channel", holding: str = "") -> list[Message]:
        """The bot's messages of a place that hold a text."""
        return [
            message
            for message in self.sim.messages.values()
            if where_of(message.conversation) == where and holding in message.text
        ]

    async def quiet(self) -> None:
        """Waits until nothing goes on behind the turns."""
        await self.sim.until(lambda: not self.agent.background.running)

    async def tick(self) -> None:
        """One round of alerts, as the clock makes it."""
        await self.agent.app.alerts.tick(self.clock())

    def raise_anomaly(self, team: Team, excess: int = 500, **more: Any) -> str:
        """An open anomaly of a team's account; its id."""
        # The agent is no new installation: nobody is alerted there before the history was read.
        self.database["source_states"].update_many({}, {"$set": {"installed_at": None}})
        values: dict[str, Any] = {
            "id": f"made-up:{secrets.token_hex(4)}",
            "kind": "spike",
            "source": "sample",
            "account_id": team.aws_account_id,
            "service": "EC2",
            "start": date(2026, 11, 17),
            "excess": Decimal(excess),
            "raised_at": self.clock(),
            "updated_at": self.clock(),
        }
        anomaly = Anomaly(**{**values, **more})
        doc = plain(anomaly.model_dump(exclude={"id"}))
        self.database["anomalies"].insert_one({"_id": anomaly.id, **doc})
        return anomaly.id

    def notices(self) -> list[dict[str, Any]]:
        """What the admins were told by mail, oldest first: title and text."""
        found = self.database["reports"].find({"kind": "notice"}).sort("made_at", 1)
        return [
            {"title": doc["rendered"]["subject"], "text": doc["rendered"]["text"]} for doc in found
        ]

    def change_anomaly(self, anomaly_id: str, **fields: Any) -> None:
        """As the daily look at the costs changes it."""
        self.database["anomalies"].update_one({"_id": anomaly_id}, {"$set": fields})

    def anomaly(self, anomaly_id: str) -> dict[str, Any]:
        """An anomaly as it is stored."""
        return dict(self.database["anomalies"].find_one({"_id": anomaly_id}))

    async def alert(
        self, team: Team, where: Where = "channel", excess: int = 500
    ) -> tuple[str, Message]:
        """A new anomaly and its card in a conversation that gets alerts."""
        await self.says("alerts here", ANA, where)
        await self.quiet()
        # Cards of before were told an hour ago, so that there is room for another one.
        past = {"$set": {"created_at": NOW - timedelta(hours=2)}}
        self.database["alerts"].update_many({}, past)
        anomaly_id, known = self.raise_anomaly(team, excess), set(self.sim.messages)
        await self.tick()
        new = [one for name, one in self.sim.messages.items() if name not in known]
        (message,) = [
            one
            for one in new
            if where_of(one.conversation) == where and f"{excess:,}.00" in one.text
        ]
        return anomaly_id, message

    async def press(self, message: Message, title: str, *args: Any, **more: Any) -> str:
        """What a press shows: the answer to the presser, or the card in the pressed one's place."""
        turn = await self.sim.press(message, title, *args, **more)
        return said(turn)

    async def add_teams(self, *names: str) -> list[Team]:
        """Stores teams."""
        known = len(await self.agent.app.teams.list())
        return [
            await self.agent.app.teams.add(
                {
                    "team_name": name,
                    "aws_account_id": f"{70_000 + known + number:012d}",
                    "team_email": f"team{known + number}@example.org",
                },
                Actor(interface="cli", name="test"),
                NOW,
            )
            for number, name in enumerate(names)
        ]

    def state(self) -> dict[str, Any]:
        """All that people can change, as it is stored."""
        names = ("teams", "notification_config", "audit", "admins", "plans", "runs", "anomalies")
        found: dict[str, Any] = {
            name: sorted(repr(doc) for doc in self.database[name].find())
            for name in (*names, "pending_imports")
        }
        found["alerts"] = sorted(
            (doc["_id"], str(doc["alerts_since"]))
            for doc in self.database["conversations"].find()
            if doc["alerts_since"]
        )
        return found


@asynccontextmanager
async def serving(
    sim: TeamsSim,
    environment: dict[str, str],
    clock: Callable[[], datetime] = lambda: NOW,
    *,
    mail_sample_data: bool = False,
    source_of: Callable[[Settings, Meter], CostSource] = make_source,
    pace: Pace = NO_PACE,
) -> AsyncIterator[Agent]:
    """The agent with these settings, served on a free port that the simulator then knows."""
    settings = load_settings(environment)
    async with open_agent(
        settings,
        clock_of=moved_by(clock),
        source_of=source_of,
        mail_sample_data=mail_sample_data,
        pace=pace,
    ) as agent:
        runner = web.AppRunner(agent.rest, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        sim.bot_url = f"http://{host}:{port}"
        try:
            await agent.bot.cards_in_progress.resume()
            yield agent
        finally:  # a socket that a failing test leaves open fails another test
            agent.app.mailing.sender.stop()
            await runner.cleanup()
            await agent.background.drain(5)


@asynccontextmanager
async def world(
    folder: Path,
    mongo_url: str,
    *,
    authenticated: bool = True,
    clock: Callable[[], datetime] = lambda: NOW,
    teams: tuple[str, ...] = NAMES,
    mail_sample_data: bool = False,
    source_of: Callable[[Settings, Meter], CostSource] = make_source,
    pace: Pace = NO_PACE,
    **more: str,
) -> AsyncIterator[World]:
    """The agent on a database of its own, with sample costs, and people who talk to it."""
    async with TeamsSim(authenticated=authenticated) as sim:
        environment = {
            "DATA_DIR": str(folder),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            **(sim.environment() if authenticated else {}),
            **more,
        }
        async with serving(
            sim,
            environment,
            clock,
            mail_sample_data=mail_sample_data,
            source_of=source_of,
            pace=pace,
        ) as agent:
            client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, tz_aware=True)
            try:
                database: Any = client[environment["DB_NAME"]]
                found = World(sim, agent, environment, database, clock)
                await found.add_teams(*teams)
                yield found
            finally:
                client.drop_database(environment["DB_NAME"])
                client.close()
