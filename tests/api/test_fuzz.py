"""A short fuzz of the whole API; ``make fuzz`` does the long one."""

from pathlib import Path

from tests.api.fuzz import fuzz
from tests.conftest import AgentProcess


async def test_schemathesis_finds_nothing(agent: AgentProcess, tmp_path: Path) -> None:
    agent.environment["SECRET_KEY"] = "k" * 32
    outcome = await fuzz(agent, tmp_path, examples=1, seed=1, phases="coverage,stateful")
    assert outcome.failures == [], outcome.output
    assert outcome.code == 0, outcome.output
    assert outcome.troubles == []
    assert "429" not in outcome.output
    assert outcome.cases > 500
