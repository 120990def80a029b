"""One short seed of chaos; ``make chaos`` runs the long ones."""

from pathlib import Path

from tests.chaos.run import Plan, chaos


async def test_a_short_seed_of_chaos_loses_and_repeats_nothing(tmp_path: Path) -> None:
    found = await chaos(
        Plan(seed=11, teams=5, kills=3, stops=1, skews=(0.0, 150.0, -20.0)), tmp_path
    )
    assert found.wrong == []
    assert (found.kills, found.stops, found.elections) == (3, 1, 1)
    assert found.accepted >= found.plan.recipients - found.unknown
