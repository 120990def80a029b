"""Records what an agent of some version stores: ``python -m tests.data.record TREE NAME``.

``TREE`` is a checkout of that version. Its agent is driven through its doors alone, so that this
works for versions of before and of later: teams from a CSV, settings over REST, a conversation,
an answer and a planned change in Teams, a finished weekly run with a refused address, and one
that is killed while its mails are on their way. All documents, and what the agent itself said of
them over REST, become ``stored/NAME.json.gz``, which the tests open with the agent of today.
"""

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
from bson import json_util
from pymongo import MongoClient

from services.domain import DaySpan
from tests.servers.datadog import Cost, FakeDatadog, account_ids, random_costs
from tests.servers.mongo import Mongod, free_ports
from tests.servers.smtp import FakeSmtp, Faults, Mail
from tests.servers.teams import ANA, Message, TeamsSim, actions_of, where_of

FOLDER = Path(__file__).parent / "stored"
SECRET_KEY = "a key of the tests"
PASSWORD = "a password of the tests"
DATABASE = "recorded"
ACCOUNTS = account_ids(5, seed=71)
"""The last one has no team."""
REFUSED = "team1@example.org"
HANDED_OVER = "team2@example.org"
"""Its mail was at the server, which had not answered, when the agent was killed."""
WAITING = "team3@example.org"
PATIENCE = 90.0
NOT_THERE_YET = 404
SAID = {
    "teams": "/api/teams",
    "config": "/api/config",
    "runs": "/api/runs?limit=20",
    "anomalies": "/api/anomalies",
    "costs": "/api/costs/history?limit=200",
}
"""What the agent is asked about its own data."""


def costs_until(today: date) -> list[Cost]:
    """80 days of costs; one account's grow, so that there is an anomaly."""
    span = DaySpan(today - timedelta(days=80), today - timedelta(days=3))
    more = [
        Cost(
            day,
            900.0,
            {
                "aws_member_account_id": ACCOUNTS[0],
                "aws_product": "ec2",
                "chargecategory": "usage",
                "billingcurrency": "USD",
            },
        )
        for day in span
        if (today - day).days <= 12
    ]
    return [*random_costs(ACCOUNTS, span, seed=71), *more]


class OldAgent:
    """The agent of a checkout, as a process."""

    def __init__(self, tree: Path, environment: dict[str, str]) -> None:
        self._tree = tree
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
            process.wait()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Starts a command."""
        process = subprocess.Popen(
            [sys.executable, str(self._tree / "app.py"), *arguments],
            env=self._environment,
            cwd=self._environment["DATA_DIR"],
        )
        self._started.append(process)
        return process

    async def run(self, *arguments: str) -> int:
        """Runs a command to its end."""
        return await asyncio.to_thread(self.start(*arguments).wait)

    async def create_key(self) -> str:
        """An API key, which an installation with an app ID needs for REST."""
        arguments = ("api-key", "create", "--name", "recorder", "--scopes", "read,write")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(self._tree / "app.py"),
            *arguments,
            env=self._environment,
            cwd=self._environment["DATA_DIR"],
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return output.decode().splitlines()[-1]


async def record(tree: Path, name: str) -> None:
    """Drives the agent of the checkout and writes what it has stored."""
    today = datetime.now(UTC).date()
    with (
        tempfile.TemporaryDirectory() as folder,
        Mongod(Path(folder)) as mongod,
        MongoClient[dict[str, Any]](mongod.url, tz_aware=True) as client,
    ):
        async with (
            FakeDatadog(costs_until(today)) as datadog,
            FakeSmtp(Faults(refuse={REFUSED: "550 5.1.1 no such user"})) as smtp,
            TeamsSim() as sim,
        ):
            port = free_ports(1)[0]
            environment = {
                "DATA_DIR": folder,
                "MONGO_URL": mongod.url,
                "DB_NAME": DATABASE,
                "SECRET_KEY": SECRET_KEY,
                "PORT": str(port),
                **datadog.environment(),
                **smtp.environment(),
                **sim.environment(),
            }
            sim.bot_url = f"http://127.0.0.1:{port}"
            with OldAgent(tree, environment) as agent:
                said, mails = await drive(agent, Path(folder), sim, smtp)
        database = client[DATABASE]
        found = {
            "code": commit_of(tree),
            "recorded_at": datetime.now(UTC).isoformat(),
            "teams_url": sim.url,
            "mailed": sorted((mail.recipient, mail.sha256) for mail in mails),
            "said": said,
        }
        collections = {
            one: list(database[one].find().sort("_id", 1))
            for one in sorted(database.list_collection_names())
        }
    write(name, found, collections)


async def drive(
    agent: OldAgent, folder: Path, sim: TeamsSim, smtp: FakeSmtp
) -> tuple[dict[str, Any], list[Mail]]:
    """A few days of its life: what it said of its data, the mails of the killed run."""
    year, week, _ = (datetime.now(UTC) - timedelta(days=7)).isocalendar()
    teams = folder / "teams.csv"
    rows = [f"Team {i},{ACCOUNTS[i]},team{i}@example.org" for i in range(4)]
    teams.write_text("\n".join(["team_name,aws_account_id,team_email", *rows]))
    assert await agent.run("import-teams", str(teams)) == 0
    assert await agent.run("run-report", "--period", f"{year}-W{week:02}") == 1, "one is refused"

    key = await agent.create_key()
    serving = agent.start()
    async with asyncio.timeout(PATIENCE):
        said = await operate(sim, key)
    serving.send_signal(signal.SIGTERM)
    await asyncio.to_thread(serving.wait)

    before = len(smtp.mails)
    smtp.faults.hang_at = {WAITING: ["rcpt"], HANDED_OVER: ["unaccepted"]}
    killed = agent.start("run-report")
    async with asyncio.timeout(PATIENCE):
        while smtp.hanging < 2 or len(smtp.mails) < before + 3:
            await asyncio.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    await asyncio.to_thread(killed.wait)
    return said, smtp.mails[before:]


async def operate(sim: TeamsSim, key: str) -> dict[str, Any]:
    """What admins do over REST and in Teams; what the agent then says of its data."""
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(sim.bot_url, headers=headers) as http:
        await until_healthy(http)

        async def ask(method: str, path: str, body: Any = None) -> Any:
            async with http.request(method, path, json=body) as answer:
                if answer.status == NOT_THERE_YET:
                    return None
                assert answer.status < 300, await answer.text()
                return await answer.json()

        settings = {
            "global_admin_emails": ["finance@example.org"],
            "anomaly_threshold": 25.0,
            "schedule_timezone": "Europe/Berlin",
            "smtp_password": PASSWORD,
        }
        await ask("PUT", "/api/config", settings)
        (first, *_) = await ask("GET", "/api/teams")
        admins = {"admin_emails": ["lead@example.org"], "anomaly_threshold": 30.0}
        await ask("PATCH", f"/api/teams/{first['id']}", admins)
        await sim.install("channel")
        await sim.say("alerts here", ANA, "channel")
        last = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
        await sim.say(f'expect "Team 1" +30% from 2026-11-01 to {last} because of the sale')
        while (alert := alert_of(sim)) is None:
            await asyncio.sleep(0.2)
        await sim.press(alert, "Expected")
        await asyncio.sleep(3)  # what follows from it is stored too
        return {one: await ask("GET", path) for one, path in SAID.items()}


async def until_healthy(http: aiohttp.ClientSession) -> None:
    """Waits until the agent serves."""
    while True:
        try:
            async with http.get("/api/health") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)


def alert_of(sim: TeamsSim) -> Message | None:
    """The first card in the channel that can be answered."""
    for message in sim.messages.values():
        titles = {action.get("title") for action in actions_of(message.card)}
        if where_of(message.conversation) == "channel" and "Expected" in titles:
            return message
    return None


def commit_of(tree: Path) -> str:
    """The commit of the checkout."""
    command = ["git", "-C", str(tree), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write(name: str, found: dict[str, Any], collections: dict[str, list[Any]]) -> None:
    """A line for each document; without the name of this machine."""
    options = json_util.CANONICAL_JSON_OPTIONS
    parts = [
        f"{json.dumps(one)}: [\n"
        + ",\n".join(json_util.dumps(doc, json_options=options) for doc in docs)
        + "\n]"
        for one, docs in collections.items()
    ]
    text = json.dumps(found)[:-1] + ', "collections": {\n' + ",\n".join(parts) + "\n}}\n"
    FOLDER.mkdir(exist_ok=True)
    raw = re.sub(r'"owner": "[^"]+"', '"owner": "a worker of another machine"', text).encode()
    (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(raw, mtime=0))


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]).resolve(), sys.argv[2]))
