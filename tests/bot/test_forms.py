"""Forms that are filled in wrongly, and what a change reads like afterwards."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from cards.elements import MAX_BYTES, size_of
from tests.bot.agent import World, world
from tests.makers import NOW
from tests.servers.teams import ANA, BOB, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("forms"), mongo_url) as found:
        yield found


def inputs(message: Message) -> dict[str, Any]:
    """What the inputs of a card hold."""
    body = message.card["body"]
    return {one["id"]: one.get("value") for one in body if one["type"].startswith("Input.")}


async def test_an_invalid_schedule_stays_in_the_form_with_its_problem(here: World) -> None:
    form = await here.says("schedule", ANA)
    before = here.state()
    typed = {"day": "friday", "hour": "7", "zone": "Mars/Olympus"}
    await here.sim.press(form, "Change", ANA, typed)
    assert "Nothing was changed: time zone must be an IANA time zone" in form.text
    assert inputs(form) == typed
    assert here.state() == before
    await here.sim.press(form, "Change", ANA, {**typed, "zone": "Europe/Paris"})
    assert form.text.startswith("Weekly reports: Friday 07:00 Europe/Paris")


async def test_invalid_recipients_stay_in_the_form_with_their_problem(
    here: World,
) -> None:
    form = await here.says("recipients", ANA)
    typed = {"mails": "cfo@example.org, nowhere"}
    await here.sim.press(form, "Save", ANA, typed)
    assert "Nothing was changed: admin addresses" in form.text
    assert "nowhere" in form.text
    assert inputs(form) == typed
    await here.sim.press(form, "Save", ANA, {"mails": "cfo@example.org"})
    assert "goes to cfo@example.org" in form.text


async def test_very_long_input_does_not_come_back_in_a_card_that_is_too_large(
    here: World,
) -> None:
    form = await here.says("schedule", ANA)
    await here.sim.press(
        form, "Change", ANA, {"day": "x" * 9_000, "hour": "7", "zone": "y" * 9_000}
    )
    assert "Nothing was changed" in form.text
    assert size_of(form.card) <= MAX_BYTES
    assert "y" * 100 not in str(form.card)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("schedule monday 9 Mars/Olympus", "time zone must be an IANA time zone"),
        ("recipients add nowhere", "admin addresses"),
        ('add team "Zebra" 12 zebra@example.org', "2 digits, needs 12"),
        ('add team Zebra "12 34" zebra@example.org', "needs 12"),
        ('add team "Zebra" zebra@example.org', "Give the name, account ID and email address"),
        ("add team 123456789012 zebra@example.org", "Give the name, account ID and email address"),
        ('add team "Zebra" 123456789012', "Give the name, account ID and email address"),
    ],
)
async def test_invalid_input_is_named_as_people_know_it(
    here: World, text: str, wrong: str
) -> None:
    before = here.state()
    shown = await here.says(text, ANA)
    assert wrong in shown.text
    assert "_" not in shown.text
    assert here.state() == before


async def test_a_refusal_names_what_is_for_admins(here: World) -> None:
    shown = await here.says("schedule friday 7", BOB)
    assert "Only admins can do this: change the schedule." in shown.text
    shown = await here.says("add team", BOB)
    assert "Only admins can do this: add team." in shown.text


async def test_the_history_tells_runs_answers_and_settings_in_words(here: World) -> None:
    (team,) = await here.add_teams("Told")
    question = await here.says(f"send {team.team_name}", ANA)
    await here.sim.press(question, "Send 1 email", ANA)
    await here.sim.until(lambda: "1 of 1 sent" in question.text)
    await here.says("recipients add told@example.org", ANA)
    _, alert = await here.alert(team)
    await here.press(alert, "Expected")
    await here.press(alert, "Reopen")
    history = await here.says("history", ANA)
    told = history.text
    await here.press(history, "Older")
    told += history.text
    assert "Told: report for the week of " in told
    assert "settings: admin addresses" in told
    assert "Told anomaly" in told
    assert "reopened" in told
    for raw in ("2026-W", "run.start", "config:", "anomaly.", "sample:"):
        assert raw not in told


async def test_a_name_that_another_team_has_is_refused_and_what_was_typed_stays(
    here: World,
) -> None:
    await here.add_teams("Nomad")
    before = here.state()
    shown = await here.says('add team "NOMAD" 123456789012 nomad@example.org', ANA)
    assert "already has this name. Choose another name" in shown.text
    form = await here.says("add team", ANA)
    typed = {"name": "nomad", "account": "1" * 12, "mail": "n@example.org"}
    await here.sim.press(form, "Save", ANA, typed)
    assert "already has this name. Choose another name" in form.text
    assert {name: value for name, value in inputs(form).items() if value} == typed
    assert here.state() == before


async def test_the_list_says_which_teams_an_earlier_version_gave_one_name(here: World) -> None:
    await here.add_teams("Twin")
    assert "2 teams are named" not in (await here.says("teams twin", ANA)).text
    stored = {"sample": False, "team_name": "TWIN", "name_key": "twin", "version": 1}
    people: dict[str, Any] = {
        "team_email": "twin@example.org",
        "admin_emails": [],
        "anomaly_threshold": None,
    }
    at = {"created_at": NOW, "updated_at": NOW}
    here.database["teams"].insert_one(
        {"_id": "twin2", "aws_account_id": "2" * 12, **stored, **people, **at}
    )
    shown = await here.says("teams", ANA)
    assert "2 teams are named “Twin”" in shown.text or "2 teams are named “TWIN”" in shown.text
    assert "rename one with edit team" in shown.text
    form = await here.says("edit team 222222222222", ANA)
    changed = {**inputs(form), "name": "Twin two"}
    await here.sim.press(form, "Save", ANA, changed)
    assert "was changed by Ana" in form.text
    assert "2 teams are named" not in (await here.says("teams", ANA)).text
