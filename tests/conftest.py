"""What all tests share: a clean environment, a real MongoDB, the agent as a process."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import stamina
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from services.adapters.embedded import start_embedded
from services.adapters.store import MongoStore
from services.settings import setting_fields

ROOT = Path(__file__).parent.parent

# How long an example takes says only how busy the machine is.
hypothesis_settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says aloud what was left out, and why: dots would hide it."""
    reasons = Counter(
        report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, number in reasons.items():
        text = f"WARNING: {number} not run. {reason.removeprefix('Skipped: ')}"
        terminalreporter.write_line(text, yellow=True, bold=True)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> None:
    """No setting of this machine reaches a test."""
    for _, field in setting_fields():
        os.environ.pop(field.alias, None)
        os.environ.pop(f"{field.alias}_FILE", None)


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MongoDB for the whole test process."""
    folder = tmp_path_factory.mktemp("data")
    loop = asyncio.new_event_loop()
    context = start_embedded(folder)
    try:
        yield loop.run_until_complete(context.__aenter__()).url
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[MongoStore]:
    """A prepared store on a database of its own."""
    found = MongoStore(mongo_url, f"test_{secrets.token_hex(6)}")
    await found.prepare()
    yield found
    await found.aclose()


@pytest.fixture
def _quick_retries() -> Iterator[None]:
    """Retries without waiting; how long a server says to wait is still asked for."""
    stamina.set_testing(True, attempts=10, cap=True)
    yield
    stamina.set_testing(False)


class AgentProcess:
    """The agent as people start it, in a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.log: Path | None = None
        """A file for the log of processes to come; a pipe that nobody reads would fill up."""

    def _all(self, more: dict[str, str]) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
        return {**kept, **self.environment, **more}

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        """Starts a command."""
        with ExitStack() as stack:
            log = stack.enter_context(self.log.open("ab")) if self.log else subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), *arguments],
                env=self._all(more),
                cwd=self.environment["DATA_DIR"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    async def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end, without stopping servers of this test."""
        process = self.start(*arguments, **more)
        out, err = await asyncio.to_thread(process.communicate, None, 120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def agent(tmp_path: Path, mongo_url: str) -> AgentProcess:
    """The agent on a database of its own."""
    return AgentProcess(
        {
            "DATA_DIR": str(tmp_path),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
        }
    )
