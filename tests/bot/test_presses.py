"""Every button: who may press it, pressed twice, in two ways, at once, and by the wrong people."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.actions import BUTTONS
from services.domain import Team
from tests.bot.agent import WORKING, World, said, world
from tests.servers.teams import ANA, BOB, CARA, DAN, GUEST, Message, Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = itertools.count(1)
Made = tuple[Message, str]
"""A message and the title of its button."""


@dataclass
class Case:
    """A button: where it is found, what it says, and what it says the second time."""

    verb: str
    make: Callable[[World], Awaitable[Made]]
    first: str
    second: str
    changes: bool = False
    fresh: bool = False
    """The answer is a new message."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("presses")
    async with world(folder, mongo_url) as found:
        await found.add_teams(*(f"Many {number}" for number in range(16)))
        await found.says("team search")  # costs are read once
        await found.says("threshold 25")
        yield found


async def team(here: World, name: str = "Search") -> Team:
    return next(one for one in await here.agent.app.teams.list() if one.team_name == name)


def typed(text: str, title: str) -> Callable[[World], Awaitable[Made]]:
    """The button of what is answered to a text in the channel."""

    async def make(here: World) -> Made:
        return await here.says(text.replace("{n}", f"{next(NUMBERS):04}"), ANA, "channel"), title

    return make


def after(typing: str, title: str, then: str, **inputs: str) -> Callable[[World], Awaitable[Made]]:
    """The button of the card that a button brings."""

    async def make(here: World) -> Made:
        number = f"{next(NUMBERS):04}"
        message = await here.says(typing.replace("{n}", number), ANA, "channel")
        known = set(here.sim.messages)
        given = {name: value.replace("{n}", number) for name, value in inputs.items()}
        turn = await here.sim.press(message, title, ANA, given)
        assert turn.status == 200
        new = [one for name, one in here.sim.messages.items() if name not in known]
        return (new[-1] if new else message), then

    return make


async def new_team(here: World) -> Made:
    number = next(NUMBERS)
    text = f'add team "Fresh {number}" {5_000 + number:012d} f{number}@example.org'
    return await here.says(text, ANA, "channel"), "Undo"


async def removal(here: World) -> Made:
    number = next(NUMBERS)
    (made,) = await here.add_teams(f"Gone {number}")
    return await here.says(f"remove team {made.team_name}", ANA, "channel"), "Remove"


async def an_alert(here: World) -> Made:
    _, message = await here.alert(await team(here))
    return message, "Expected"


async def too_small(here: World) -> Made:
    (made,) = await here.add_teams(f"Small {next(NUMBERS)}")
    _, message = await here.alert(made)
    await here.press(message, r"Too small \(admins\)")
    await here.quiet()
    return message, r"Raise the minimum to \$600 .*"


async def raised_floor(here: World) -> Made:
    message, title = await too_small(here)
    await here.press(message, title)
    await here.quiet()
    return message, "Undo the minimum .*"


async def list_of_anomalies(here: World) -> Made:
    here.raise_anomaly(await team(here))
    return await here.says("anomalies", ANA, "channel"), "Open"


async def sent_question(here: World) -> Made:
    (made,) = await here.add_teams(f"Sent {next(NUMBERS)}")
    return await here.says(f"send {made.team_name}", ANA, "channel"), "Send 1 email"


async def finished_run(here: World) -> Made:
    message, title = await sent_question(here)
    await here.press(message, title)
    await here.sim.until(lambda: "1 of 1 sent" in message.text)
    return message, "Details"


async def alerts_off(here: World) -> Made:
    shown = await here.says("alerts off", ANA, "group")
    assert "alerts" in shown.text.casefold()
    return await here.says("alerts", ANA, "group"), "Send alerts here"


async def alerts_on(here: World) -> Made:
    return await here.says("alerts here", ANA, "group"), "Turn off"


async def granted(here: World) -> Made:
    await here.says("grant <at>Dan</at>", ANA, "channel", mentions=[DAN])
    return await here.says("admins", ANA, "channel"), "Revoke"


FORM = {"name": "Form {n}", "account": "00000000{n}", "mail": "form@example.org", "admins": ""}
CSV = "team_name,aws_account_id,team_email\nImported {n},00009000{n},i@example.org"


CASES: dict[str, Case] = {
    one.verb: one
    for one in (
        Case("help", typed("wombat", "Help"), "You are an admin", "You are an admin", fresh=True),
        Case("command", typed("statu", "Run status"), "Data through", "Data", fresh=True),
        Case("status", typed("help", "Status"), "Data through", "Data through", fresh=True),
        Case("teams", typed("help", "Teams"), r"\d+ teams", r"\d+ teams", fresh=True),
        Case("team", typed("team many", "Show"), r"Many \d", r"Many \d", fresh=True),
        Case("costs", typed("team search", "Costs"), "1–21 Nov", "1–21 Nov", fresh=True),
        Case("explain", typed("team search", "Explain"), "Why costs", "Why costs", fresh=True),
        Case("preview", typed("team search", "Preview"), "Search", "Search", fresh=True),
        Case(
            "email",
            typed("preview search", "Open email"),
            "Report for the week of 23 Nov",
            "Report for the week of 23 Nov",
            fresh=True,
        ),
        Case("run.details", finished_run, "team report", "team report", fresh=True),
        Case("anomalies", typed("help", "Anomalies"), "anomal", "anomal", fresh=True),
        Case("anomaly.open", list_of_anomalies, "more than expected", "more than", fresh=True),
        Case("anomaly.answer", an_alert, "EXPECTED.* by Ana", "EXPECTED.* by Ana", True),
        Case(
            "floor.raise",
            too_small,
            "account: .600, set by Ana",
            "account: .600, set by Ana",
            True,
        ),
        Case(
            "floor.undo", raised_floor, "Raise the alert minimum from", "was undone already", True
        ),
        Case("cancel", typed("add team", "Cancel"), "Canceled by Ana", "Canceled by Ana"),
        Case("undo", new_team, "was removed again. Undone by Ana", "was undone already", True),
        Case("history", typed("history", "Older"), "Changes", "Changes"),
        Case("team.form", typed("team search", "Edit"), "Edit team", "Edit", fresh=True),
        Case("team.save", typed("add team", "Save"), "was added by Ana", "already", True),
        Case("team.remove", typed("team search", "Remove"), "Remove Search", "Remove", fresh=True),
        Case("team.remove.yes", removal, "removed by Ana", "no team with this id", True),
        Case("import.form", typed("teams", "Import"), "Import teams", "Import teams", fresh=True),
        Case("import.check", typed("import teams", "Check"), "1 new", "1 new"),
        Case(
            "import.apply",
            after("import teams", "Check", "Confirm 1", text=CSV),
            "1 added",
            "applied already",
            True,
        ),
        Case("threshold.what_if", typed("threshold", "What if.*"), "% to 3", "% to 3"),
        Case("threshold.save", typed("threshold 3{n}", "Save .*"), "by Ana", "by Ana", True),
        Case(
            "plan.cancel",
            typed("expect search +{n}% from 1 Dec to 3 Dec", "Undo"),
            "was canceled by Ana",
            "already been canceled",
            True,
        ),
        Case(
            "send", typed("preview search", "Send"), "1 email to Search", "1 email to", fresh=True
        ),
        Case("send.yes", sent_question, "Week of 23 Nov", "Week of 23 Nov", True),
        Case("schedule.save", typed("schedule", "Change"), "Saved by Ana", "Saved by Ana", True),
        Case("recipients.save", typed("recipients", "Save"), "Saved by Ana", "Saved", True),
        Case("alerts.here", alerts_off, "Alerts are sent here", "Alerts are sent here", True),
        Case("alerts.off", alerts_on, "Turned off by Ana", "Alerts are already off", True),
        Case("alerts.test", alerts_on, "alerts reach this", "test message was posted"),
        Case("roles.revoke", granted, "Revoked by Ana", "not an admin who was granted", True),
    )
}
SAYS_A_SENTENCE = {"alerts.test"}
WITHOUT_A_CARD = {"run.retry", "export", "export.file"}
"""Tested in the stories: they need a mail that fails, over a hundred teams, and a place for a file."""


def inputs_of(case: Case, message: Message) -> dict[str, str]:
    """What is typed and chosen before the press."""
    number = next(NUMBERS)
    given = {
        "threshold.what_if": {"value": f"3{number % 10}"},
        "schedule.save": {"day": "friday", "hour": str(number % 24), "zone": "Europe/Berlin"},
        "recipients.save": {"mails": f"fin{number}@example.org"},
        "team.save": {**FORM, "name": f"Form {number}", "account": f"{7_000_000 + number:012d}"},
        "import.check": {"text": CSV.replace("{n}", f"{number:04}")},
    }.get(case.verb, {})
    chosen = {
        one["id"]: one["choices"][0]["value"]
        for one in message.card.get("body", [])
        if one.get("type") == "Input.ChoiceSet" and one.get("choices")
    }
    return {**chosen, **given}


def title_of(case: Case, title: str) -> str:
    return {"alerts.test": "Test"}.get(case.verb, title)


async def made(here: World, case: Case) -> tuple[Message, str, dict[str, str]]:
    message, title = await case.make(here)
    return message, title_of(case, title), inputs_of(case, message)


async def pressed(here: World, *args: Any, **more: Any) -> tuple[str, list[Message]]:
    """(what the presser reads, what everybody sees that is new or changed)"""
    known = {message.id: message.version for message in here.sim.messages.values()}
    turn = await here.sim.press(*args, **more)
    assert turn.status in {200, 201}
    await here.quiet()
    shown = [one for one in here.sim.messages.values() if known.get(one.id) != one.version]
    everybody = "\n".join(one.text for one in shown)
    text = everybody if turn.body is None else said(turn)
    return (everybody if text == WORKING else text), shown


async def test_every_button_is_a_case_here() -> None:
    assert set(BUTTONS) == set(CASES) | WITHOUT_A_CARD


@pytest.mark.parametrize("verb", CASES)
@pytest.mark.parametrize("as_submit", [False, True], ids=["execute", "submit"])
async def test_a_press_is_answered_shown_to_all_and_safe_to_repeat(
    here: World, verb: str, as_submit: bool
) -> None:
    case = CASES[verb]
    message, title, inputs = await made(here, case)
    before, old = len(here.state()["audit"]), message.as_it_was(-1)
    text, shown = await pressed(here, message, title, ANA, inputs, as_submit=as_submit)
    everybody = "\n".join(one.text for one in shown)
    assert re.search(case.first, everybody, re.DOTALL), (text, everybody)
    if not case.fresh and verb not in SAYS_A_SENTENCE:
        assert re.search(case.first, text, re.DOTALL)
        assert message.id in {one.id for one in shown}
        assert re.search(case.first, message.text, re.DOTALL)
    assert len(here.state()["audit"]) - before == case.changes

    state = here.state()
    text, shown = await pressed(here, old, title, ANA, inputs, as_submit=as_submit)
    everybody = "\n".join(one.text for one in shown)
    assert re.search(case.second, text + everybody, re.DOTALL), (text, everybody)
    assert changed(here, state) <= {"pending_imports"}


@pytest.mark.parametrize("verb", [verb for verb, case in CASES.items() if case.changes])
async def test_two_presses_at_once_change_one_thing(here: World, verb: str) -> None:
    message, title, inputs = await made(here, CASES[verb])
    await here.quiet()
    before = len(here.state()["audit"])
    turns = await asyncio.gather(
        *(here.sim.press(message.as_it_was(-1), title, ANA, inputs) for _ in range(3))
    )
    assert {turn.status for turn in turns} == {200}
    await here.quiet()
    assert len(here.state()["audit"]) - before == 1
    assert [said(turn) for turn in turns if "went wrong" in said(turn)] == []


WRONG: dict[str, tuple[Person, str]] = {
    "viewer": (BOB, "Only admins can do this. Admins: Ana"),
    "guest": (GUEST, "Guests cannot use the agent"),
    "no member": (CARA, "Only members of this conversation"),
}


@pytest.mark.parametrize("verb", CASES)
async def test_the_wrong_person_reads_a_sentence_and_changes_nothing(
    here: World, verb: str
) -> None:
    message, title, inputs = await made(here, CASES[verb])
    await here.quiet()
    state, version = here.state(), message.version
    for name, (person, expected) in WRONG.items():
        if name == "viewer" and BUTTONS[verb].role == "viewer":
            continue
        for as_submit in (False, True):
            text, shown = await pressed(here, message, title, person, inputs, as_submit=as_submit)
            assert expected in text, (name, text)
            assert as_submit or shown == []
    assert changed(here, state) == set()
    assert message.version == version


def changed(here: World, before: dict[str, Any]) -> set[str]:
    now = here.state()
    return {name for name in now if now[name] != before[name]}
