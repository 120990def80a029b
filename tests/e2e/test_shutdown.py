"""Told to stop, the agent takes nothing new, ends what is in hand, and leaves nothing unclear."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import free_port, serving
from tests.e2e.test_weekly_run import costs_of, write_teams
from tests.servers.datadog import FakeDatadog, account_ids
from tests.servers.smtp import FakeSmtp, Faults

TEAMS = 12
EVERYBODY = {f"team{i}@example.org" for i in range(TEAMS)}


def ledger(agent: AgentProcess) -> list[dict[str, Any]]:
    """All deliveries as they are stored."""
    with MongoClient[dict[str, Any]](agent.environment["MONGO_URL"]) as client:
        return list(client[agent.environment["DB_NAME"]].deliveries.find())


async def begun(url: str, smtp: FakeSmtp, mails: int) -> None:
    """The weekly run is at work, and so many mails are out."""
    async with aiohttp.ClientSession(url) as session, session.post("/api/trigger/weekly-report"):
        pass
    async with asyncio.timeout(60):
        while len(smtp.mails) < mails:
            await asyncio.sleep(0.01)


def listens(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def test_no_new_requests_then_no_new_work_then_the_email_in_progress_then_the_end(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(TEAMS, seed=51)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(delay=0.4) as smtp:
        environment = {**datadog.environment(), **smtp.environment(), "SMTP_MAX_CONNECTIONS": "2"}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        async with serving(agent, **environment) as (url, process, _):
            await begun(url, smtp, mails=3)
            at_work = [one["_id"] for one in ledger(agent) if one["state"] == "sending"]
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                while listens(url):
                    await asyncio.sleep(0.01)
            assert process.poll() is None
            _, err = await asyncio.to_thread(process.communicate, None, 60)
        stored = {one["_id"]: one for one in ledger(agent)}
        sent = {one["recipient"] for one in stored.values() if one["state"] == "sent"}

        assert process.returncode == 0, err
        steps = re.findall(r"shutdown_step_completed +step='([a-z ]+)'", err)
        assert steps == [
            "new requests refused",
            "new work refused",
            "work in progress finished",
            "connections closed",
        ]
        assert at_work
        assert all(stored[name]["state"] == "sent" for name in at_work)
        assert {one["state"] for one in stored.values()} == {"sent", "pending"}
        assert set(smtp.by_recipient) == sent
        assert len(sent) < TEAMS

        smtp.delay = 0.0
        async with serving(agent, **environment):
            async with asyncio.timeout(60):
                while set(smtp.by_recipient) != EVERYBODY:
                    await asyncio.sleep(0.05)
        assert set(smtp.by_recipient.values()) == {1}


SERVE = """
import asyncio, sys
from app import serve
from services.adapters.logs import log_as_set
from services.settings import load_settings
settings = load_settings()
log_as_set(settings)
sys.exit(asyncio.run(serve(settings, first_report=False, grace=1.0)))
"""


@pytest.mark.parametrize(
    ("place", "state", "unsure"), [("rcpt", "pending", 0), ("accepted", "pending", 1)]
)
async def test_what_does_not_end_within_the_grace_is_left_as_what_it_is(
    agent: AgentProcess, tmp_path: Path, place: str, state: str, unsure: int
) -> None:
    accounts = account_ids(2, seed=52)
    faults = Faults(hang_at={"team1@example.org": [place]})
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(faults) as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env={**agent._all(environment), "PORT": str(port), "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            async with asyncio.timeout(60):
                while not listens(url):
                    await asyncio.sleep(0.05)
            await begun(url, smtp, mails=1)
            async with asyncio.timeout(30):
                while not smtp.hanging:
                    await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 60)  # while the mail server still hangs
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        (left,) = [one for one in ledger(agent) if one["recipient"] == "team1@example.org"]
        assert (left["state"], left["ambiguous"], left["owner"]) == (state, unsure, None)
        assert process.returncode == 0


async def test_a_command_ends_with_the_email_in_progress_and_the_next_one_resumes(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(TEAMS, seed=53)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(delay=0.1) as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        process = agent.start("run-report", **environment)
        async with asyncio.timeout(60):
            while len(smtp.mails) < 3:
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate, None, 60)
        stored = ledger(agent)
        assert process.returncode == 1, err
        assert "The run is still open" in out
        assert {one["state"] for one in stored} == {"sent", "pending"}

        again = await agent.run("run-report", **environment)
        assert again.returncode == 0, again.stderr
        assert dict(smtp.by_recipient) == dict.fromkeys(EVERYBODY, 1)


async def test_what_failed_is_sent_by_a_retry_and_nothing_else(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(3, seed=54)
    faults = Faults(refuse={"team1@example.org": "550 5.1.1 mailbox unknown"})
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(faults) as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        first = await agent.run("run-report", **environment)
        smtp.faults.refuse.clear()
        second = await agent.run("run-report", **environment)
        retried = await agent.run("run-report", "--retry", **environment)
        assert (first.returncode, second.returncode, retried.returncode) == (1, 1, 0)
        assert "--retry" in second.stdout
        assert dict(smtp.by_recipient) == {f"team{i}@example.org": 1 for i in range(3)}
