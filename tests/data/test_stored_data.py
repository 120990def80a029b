"""Data that agents of earlier versions have stored, under the agent of today, on a real MongoDB.

``record.py`` has made it, with the code of those versions.
"""

import asyncio
import gzip
import json
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bson import json_util
from pymongo import MongoClient

from cli.run_report import work_on_report
from services.adapters.store.migrations import FIRST, STEPS
from services.domain import Actor, RunState
from services.operations.checkup import Finding
from tests.bot.agent import Moving, World, serving
from tests.conftest import ROOT, AgentProcess
from tests.data.record import (
    FOLDER,
    HANDED_OVER,
    PASSWORD,
    REFUSED,
    SAID,
    SECRET_KEY,
    WAITING,
    costs_until,
)
from tests.servers.datadog import FakeDatadog
from tests.servers.smtp import FakeSmtp, Faults
from tests.servers.teams import ANA, TeamsSim

NEWEST = FIRST + len(STEPS)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
RECORDED = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))
GETS_NO_MAIL = Faults(refuse={REFUSED: "550 5.1.1 no such user"})


@dataclass
class Recording:
    """What an agent has stored, and what it said of it."""

    name: str
    text: str
    found: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.found = json.loads(self.text)

    @property
    def recorded_at(self) -> datetime:
        return datetime.fromisoformat(self.found["recorded_at"])

    def load(self, mongo_url: str, database: str, teams_url: str = "") -> None:
        """Stores the documents; conversations are then at another address."""
        text = self.text.replace(self.found["teams_url"], teams_url or self.found["teams_url"])
        with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
            # Runs are kept for 400 days: also after that, the recorded ones are to be read.
            client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
            for name, docs in json_util.loads(text)["collections"].items():
                if docs:
                    client[database][name].insert_many(docs)

    def documents(self, collection: str) -> list[dict[str, Any]]:
        return list(self.found["collections"][collection])


def recording(name: str) -> Recording:
    return Recording(name, gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()).decode())


@pytest.fixture(params=RECORDED)
def old(request: pytest.FixtureRequest) -> Recording:
    return recording(request.param)


@dataclass
class Upgraded:
    """The agent of today on the data of then, half an hour later."""

    old: Recording
    world: World
    smtp: FakeSmtp
    clock: Moving
    key: str | None = None
    """An API key, made when it is first needed."""

    async def headers(self) -> dict[str, str]:
        if self.key is None:
            keys = self.world.agent.app.administration.api_keys
            actor = Actor(interface="cli", name="test")
            _, self.key = await keys.create("stored", ["read", "write"], actor, self.clock())
        return {"Authorization": f"Bearer {self.key}"}

    async def get(self, path: str) -> Any:
        url, headers = self.world.sim.bot_url + path, await self.headers()
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def finish_the_killed_run(self) -> None:
        app, patience = self.world.agent.app, timedelta(seconds=1)
        async with asyncio.timeout(60):
            while (await work_on_report(app, patience=patience))[0].run.state is RunState.OPEN:
                self.clock.move(minutes=1)


@asynccontextmanager
async def upgraded(
    old: Recording, mongo_url: str, folder: Path, **more: str
) -> AsyncIterator[Upgraded]:
    clock = Moving(old.recorded_at + timedelta(minutes=30))
    async with (
        FakeDatadog(costs_until(old.recorded_at.date())) as datadog,
        FakeSmtp(GETS_NO_MAIL) as smtp,
        TeamsSim() as sim,
    ):
        environment = {
            "DATA_DIR": str(folder),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            "SECRET_KEY": SECRET_KEY,
            **datadog.environment(),
            **smtp.environment(),
            **sim.environment(),
            **more,
        }
        old.load(mongo_url, environment["DB_NAME"], sim.url)
        async with serving(sim, environment, clock) as agent:
            with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
                database: Any = client[environment["DB_NAME"]]
                world = World(sim, agent, environment, database, clock)
                yield Upgraded(old, world, smtp, clock)
                client.drop_database(environment["DB_NAME"])


@pytest.fixture
async def today(old: Recording, mongo_url: str, tmp_path: Path) -> AsyncIterator[Upgraded]:
    async with upgraded(old, mongo_url, tmp_path) as found:
        yield found


def test_there_is_data_of_before_versions_and_of_each_version_since() -> None:
    found = {
        version["version"] for name in RECORDED for version in stored_versions(recording(name))
    }
    assert found == {None, *range(FIRST, NEWEST + 1)}, "see CONTRIBUTING.md, recipe stored data"


def stored_versions(old: Recording) -> Iterator[dict[str, Any]]:
    docs = json_util.loads(old.text)["collections"].get("meta", [])
    yield from docs or [{"version": None}]


async def test_the_agent_reports_its_old_data_unchanged(today: Upgraded) -> None:
    compared = 0
    for name, before in today.old.found["said"].items():
        if before is None:
            continue  # REST did not answer this yet
        now = await today.get(SAID[name])
        if isinstance(before, dict):
            assert same_where_both_speak(before, now) == set(), name
            compared += 1
            continue
        by_key = {key_of(one): one for one in now}
        for one in before:
            assert key_of(one) in by_key, (name, one)
            assert same_where_both_speak(one, by_key[key_of(one)]) == set(), name
            compared += 1
    assert compared > 6


def key_of(row: dict[str, Any]) -> Any:
    return row.get("id") or (row["team_id"], row["date"])


def same_where_both_speak(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """Fields that have another value now; those of another type are of another API."""
    both = {name for name in set(before) & set(now) if type(before[name]) is type(now[name])}
    assert both
    return {
        name
        for name in both
        if (
            same_where_both_speak(before[name], now[name])
            if isinstance(now[name], dict) and now[name]
            else said(before[name]) != said(now[name])
        )
    }


def said(value: Any) -> Any:
    """An instant is the same however many digits its second has."""
    if isinstance(value, str) and INSTANT.match(value):
        return datetime.fromisoformat(value)
    return value


async def test_every_document_is_still_there_but_stored_states_of_detection(
    today: Upgraded,
) -> None:
    assert await today.get("/api/health")
    collections = dict(today.old.found["collections"])
    assert bool(collections.pop("watches", None)) == (today.old.name == "version-2-watches")
    database: Any = today.world.database
    assert "watches" not in database.list_collection_names()
    for name, docs in collections.items():
        ids = {doc["_id"] for doc in docs}
        assert ids <= {doc["_id"] for doc in today.world.database[name].find({}, {"_id": 1})}, name
    (meta,) = today.world.database["meta"].find()
    assert meta["version"] == NEWEST
    assert await stored_mail_password(today.world) == PASSWORD


async def stored_mail_password(world: World) -> str:
    """As the mail transports get it."""
    config = world.agent.app.mailing.transports._config
    password = config.smtp_settings(await config.stored(world.clock())).password
    assert password is not None
    return str(password.get_secret_value())


ASKED = {
    "teams": "Team 3",
    "team Team 0": "lead@example.org",
    "costs Team 0": "Team 0",
    "explain Team 0": "ec2",
    "anomalies": "Team 0",
    "alerts": "channel",
    "threshold": "25",
    "schedule": "Europe/Berlin",
    "recipients": "finance@example.org",
    "history": "Ana",
    "preview Team 1": "of the sale",
    "preview admin": "Team 2",
    "admins": ANA.object_id,
}


async def test_every_command_reads_old_data(today: Upgraded) -> None:
    newest = today.old.recorded_at.date() - timedelta(days=3)
    asked = {**ASKED, "status": f"{newest}|{newest:%-d %b}"}
    for text, holding in asked.items():
        answer = await today.world.says(text, ANA)
        assert any(part in answer.text for part in holding.split("|")), (text, answer.text)


async def test_the_killed_run_is_finished_and_no_email_goes_out_twice(today: Upgraded) -> None:
    had_it = {recipient for recipient, _ in today.old.found["mailed"]}
    assert had_it == {"finance@example.org", "lead@example.org", "team0@example.org"}

    await today.finish_the_killed_run()

    assert {WAITING} <= set(today.smtp.by_recipient) <= {WAITING, HANDED_OVER}
    assert set(today.smtp.by_recipient.values()) == {1}
    # The server had this one's body when the agent was killed: only the identical one may follow,
    # or none and a line to the admins, should mails be put together in another way by now.
    (before,) = [
        document for document in today.old.documents("deliveries") if document["phase"] == "data"
    ]
    mails = [one for one in today.smtp.mails if one.recipient == HANDED_OVER]
    assert {mail.sha256 for mail in mails} <= {before["raw_sha256"]}
    after = today.world.database["deliveries"].find_one({"_id": before["_id"]})
    assert after["state"] == ("sent" if mails else "unknown")


async def test_finished_periods_and_notified_anomalies_raise_nothing_again(
    today: Upgraded,
) -> None:
    sent = {
        document["message_id"]
        for document in today.old.documents("deliveries")
        if document["state"] == "sent"
    }
    (card,) = today.old.documents("alerts")
    view, worked = await work_on_report(today.world.agent.app, period=last_period(today.old))
    assert not worked
    assert view.counts

    await today.finish_the_killed_run()
    await today.world.agent.tick()
    await today.world.quiet()
    await today.world.tick()

    assert not sent & {mail.message_id for mail in today.smtp.mails}
    assert today.world.anomaly(card["subject"])["status"] == "expected"
    known = [message for message in today.world.messages("channel") if message.reply_to is None]
    assert all(card["subject"] not in json.dumps(one.body) for one in known)


def last_period(old: Recording) -> str:
    return min(
        str(document["period"])
        for document in old.documents("runs")
        if document["kind"] == "weekly"
    )


async def mail_finding(today: Upgraded) -> Finding:
    findings = (await today.world.agent.app.operations.diagnostics.check(today.clock())).findings
    return next(finding for finding in findings if finding.system == "Email")


async def test_with_another_secret_key_only_the_mail_password_is_to_be_given_again(
    mongo_url: str, tmp_path: Path
) -> None:
    old = recording("version-2")
    async with upgraded(old, mongo_url, tmp_path, SECRET_KEY="another key of the tests") as today:
        ill = await mail_finding(today)
        assert not ill.ok
        assert "SECRET_KEY" in ill.text
        assert "stored password cannot be decrypted" in ill.text
        for path in ("/api/teams", "/api/config", "/api/runs", "/api/anomalies"):
            assert await today.get(path)

        async with aiohttp.ClientSession(today.world.sim.bot_url) as http:
            body = {"smtp_password": "new"}
            async with http.put("/api/config", json=body, headers=await today.headers()) as answer:
                assert answer.status == 200, await answer.text()

        assert (await mail_finding(today)).ok
        assert await stored_mail_password(today.world) == "new"


HALF_WAY = """
import asyncio, sys
from services.adapters.store import MongoStore, migrations
from services.adapters.store.client import Database

async def killed_here(db: Database) -> None:
    await db.runs.update_one({"openings": None}, {"$set": {"plan": 0, "openings": 0}})
    print("half", flush=True)
    await asyncio.sleep(3600)

store = MongoStore(sys.argv[1], sys.argv[2])
asyncio.run(migrations.migrate(store._db, (killed_here,)))
"""


async def test_a_migration_that_was_killed_half_way_is_finished_by_the_next_start(
    mongo_url: str, tmp_path: Path
) -> None:
    database = f"test_{secrets.token_hex(6)}"
    old = recording("before-versions")
    old.load(mongo_url, database)
    killed = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, mongo_url, database], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"half\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    agent = AgentProcess(
        {
            "DATA_DIR": str(tmp_path),
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "SECRET_KEY": SECRET_KEY,
        }
    )
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        db = client[database]
        assert db.meta.find_one() == {"_id": "schema", "version": FIRST}
        assert db.runs.count_documents({"openings": None}) == len(old.documents("runs")) - 1

        result = await agent.run("check")

        assert result.returncode == 0, result.stderr
        assert db.meta.find_one() == {"_id": "schema", "version": NEWEST}
        assert db.runs.count_documents({"openings": None}) == 0
        assert db.alerts.count_documents({"fence": None}) == 0
        client.drop_database(database)


async def test_data_of_a_newer_agent_is_refused_with_the_cure_and_left_as_it_is(
    mongo_url: str, agent: AgentProcess
) -> None:
    database = agent.environment["DB_NAME"]
    recording(RECORDED[-1]).load(mongo_url, database)
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        db = client[database]
        db.meta.update_one({"_id": "schema"}, {"$set": {"version": NEWEST + 1}})
        before = all_documents(db)
        for command in ("serve", "run-report"):
            result = await agent.run(command)
            assert result.returncode == 1
            assert f"data version {NEWEST + 1}" in result.stderr
            assert "Start the newer agent, or restore a backup." in result.stderr
            assert result.stderr.count("\n") == 1
        assert all_documents(db) == before
        client.drop_database(database)


def all_documents(db: Any) -> dict[str, list[str]]:
    return {
        name: sorted(repr(doc) for doc in db[name].find()) for name in db.list_collection_names()
    }
