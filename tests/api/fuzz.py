"""schemathesis against the agent as it is served, with a key: ``make fuzz``, and a short form for
the suite.

All checks, positive and negative data, stateful: what the OpenAPI document allows must be taken,
what it does not allow refused, every answer be one that it names, and none be a 500.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import open_agent
from services.adapters.embedded_mongo.server import start_embedded
from services.adapters.sample import sample_teams
from services.domain import Actor, RunKind
from services.settings import load_settings
from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import serving
from tests.servers.proxy import Proxy

MAIL = "team@example.org"
ACTOR = Actor(interface="cli", name="fuzz")
PHASES = "examples,coverage,fuzzing,stateful"
EXAMPLES = 80
HOOKS = "tests.api.fuzz_hooks"
DIED = ("background_task_failed", "request_failed", "Traceback", "turn_failed")
"""Words of the log that tell of what no answer shows."""


@dataclass(frozen=True)
class Outcome:
    """What a run of schemathesis found."""

    code: int
    output: str
    report: dict[str, Any]
    troubles: list[str]
    """Lines of the agent's log that should not be there."""

    @property
    def cases(self) -> int:
        return int(self.report["test_cases"]["generated"])

    @property
    def failures(self) -> list[Any]:
        return [*self.report["failures"], *self.report["errors"]]


def stranger() -> tuple[str, int]:
    """Another address of this machine each time: the checks send wrong keys too, and after twenty
    from one address everything from there would be 429, which tests nothing.
    """
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}", 0


async def fuzz(
    agent: AgentProcess, folder: Path, *, examples: int, seed: int, phases: str = PHASES
) -> Outcome:
    """Starts the agent with a key, three teams and their report, and fuzzes it."""
    key = await _prepared(agent)
    agent.log = log = folder / "agent.log"
    async with (
        serving(agent) as (served, _, _),
        Proxy(urlsplit(served).port or 0, source=stranger) as door,
    ):
        url = f"http://127.0.0.1:{door.port}"
        report = folder / "report.json"
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{url}/api/openapi.json",
            *("--header", f"Authorization: Bearer {key}", "--header", "Connection: close"),
            *("--checks", "all", "--mode", "all", "--phases", phases),
            *("--max-examples", str(examples), "--seed", str(seed)),
            *("--continue-on-failure", "--no-color", "--generation-database", "none"),
            *("--report", "json", "--report-json-path", str(report)),
        ]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(report.read_text("utf-8"))
    lines = log.read_text("utf-8").splitlines()
    troubles = [line for line in lines if any(word in line for word in DIED)]
    return Outcome(done.returncode, done.stdout + done.stderr, found, troubles)


async def _prepared(agent: AgentProcess) -> str:
    """The key."""
    async with open_agent(load_settings(agent.environment, None)) as here:
        app, now = here.app, here.app.context.clock()
        rows = [
            {"team_name": f"Team {i}", "aws_account_id": one.aws_account_id, "team_email": MAIL}
            for i, one in enumerate(sample_teams(now)[:3])
        ]
        for row in rows:
            await app.teams.add(row, ACTOR, now)
        run = await app.runs.requests.request(RunKind.WEEKLY, ACTOR, now)
        await app.runs.worker.work(run.id)
        return (await app.administration.api_keys.create("fuzz", ["read", "write"], ACTOR, now))[1]


async def _full(examples: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with start_embedded(folder) as mongo:
            agent = AgentProcess(
                {
                    "DATA_DIR": name,
                    "MONGO_URL": mongo.url,
                    "DB_NAME": "fuzz",
                    "SECRET_KEY": "fuzz" * 8,
                }
            )
            outcome = await fuzz(agent, folder, examples=examples, seed=seed)
    print(outcome.output)
    for line in outcome.troubles:
        print(f"In the agent's log: {line}")
    print(f"{outcome.cases:,} cases, {len(outcome.failures)} failures, seed {seed}")
    return 0 if outcome.code == 0 and not outcome.troubles else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="cases for each operation")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2), "big"))
    arguments = parser.parse_args()
    sys.exit(asyncio.run(_full(arguments.examples, arguments.seed)))
