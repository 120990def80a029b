"""A second cost source runs through the whole agent, and nothing else had to change for it.

The source is ``tests/csv_source.py``, made by CONTRIBUTING.md's recipe: it is handed to the
composition root where ``make_source`` would pick one.
"""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from cli.commands import CLI_COMMANDS
from cli.parser import build_parser
from services.domain import Category, DaySpan
from services.domain.formatting import money
from tests.bot.agent import World, world
from tests.csv_source import CsvSource, Line, write_csv
from tests.makers import NOW
from tests.servers.teams import ANA

SPAN = DaySpan(date(2026, 9, 1), NOW.date())
THROUGH = date(2026, 11, 22)
"""A day sooner than with Datadog, as this source says that its days are complete after 24 hours."""
CHECKOUT, SEARCH = "000000070000", "000000070001"
STRANGER = "000000000042"


def lines() -> list[Line]:
    """Checkout's costs of each day, and an account without a team; none of Search's."""
    return [
        *(Line(day, CHECKOUT, "EC2", Category.USAGE, 100.0 + i / 8) for i, day in enumerate(SPAN)),
        *(Line(day, CHECKOUT, "S3", Category.CREDIT, -3.5) for day in SPAN),
        *(Line(day, STRANGER, "RDS", Category.USAGE, 7.0) for day in SPAN),
    ]


@pytest.fixture
async def agent(mongo_url: str, tmp_path: Path) -> AsyncIterator[World]:
    ledger = write_csv(tmp_path / "costs.csv", lines())
    async with world(
        tmp_path,
        mongo_url,
        teams=("Checkout", "Search"),
        source_of=lambda settings, meter: CsvSource(ledger),
    ) as opened:
        yield opened


async def run(agent: World, *arguments: str) -> int:
    """A command of the command line, on this agent."""
    args = build_parser().parse_args(arguments)
    return await CLI_COMMANDS[args.command](agent.agent.app, args)


def emails(folder: Path) -> dict[str, str]:
    """Text of each email in the outbox, by its recipient."""
    found = {}
    for path in folder.rglob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=default)
        body = message.get_body(("plain",))
        assert body is not None
        found[str(message["To"])] = " ".join(str(body.get_content()).split())
    return found


async def test_a_weekly_run_over_another_source_ends_in_the_outbox(
    agent: World, tmp_path: Path
) -> None:
    assert await run(agent, "run-report") == 0

    found = emails(tmp_path)
    assert set(found) == {"team0@example.org", "team1@example.org"}
    current = sum(line.amount for line in lines() if _is_current(line, CHECKOUT))
    assert money(Decimal(repr(current)), "USD") in found["team0@example.org"]
    assert "check that its costs reach the ledger." in found["team1@example.org"]
    assert not any("SAMPLE" in text or "Datadog" in text for text in found.values())
    state = agent.database["source_states"].find_one({"_id": "csv"})
    assert state["metric"] == "invoice"


async def test_check_and_status_call_it_by_its_own_name(
    agent: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(agent, "run-report")
    capsys.readouterr()

    await run(agent, "check")

    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("ERR")] == []
    assert f"ok     The ledger  {len(lines()):,} lines of costs\n" in printed
    assert "Datadog" not in printed
    status = (await agent.says("status", ANA, "personal")).text
    assert "the ledger, invoice" in status
    assert f"{THROUGH:%a} {THROUGH.day} {THROUGH:%b}" in status
    assert "SAMPLE" not in status


async def test_a_source_that_fails_says_what_to_do(
    agent: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "costs.csv").unlink()

    assert await run(agent, "check") == 1

    assert "ERROR  The ledger  The ledger" in capsys.readouterr().out


def _is_current(line: Line, account: str) -> bool:
    return line.account == account and THROUGH.replace(day=1) <= line.day <= THROUGH
