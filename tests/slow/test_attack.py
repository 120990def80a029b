"""A served agent under attack for a minute, and a health probe each second: every one is answered."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_doors_open import made
from tests.e2e.test_serve import serving
from tests.servers.teams import TeamsSim

ATTACK_SECONDS = 60
MAX_FILES = 1024
"""Of the agent: the usual limit of a process, and fewer than there are attackers."""
MAX_PROBE_SECONDS = 2.0
MAX_LOG_LINES = 5
"""About connections, in a minute; each of them was one or more lines before."""


@pytest.fixture(autouse=True)
def _few_files() -> Iterator[None]:
    """Limit the processes that this test starts; the attackers raise it for themselves."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


async def probe(url: str) -> tuple[int, float]:
    """(status, seconds) of a health check on a connection of its own; status 0: no answer."""
    began = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.get(f"{url}/api/health") as answer,
        ):
            await answer.read()
            return answer.status, time.monotonic() - began
    except (aiohttp.ClientError, TimeoutError):
        return 0, time.monotonic() - began


async def test_everybody_else_is_answered_during_an_attack(
    agent: AgentProcess, tmp_path: Path
) -> None:
    _, key = await made(agent, "--scopes", "read,write")
    # A pipe that nobody reads would fill up.
    agent.log = tmp_path / "agent.log"
    async with (
        TeamsSim() as sim,
        serving(agent, LOG_FORMAT="json", **sim.environment()) as (url, process, _),
    ):
        port = str(urlsplit(url).port)
        command = [sys.executable, "-m", "tests.slow.attackers", port, key, str(ATTACK_SECONDS)]
        attackers = subprocess.Popen(command, cwd=ROOT)
        probes = []
        try:
            await asyncio.sleep(2)
            while attackers.poll() is None:
                probes.append(asyncio.create_task(probe(url)))
                await asyncio.sleep(1)
        finally:
            attackers.terminate()
            await asyncio.to_thread(attackers.wait)
        found = await asyncio.gather(*probes)
        assert process.poll() is None
    lines = [json.loads(line) for line in agent.log.read_text("utf-8").splitlines()]
    limited = [line for line in lines if line["event"] == "connections_limited"]
    seconds = sorted(took for _, took in found)
    print(
        f"{len(found)} probes: median {seconds[len(seconds) // 2]:.3f} s, "
        f"longest {seconds[-1]:.3f} s; log {agent.log.stat().st_size:,} bytes, "
        f"{len(limited)} lines about connections: {limited}, "
        f"events {Counter(line['event'] for line in lines)}, "
        f"{sum(status != 200 for status, _ in found)} probes not answered"
    )
    assert [line["exception"] for line in lines if "exception" in line] == []
    assert attackers.returncode == 0
    assert len(found) >= ATTACK_SECONDS - 10
    assert {status for status, _ in found} == {200}
    assert seconds[-1] < MAX_PROBE_SECONDS
    assert 1 <= len(limited) <= MAX_LOG_LINES
