"""What a chat turn costs beside processor time, which is counted and the same on any machine."""

from pathlib import Path

from tests.bench.turns import AT_ONCE, measure

TURNS = 30


async def test_turns_share_a_token_and_a_connection_for_each_of_those_at_once(
    mongo_url: str, tmp_path: Path
) -> None:
    found = await measure(["ours", "product"], 1, TURNS, mongo_url, tmp_path)
    for rounds in found.values():
        assert rounds[0].tokens == 0
        assert rounds[0].connections * (2 * TURNS) / 1000 <= AT_ONCE
        assert rounds[0].alone > 0
