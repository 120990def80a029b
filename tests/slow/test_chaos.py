"""The seeds of chaos that ``make chaos`` prints as a table."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import SEEDS, plan_of
from tests.chaos.run import chaos


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seed_of_chaos_loses_and_repeats_nothing(seed: int, tmp_path: Path) -> None:
    found = await chaos(plan_of(seed), tmp_path)
    assert found.wrong == []
