"""The curl lines of the docs are run as they are written, against the agent as it is served."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.adapters.store import MongoStore
from services.administration.api_keys import ApiKeys
from services.administration.audit_trail import AuditTrail
from services.domain import Actor
from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import free_port, serving

BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"(?:^|\$\()curl ", re.MULTILINE)
"""Where a line, or what is put into a line, begins with curl."""
REST = "docs/rest.md"
LOCAL = ("docs/setup.md", "docs/install-linux.md", "docs/install-docker.md")
GUIDE = {
    "GET /api/health",
    "PUT /api/config",
    "GET /api/config",
    "POST /api/teams/bulk",
    "POST /api/teams",
    "GET /api/teams",
    "GET /api/scheduler/status",
    "GET /api/preview/team-report/{id}",
    "GET /api/preview/admin-report",
    "POST /api/trigger/weekly-report",
    "POST /api/trigger/team-report/{id}",
    "GET /api/anomalies?limit=10",
    "GET /api/costs/history?limit=10",
}
"""The requests of the guide that came with the first version."""
MOST_SECONDS = 120
"""Of one script; it takes a few, and must not hold up the suite where something hangs."""


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(name: str) -> list[str]:
    """The blocks of a document that hold curl lines."""
    found = BLOCK.findall((ROOT / name).read_text("utf-8"))
    return [block for block in found if CURL.search(block)]


def curl_lines(name: str) -> list[str]:
    """The curl lines alone of a document whose other lines install things."""
    lines: list[str] = []
    inside = False
    for line in "".join(blocks(name)).splitlines():
        if inside:
            lines[-1] += f"\n{line}"
        elif line.startswith("curl "):
            lines.append(line)
        inside = (inside or line.startswith("curl ")) and line.endswith("\\")
    return lines


class Shell:
    """A shell in which ``curl`` says what became of each request."""

    def __init__(self, folder: Path, real: str) -> None:
        self.folder = folder
        self._requests = folder / "requests.txt"
        command = folder / "bin" / "curl"
        command.parent.mkdir(parents=True)
        script = ROOT / "tests" / "docs" / "curl.py"
        # -I and -S: no packages are needed, and looking for them takes longer than the request.
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {script} "$@"\n', "utf-8")
        command.chmod(0o755)
        python = command.with_name("python3")
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -IS "$@"\n', "utf-8")
        python.chmod(0o755)
        self._environment = {
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "CURL": real,
            "CURL_REQUESTS": str(self._requests),
        }

    async def run(self, script: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs a script in which each step must go well."""
        self._requests.write_text("")
        return await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self._environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )

    def requests(self) -> list[str]:
        """Those that the last script sent, with ids left out."""
        lines = self._requests.read_text("utf-8").splitlines()
        return [re.sub(r"(-report)/[\w-]{8,}$", r"\1/{id}", line) for line in lines]


def statuses(stderr: str) -> list[str]:
    return re.findall(r"^(\d{3})$", stderr, re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """With the machine's curl, or what stands in for it."""
    return Shell(tmp_path / "shell", shutil.which("curl") or "")


@pytest.fixture(params=["curl", "stand-in"])
def either_shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    real = (shutil.which("curl") or "") if request.param == "curl" else ""
    return Shell(tmp_path / "shell", real)


def test_no_page_has_a_curl_line_that_is_not_run() -> None:
    found = {
        str(page.relative_to(ROOT))
        for page in pages()
        if CURL.search("".join(BLOCK.findall(page.read_text("utf-8"))))
    }
    assert found == {REST, *LOCAL}
    for name in LOCAL:
        assert len(curl_lines(name)) == len(CURL.findall("".join(blocks(name))))


async def test_each_curl_line_works_first_without_and_then_with_a_key(
    agent: AgentProcess, shell: Shell
) -> None:
    with_key = "\n".join(blocks(REST))
    lines = [line for name in LOCAL for line in curl_lines(name)]
    async with serving(agent) as (url, _, _):
        local = "\n".join(lines).replace("http://127.0.0.1:8001", url)
        done = await shell.run(local)
        assert done.returncode == 0, done.stderr
        assert len(lines) == len(statuses(done.stderr)) == len(shell.requests())
        assert set(statuses(done.stderr)) == {"200"}
        assert '"schedule_timezone":"Europe/Berlin"' in done.stdout
        page = (shell.folder / "admin.html").read_text("utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert "SAMPLE DATA" in page

        key = await _new_key(agent)
        done = await shell.run(with_key, API_URL=url, API_KEY=key)
        assert done.returncode == 0, done.stderr
        sent = shell.requests()
        assert set(sent) >= GUIDE
        assert len(statuses(done.stderr)) == len(sent) == len(CURL.findall(with_key))
        assert set(statuses(done.stderr)) <= {"200", "201", "202"}, done.stderr
        assert "Total teams: 6" in done.stdout
        assert '"created":5' in done.stdout
        assert '"unchanged":1' in done.stdout
        assert "DOWN" not in done.stdout

        refused = await shell.run("\n".join(lines).replace("http://127.0.0.1:8001", url))
        assert refused.returncode == 22
        assert statuses(refused.stderr) != []


async def _new_key(agent: AgentProcess) -> str:
    """From now on every line but health needs one. As ``api-key create`` does, but quicker."""
    store = MongoStore(agent.environment["MONGO_URL"], agent.environment["DB_NAME"])
    try:
        keys = ApiKeys(store.api_keys, AuditTrail(store.audit_entries))
        actor, now = Actor(interface="cli", name="test"), datetime.now(UTC)
        return (await keys.create("guide", ["read", "write"], actor, now))[1]
    finally:
        await store.aclose()


async def test_the_health_line_says_when_the_agent_is_down(either_shell: Shell) -> None:
    (line,) = [one for one in curl_lines(REST) if "DOWN" in one]
    done = await either_shell.run(line, API_URL=f"http://127.0.0.1:{free_port()}")
    assert "DOWN" in done.stdout
    assert statuses(done.stderr) == ["000"]


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """A server that answers with what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        found = {
            "method": request.method,
            "path": str(request.rel_url),
            "type": request.headers.get("Content-Type"),
            "body": await request.text(),
        }
        return web.json_response(found, status=int(request.query.get("status", "200")))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_what_stands_in_for_curl_does_as_curl_does(either_shell: Shell) -> None:
    """Each shape of line that the docs have, also where there is no curl to compare with."""
    (either_shell.folder / "file").write_text("a,b\n1,2\n")
    script = """
        curl "$URL/one?a=b"
        curl -X POST "$URL/two"
        curl -X PUT "$URL/three" -H "Content-Type: application/json" -d '{"a": 1}'
        curl -X POST "$URL/four" -H "Content-Type: text/csv" --data-binary @file
        curl -sf "$URL/five?status=500" || echo "\\"exit $?\\""
        curl -sf --retry 2 --retry-delay 1 --retry-connrefused "$URL/six"
    """
    async with echoing() as url:
        done = await either_shell.run(script.replace("\n", "\necho\n"), URL=url)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    csv, js = "text/csv", "application/json"
    assert found == [
        {"method": "GET", "path": "/one?a=b", "type": None, "body": ""},
        {"method": "POST", "path": "/two", "type": None, "body": ""},
        {"method": "PUT", "path": "/three", "type": js, "body": '{"a": 1}'},
        {"method": "POST", "path": "/four", "type": csv, "body": "a,b\n1,2\n"},
        "exit 22",
        {"method": "GET", "path": "/six", "type": None, "body": ""},
    ]
    assert statuses(done.stderr) == ["200", "200", "200", "200", "500", "200"]
