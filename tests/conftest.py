"""What all tests share: a clean environment, a real MongoDB, the agent as a process."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pymongo import MongoClient

from services.adapters.embedded_mongo.server import start_embedded
from services.adapters.store import MongoStore
from services.settings import setting_fields
from tests.servers.agents import AgentStarter
from tests.servers.databases import Databases
from tests.servers.shared_folder import (
    make_shared_folder,
    remove_shared_folder,
    trust_nobody_else,
)

ROOT = Path(__file__).parent.parent
SLOW_FOLDER = ROOT / "tests" / "slow"
LONGEST = {"test_mongo_trouble.py", "test_setup_guide.py", "test_weekly_run.py"}
"""They wait for up to two minutes: begun first, as nothing would be left to fill them at the end."""

# A deadline for an example would measure how busy the machine is. `make test` tries the same
# examples every time, so that it fails for a change only; `make test-all` tries new ones.
hypothesis_settings.register_profile(
    "test",
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.register_profile(
    "all", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


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


SHARED_FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make test-all`."""
    parser.addoption(
        "--all",
        action="store_true",
        help="run what is slow too, and everything in its long form, as `make test-all` does",
    )


@pytest.hookimpl(tryfirst=True)  # before pytest itself decides where temporary folders are
def pytest_configure(config: pytest.Config) -> None:
    """Choose the long or the short forms; make the shared folder, or learn it from who made it.

    Temporary folders are in it too: the tests start some 80 MongoDBs there, each of which waits for
    the disk at every write.
    """
    hypothesis_settings.load_profile("all" if config.getoption("--all") else "test")
    of_worker: dict[str, str] = getattr(config, "workerinput", {})
    folder = Path(of_worker["shared_folder"]) if of_worker else make_shared_folder()
    config.stash[SHARED_FOLDER] = folder
    if not of_worker and config.option.basetemp is None:
        config.option.basetemp = folder / "tmp"
    trust_nobody_else(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process of pytest-xdist the folder."""
    node.workerinput["shared_folder"] = str(node.config.stash[SHARED_FOLDER])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow by nature, unless all is asked for; begin with the longest."""
    for item in items:
        if SLOW_FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
    if not config.getoption("--all"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def is_long(pytestconfig: pytest.Config) -> bool:
    """Whether tests that have a short and a long form run in the long one, as in `make test-all`."""
    return bool(pytestconfig.getoption("--all"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the test processes shared."""
    if not hasattr(config, "workerinput") and SHARED_FOLDER in config.stash:
        remove_shared_folder(config.stash[SHARED_FOLDER])


@pytest.fixture(scope="session")
def mongo_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """A real MongoDB, one for all test processes of a run."""
    loop = asyncio.new_event_loop()
    context = start_embedded(pytestconfig.stash[SHARED_FOLDER])
    try:
        url = loop.run_until_complete(context.__aenter__()).url
        with MongoClient[dict[str, object]](url) as client:
            # It compares what tests store, in November 2026, with the time of this machine.
            client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
        yield url
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()


@pytest.fixture(scope="session")
def databases(mongo_url: str) -> Iterator[Databases]:
    """Databases for one test after the other."""
    with Databases(mongo_url) as found:
        yield found


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The name of an empty database."""
    with databases.lend() as name:
        yield name


@pytest.fixture
async def store(mongo_url: str, database: str) -> AsyncIterator[MongoStore]:
    """A prepared store on a database of its own."""
    found = MongoStore(mongo_url, database)
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

    def __init__(self, environment: dict[str, str], starter: AgentStarter | None = None) -> None:
        self.environment = environment
        self._starter = starter
        """None: as on a command line, which costs an import of the agent each time."""
        self.log: Path | None = None
        """A file for the log of processes to come; a pipe that nobody reads would fill up."""

    def _all(self, more: dict[str, str]) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
        return {**kept, **self.environment, **more}

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        """Starts a command."""
        environment, folder = self._all(more), self.environment["DATA_DIR"]
        with ExitStack() as stack:
            log = stack.enter_context(self.log.open("ab")) if self.log else None
            if self._starter is not None:
                return self._starter.start(arguments, environment, folder, log)
            return subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), *arguments],
                env=environment,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log or subprocess.PIPE,
                text=True,
            )

    async def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end, without stopping servers of this test."""
        process = self.start(*arguments, **more)
        out, err = await asyncio.to_thread(process.communicate, None, 120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture(scope="session")
def agent_starter(is_long: bool) -> Iterator[AgentStarter | None]:
    """What starts agents by forks; None when everything is tested in its long form."""
    if is_long:
        yield None
        return
    with AgentStarter() as starter:
        yield starter


@pytest.fixture
def agent(
    tmp_path: Path, mongo_url: str, database: str, agent_starter: AgentStarter | None
) -> AgentProcess:
    """The agent on a database of its own."""
    return AgentProcess(
        {
            "DATA_DIR": str(tmp_path),
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
        },
        agent_starter,
    )
