"""MongoDB in trouble: the run pauses and goes on, REST says 503, nothing is guessed."""

import asyncio
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pymongo import MongoClient

from app import Agent, open_agent
from cli.waiting import when_mongodb_responds
from services.domain import Actor
from services.domain.errors import SettingsError, StoreUnavailableError
from services.settings import load_settings
from tests.conftest import ROOT
from tests.e2e.test_weekly_run import costs_of
from tests.servers.datadog import FakeDatadog, account_ids
from tests.servers.mongo import Mongod, ReplicaSet, free_ports
from tests.servers.proxy import Proxy
from tests.servers.smtp import FakeSmtp

TEAMS = 24
ACTOR = Actor(interface="cli", name="test")


@dataclass
class World:
    """A run of one mail for each team at work."""

    agent: Agent
    client: "TestClient[Any, Any]"
    smtp: FakeSmtp
    run_id: str = ""

    async def begin(self, after: int = 6) -> None:
        """Begins the weekly run and returns when so many mails are out."""
        async with self.client.post("/api/trigger/weekly-report") as answer:
            assert answer.status == 202
            self.run_id = (await answer.json())["id"]
        async with asyncio.timeout(60):
            while len(self.smtp.mails) < after:
                await asyncio.sleep(0.01)

    async def status(self, path: str = "/api/runs") -> int:
        async with self.client.get(path) as answer:
            if answer.status == 503 and path != "/api/health":
                assert answer.headers["Retry-After"]
            return answer.status

    async def done(self) -> None:
        """Everybody has got one mail, and the ledger was never unsure."""
        async with asyncio.timeout(120):
            state = "open"
            while state == "open":
                await asyncio.sleep(0.2)
                async with self.client.get(f"/api/runs/{self.run_id}") as answer:
                    state = (await answer.json())["state"] if answer.status == 200 else state
        deliveries = await self.agent.app.runs.views.deliveries(self.run_id, limit=1000)
        assert {delivery.state.value for delivery in deliveries} == {"sent"}
        assert sum(delivery.ambiguous for delivery in deliveries) == 0
        assert dict(self.smtp.by_recipient) == {f"t{i}@example.org": 1 for i in range(TEAMS)}


@asynccontextmanager
async def working(url: str, folder: Path) -> AsyncIterator[World]:
    """The agent on a MongoDB, with teams, and everything else well."""
    accounts = account_ids(TEAMS, seed=41)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(delay=0.04) as smtp:
        environment = {
            "MONGO_URL": url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            "DATA_DIR": str(folder),
            **datadog.environment(),
            **smtp.environment(),
        }
        async with open_agent(load_settings(environment, None)) as agent:
            for i, account in enumerate(accounts):
                body = {
                    "team_name": f"Team {i}",
                    "aws_account_id": account,
                    "team_email": f"t{i}@example.org",
                }
                await agent.app.teams.add(body, ACTOR, agent.app.context.clock())
            async with TestClient(TestServer(agent.rest)) as client:
                yield World(agent, client, smtp)
                agent.app.mailing.sender.stop()
                await agent.background.drain(10)


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Mongod(tmp_path_factory.mktemp("mongod")) as server:
        yield server


async def test_an_outage_stops_the_run_for_as_long_as_it_lasts(
    mongod: Mongod, tmp_path: Path, is_long: bool
) -> None:
    async with Proxy(mongod.port) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        async with working(url, tmp_path) as world:
            await world.begin()
            outage = asyncio.create_task(proxy.outage(20 if is_long else 14))
            await asyncio.sleep(1)
            mails = len(world.smtp.mails)
            assert await world.status() == 503
            assert await world.status("/api/health") == 503
            await outage
            assert len(world.smtp.mails) == mails < TEAMS
            await world.done()
            assert await world.status() == 200


async def test_an_election_loses_and_repeats_nothing(tmp_path: Path) -> None:
    with ReplicaSet(tmp_path / "rs") as replicas:
        async with working(replicas.url, tmp_path) as world:
            await world.begin()
            await replicas.kill_primary()
            await world.done()


async def test_without_a_majority_of_servers_nothing_goes_out(tmp_path: Path) -> None:
    with ReplicaSet(tmp_path / "rs") as replicas:
        async with working(f"{replicas.url}&socketTimeoutMS=2000", tmp_path) as world:
            await world.begin()
            primary = await asyncio.to_thread(replicas.wait_for_primary)
            others = [node for node in replicas.nodes if node is not primary]
            for node in others:
                node.send(signal.SIGSTOP)
            await asyncio.sleep(4)
            mails = len(world.smtp.mails)
            assert await world.status() == 503
            assert len(world.smtp.mails) == mails < TEAMS
            for node in others:
                node.send(signal.SIGCONT)
            await world.done()


@pytest.mark.parametrize(
    "error",
    [
        {"errorCode": 112},
        {"errorCode": 10107},
        {"closeConnection": True},
        {"writeConcernError": {"code": 91, "errmsg": "shutting down"}},
    ],
    ids=["write conflict", "not primary", "connection lost", "write concern"],
)
async def test_errors_of_single_operations_are_waited_out(
    mongod: Mongod, tmp_path: Path, error: dict[str, Any]
) -> None:
    names = ["findAndModify", "update", "aggregate", "find"]
    if "writeConcernError" in error:
        names = ["findAndModify", "update"]
    async with working(f"{mongod.url}&heartbeatFrequencyMS=500", tmp_path) as world:
        await world.begin()
        await asyncio.to_thread(mongod.fail, names, 5, **error)
        await world.done()


async def _filled(mongod: Mongod) -> None:
    """The disk is full, so mongod ends; then there is space, and it is started again."""
    mongod.fill_disk()
    assert mongod.process is not None
    await asyncio.to_thread(mongod.process.wait, 60)


async def _frozen(mongod: Mongod) -> None:
    mongod.send(signal.SIGSTOP)


@pytest.mark.parametrize("trouble", [_filled, _frozen], ids=["full disk", "frozen"])
async def test_a_mongodb_that_ends_or_hangs_under_a_run_is_waited_for(
    tmp_path: Path, trouble: Callable[[Mongod], Awaitable[None]]
) -> None:
    with Mongod(tmp_path / "mongod") as mongod:
        async with working(f"{mongod.url}&socketTimeoutMS=2000", tmp_path) as world:
            await world.begin()
            await trouble(mongod)
            assert await world.status() == 503
            if mongod.alive:
                mongod.send(signal.SIGCONT)
            else:
                await asyncio.to_thread(mongod.start)
            await world.done()


async def test_a_revoked_permission_stops_the_run_until_it_is_granted_again(
    tmp_path: Path,
) -> None:
    user = {"pwd": "right", "roles": ["root"]}
    with Mongod(tmp_path / "mongod", options=["--auth"]) as mongod:
        await asyncio.to_thread(mongod.command, "createUser", "admin", **user)
        url = f"mongodb://%s:%s@{mongod.address}/?directConnection=true"
        admin_url = url % ("admin", "right")

        def run(command: str, name: str, **more: Any) -> None:
            with MongoClient[dict[str, Any]](admin_url) as client:
                client.admin.command(command, name, **more)

        await asyncio.to_thread(run, "createUser", "agent", **user)
        for wrong in (url % ("agent", "wrong"), mongod.url):
            with pytest.raises(StoreUnavailableError, match="MONGO_URL"):
                async with working(wrong, tmp_path):
                    pass
        async with working(url % ("agent", "right"), tmp_path) as world:
            await world.begin()
            await asyncio.to_thread(run, "revokeRolesFromUser", "agent", roles=["root"])
            async with asyncio.timeout(20):
                while await world.status() != 503:
                    await asyncio.sleep(0.1)
            await asyncio.to_thread(run, "grantRolesToUser", "agent", roles=["root"])
            await world.done()


@pytest.mark.parametrize(
    ("told", "instead"),
    [
        (b"6.0.", b"4.4."),
        (b"\x10maxWireVersion\x00\x11\x00\x00\x00", b"\x10maxWireVersion\x00\x06\x00\x00\x00"),
    ],
    ids=["by its version", "by its protocol"],
)
async def test_a_mongodb_that_is_too_old_is_named_at_the_start(
    mongod: Mongod, tmp_path: Path, told: bytes, instead: bytes
) -> None:
    async with Proxy(mongod.port, lambda data: data.replace(told, instead)) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        with pytest.raises(SettingsError, match=r"too old.*6\.0 or newer.*MONGO_URL"):
            async with working(url, tmp_path):
                pass


async def test_a_start_while_mongodb_is_unavailable_waits_with_a_line_and_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = Mongod(tmp_path / "mongod", free_ports(1)[0])

    async def begin() -> None:
        async with AsyncExitStack() as stack:
            await when_mongodb_responds(
                lambda: stack.enter_async_context(working(late.url, tmp_path))
            )

    starting = asyncio.create_task(begin())
    try:
        async with asyncio.timeout(30):
            while "Waiting up to 60 seconds" not in capsys.readouterr().err:
                assert not starting.done()
                await asyncio.sleep(0.1)
        await asyncio.to_thread(late.start)
        await asyncio.wait_for(starting, 30)
    finally:
        late.kill()


# The outbox on a full disk

OUTBOX = """
import asyncio, resource, sys
from pathlib import Path
from services.adapters.outbox import OutboxTransport
from services.domain.errors import MailConnectError
async def main():
    connection = await OutboxTransport(Path(sys.argv[1])).connect()
    raw = (b"Message-ID: <a@b>\\r\\nDate: Tue, 24 Nov 2026 09:00:00 +0000\\r\\nTo: a@example.org\\r\\n"
           b"Subject: s\\r\\n\\r\\n" + b"x" * 100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, -1))
    try:
        print(await connection.hand_over(raw))
    except MailConnectError as error:
        print("refused:", error)
    print([path.name for path in Path(sys.argv[1]).iterdir()])
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    print(await connection.hand_over(raw))
    print([path.stat().st_size == len(raw) for path in Path(sys.argv[1]).iterdir()])
asyncio.run(main())
"""


def test_a_half_written_outbox_file_never_counts_as_sent(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTBOX, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    refused, left, written, whole = done.stdout.splitlines()
    assert refused.startswith("refused: The agent cannot write to the outbox")
    assert "Free some space" in refused
    assert left == "[]"
    assert written.startswith("written to")
    assert whole == "[True]"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
