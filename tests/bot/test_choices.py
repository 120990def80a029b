"""Which team: exact names, ids, prefixes, choices, and names that look like something else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.bot.agent import World, world
from tests.servers.teams import ANA, BOB, actions_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = (
    *("Checkout", "Checkout Beta", "Search", "R&D", "L’Oréal", "Team 1", "Team 10", "1"),
    *("help", "status", "admin", "weekly", "team", "Month", "*bold* [x](y)", '5" disks'),
    *(f"Many {number}" for number in range(7)),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("choices")
    async with world(folder, mongo_url, teams=NAMES) as found:
        await found.says("team search")  # costs are read once
        yield found


async def account(here: World, name: str) -> str:
    (found,) = [team for team in await here.agent.app.teams.list() if team.team_name == name]
    return found.aws_account_id


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("team Checkout", "Checkout"),
        ("team CHECKOUT", "Checkout"),
        ('team "checkout"', "Checkout"),
        ("team “Checkout beta”", "Checkout Beta"),
        ("team checkout b", "Checkout Beta"),
        ("team sea", "Search"),
        ("team r&amp;d", "R&D"),
        ("team l’oréal", "L’Oréal"),
        ("team help", "help"),
        ("team status", "status"),
        ("team admin", "admin"),
        ("team team", "team"),
        ("show team team", "team"),
        ("team Team 1", "Team 1"),
        ("team team 10", "Team 10"),
        ("team 1", "1"),
        ("team month", "Month"),
        ("team *bold*", "*bold* [x](y)"),
        ('team 5" disks', '5" disks'),
        ("team\n\tsearch\n", "Search"),
        ("why search", "Search"),
        ("costs month", "Month"),
        ("costs month month", "Month"),
        ("costs search last 30 days", "Search"),
        ("explain search 2026-w47", "Search"),
        ("preview weekly", "weekly"),
        ('preview "admin"', "admin"),
        ("edit Team 10", "Team 10"),
    ],
)
async def test_a_team_is_found(here: World, text: str, name: str) -> None:
    shown = await here.says(text, ANA)
    assert await account(here, name) in str(shown.card), shown.text


@pytest.mark.parametrize("form", ["{a}", "{a4}-{b4}-{c4}", "0000000{e}"])
async def test_a_team_is_found_by_its_account(here: World, form: str) -> None:
    found = await account(here, "Search")
    text = form.format(a=found, a4=found[:4], b4=found[4:8], c4=found[8:], e=found[7:])
    assert "Search" in (await here.says(f"team {text}", BOB)).text


async def test_a_few_matches_are_buttons_and_a_press_continues_the_command(
    here: World,
) -> None:
    shown = await here.says("costs check last 30 days", BOB, "channel")
    titles = [one["title"] for one in actions_of(shown.card)]
    assert len(titles) == 2
    assert titles[0].startswith("Checkout, ")
    known = set(here.sim.messages)
    await here.sim.press(shown, titles[1], BOB)
    await here.quiet()
    (brought,) = [one for name, one in here.sim.messages.items() if name not in known]
    assert "Checkout Beta" in brought.text
    assert "23 Oct–21 Nov" in brought.text


async def test_many_that_fit_are_a_list_to_choose_from(here: World) -> None:
    shown = await here.says("preview many", BOB)
    (choice,) = [one for one in shown.card["body"] if one["type"] == "Input.ChoiceSet"]
    assert len(choice["choices"]) == 7
    known = set(here.sim.messages)
    await here.sim.press(shown, "Show", BOB, {"team": choice["choices"][3]["value"]})
    await here.quiet()
    (brought,) = [one for name, one in here.sim.messages.items() if name not in known]
    assert "Many 3" in brought.text


@pytest.mark.parametrize(
    "text", ["threshold 30 for many", "remove team many", "edit team many", "send many"]
)
async def test_choices_of_admins_commands_do_what_the_command_does(here: World, text: str) -> None:
    shown = await here.says(text, ANA, "channel")
    (choice,) = [one for one in shown.card["body"] if one["type"] == "Input.ChoiceSet"]
    old = shown.as_it_was()
    known = {message.id: message.version for message in here.sim.messages.values()}
    await here.sim.press(shown, "Show", ANA, {"team": choice["choices"][2]["value"]})
    await here.quiet()
    (brought,) = [
        message
        for message in here.sim.messages.values()
        if known.get(message.id) != message.version
    ]
    assert "Many 2" in brought.text
    refused: Any = await here.sim.press(old, "Show", BOB, {"team": choice["choices"][2]["value"]})
    if not text.startswith("threshold"):
        assert "Only admins" in refused.body["value"]


@pytest.mark.parametrize("text", ["team", "costs", "explain", "preview", "team wombat"])
async def test_without_a_team_that_fits_the_all_of_them_are_offered(
    here: World, text: str
) -> None:
    shown = await here.says(text, BOB)
    assert {one["title"] for one in actions_of(shown.card)} & {"See teams", "Show"}


async def test_an_empty_message_gets_a_question_and_a_list_of_suggestions(here: World) -> None:
    for text in ("", " ", "\n", "&nbsp;"):
        shown = await here.says(text, BOB)
        assert {"Help", "See teams"} <= {one["title"] for one in actions_of(shown.card)}


async def test_unknown_text_names_the_closest_command_and_help(here: World) -> None:
    shown = await here.says("thresold 25", BOB)
    assert "threshold" in shown.text
    assert "Help" in {one["title"] for one in actions_of(shown.card)}
    assert "4" * 100 not in (await here.says("4" * 4000, BOB)).text
