"""A thousand teams in chat: still quick, still one thing after the other for everybody."""

import gc
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.agent import SHORT_PACE, World, world
from tests.servers.teams import Message, actions_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 1000
FILE = "application/vnd.microsoft.teams.file.download.info"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("many")
    async with world(folder, mongo_url, teams=(), pace=SHORT_PACE) as found:
        gc.collect()
        gc.freeze()  # as the agent does at its start
        yield found
        gc.unfreeze()


@dataclass
class Import:
    """What became of the import of the thousand teams."""

    question: Message
    asked: str
    """What the question said."""


IMPORTS: dict[int, Import] = {}
"""By world; a fixture of the module would not be among what `make bench-hold-ups` measures."""


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def imported(here: World) -> Import:
    """The teams, imported from a file in chat: whichever test comes first imports them."""
    if id(here) not in IMPORTS:
        IMPORTS[id(here)] = await import_teams(here)
    return IMPORTS[id(here)]


async def import_teams(here: World) -> Import:
    rows = [f"Team {n:04},{100_000 + n:012d},t{n}@example.org" for n in range(MANY)]
    lines = ["team_name,aws_account_id,team_email", *rows]
    here.sim.files["teams.csv"] = "\n".join(lines).encode()
    content = {"downloadUrl": f"{here.sim.url}/files/teams.csv"}
    attached = [{"contentType": FILE, "name": "teams.csv", "content": content}]
    question = await here.says("", attachments=attached)
    asked = question.text
    await here.sim.press(question, "Confirm 1,000")
    await here.quiet()
    return Import(question, asked)


async def test_an_attached_file_of_a_thousand_teams_is_checked_and_stored_in_the_background(
    here: World, imported: Import
) -> None:
    assert "1,000 new" in imported.asked
    assert "1,000 added" in imported.question.text
    # The card that said that it takes a while is gone: the answer stands in the question's place.
    assert [
        message for message in here.sim.messages.values() if message.text == "Working on it…"
    ] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("teams", "1,000 teams"),
        ("teams 0500", "1 team "),
        ("team team 0500", "Team 0500"),
        ("team 0123", "Team 0123"),
        ("team 9999", "No team matches"),
        ("team team", "1,000 teams"),
        ("run report", "1,000 emails"),
        ("export teams", "part 1 of "),
        ("history", "added"),
        ("status", "1,000"),
        ("anomalies", "No anomalies"),
    ],
)
async def test_a_thousand_teams_hold_nobody_up(here: World, text: str, expected: str) -> None:
    shown = await here.says(text)
    await here.quiet()
    assert expected in shown.text


async def test_the_export_is_complete_part_by_part(here: World) -> None:
    part, rows = await here.says("export teams"), set()
    while True:
        rows |= set(re.findall(r"Team \d{4},\d{12},t\d+@example\.org", part.text))
        if not actions_of(part.card):
            break
        (part,) = (await here.sim.press(part, "Next part")).replies
    assert len(rows) == MANY
