"""The whole API under Schemathesis, with other examples each time."""

import os
from pathlib import Path

from tests.api.fuzz import EXAMPLES, fuzz
from tests.conftest import AgentProcess


async def test_schemathesis_finds_nothing(agent: AgentProcess, tmp_path: Path) -> None:
    agent.environment["SECRET_KEY"] = "k" * 32
    seed = int.from_bytes(os.urandom(2), "big")
    outcome = await fuzz(agent, tmp_path, examples=EXAMPLES, seed=seed)
    assert outcome.failures == [], f"seed {seed}\n{outcome.output}"
    assert outcome.code == 0, f"seed {seed}\n{outcome.output}"
    assert outcome.troubles == [], seed
