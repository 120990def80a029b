"""The shell lines of the docs are run as they are written, against the agent as it is served."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import serving

BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GUIDE = {
    "GET /api/health?",
    "PUT /api/config?",
    "GET /api/config?",
    "POST /api/teams/bulk?",
    "POST /api/teams?",
    "GET /api/teams?",
    "GET /api/scheduler/status?",
    "GET /api/preview/team-report/{id}?",
    "GET /api/preview/admin-report?",
    "POST /api/trigger/weekly-report?",
    "POST /api/trigger/team-report/{id}?",
    "GET /api/anomalies?limit=10",
    "GET /api/costs/history?limit=10",
}
"""The requests of the guide that came with the first version."""


def shell_blocks(name: str) -> list[str]:
    """The blocks of a document that hold curl lines."""
    text = (ROOT / name).read_text("utf-8")
    return [block for block in BLOCK.findall(text) if "curl " in block]


class Shell:
    """A shell in which ``curl`` says what became of each request."""

    def __init__(self, folder: Path, real: str) -> None:
        self.folder = folder
        self._requests = folder / "requests.txt"
        command = folder / "bin" / "curl"
        command.parent.mkdir()
        script = ROOT / "tests" / "docs" / "curl.py"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n', "utf-8")
        command.chmod(0o755)
        python = command.with_name("python3")
        python.symlink_to(sys.executable)
        self._environment = {
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "CURL": real,
            "CURL_REQUESTS": str(self._requests),
        }

    async def run(self, script: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self._environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    def requests(self) -> list[str]:
        """Those that were sent, with ids left out."""
        lines = self._requests.read_text("utf-8").splitlines()
        return [re.sub(r"(-report)/[\w-]{8,}\?", r"\1/{id}?", line) for line in lines]


def statuses(stderr: str) -> list[str]:
    return re.findall(r"^(\d{3})$", stderr, re.MULTILINE)


@pytest.fixture(params=["curl", "stand-in"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    folder = tmp_path / "shell"
    folder.mkdir()
    return Shell(folder, (shutil.which("curl") or "") if request.param == "curl" else "")


async def test_each_line_of_the_guide_works_with_a_key(agent: AgentProcess, shell: Shell) -> None:
    made = await agent.run("api-key", "create", "--name", "guide", "--scopes", "read,write")
    key = made.stdout.splitlines()[-1]
    script = "\n".join(shell_blocks("docs/rest.md"))
    async with serving(agent) as (url, _, _):
        done = await shell.run(script, API_URL=url, API_KEY=key)
    assert done.returncode == 0, done.stderr
    sent = shell.requests()
    assert set(sent) >= GUIDE
    assert len(statuses(done.stderr)) == len(sent) == script.count("curl ")
    assert set(statuses(done.stderr)) <= {"200", "201", "202"}, done.stderr
    assert "Total teams: 4" in done.stdout
    assert '"created":3' in done.stdout.replace(" ", "")
    assert '"name": "' in done.stdout
    assert "DOWN" not in done.stdout


async def test_the_lines_of_the_set_up_guide_work_in_local_mode(
    agent: AgentProcess, shell: Shell
) -> None:
    blocks = [block for block in shell_blocks("docs/setup.md") if "import-teams" not in block]
    script = "\n".join(line for line in "\n".join(blocks).splitlines() if "app.py" not in line)
    async with serving(agent) as (url, _, _):
        done = await shell.run(script.replace("http://127.0.0.1:8001", url))
    assert done.returncode == 0, done.stderr
    assert statuses(done.stderr) == ["200", "200"]
    page = (shell.folder / "admin.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "SAMPLE DATA" in page
    assert json.loads(done.stdout)["schedule_timezone"] == "Europe/Berlin"


async def test_the_health_line_says_when_the_agent_is_down(shell: Shell) -> None:
    (line,) = [
        line
        for block in shell_blocks("docs/rest.md")
        for line in block.splitlines()
        if line.startswith("curl -sf")
    ]
    done = await shell.run(line, API_URL="http://127.0.0.1:9")
    assert "DOWN" in done.stdout
