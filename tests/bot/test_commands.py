"""Every command in every scope and role: what it answers, and what it must not change."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.commands import COMMANDS
from tests.bot.agent import World, world
from tests.servers.teams import ANA, BOB, GUEST, STRANGER, Person, Where, actions_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES: tuple[Where, ...] = ("personal", "group", "channel")
SAMPLE = "SAMPLE DATA"
DENIED = "Only admins can do this"
CHANGES = "changes"
SLOT = r"\w{3} \d+ \w{3} \d\d:00"
THREE_SLOTS = f"Next: {SLOT}, {SLOT} and {SLOT}"

# (usage of the table, what is typed, what an admin reads, what a viewer reads, what it does)
EXAMPLES: tuple[tuple[str, str, str, str, str], ...] = (
    ("help", "help", "You are an admin", "You are a viewer", ""),
    ("teams [text]", "teams", "7 teams", "7 teams", ""),
    ("teams [text]", "teams check", "2 teams match “check”", "2 teams match", ""),
    ("team <team>", "team search", r"Search\nAWS account \d{12}", r"Search\nAWS account", ""),
    ("preview <team>", "preview search", "What changed", "What changed", ""),
    ("preview admin", "preview admin", "All teams", "Only admins see the consolidated", ""),
    ("costs <team> [month | last 30 days]", "costs search", "1–21 Nov", "1–21 Nov", ""),
    ("costs <team> [month | last 30 days]", "costs search month", "1–21 Nov", "1–21 Nov", ""),
    (
        "costs <team> [month | last 30 days]",
        "costs search last 30 days",
        "23 Oct–21 Nov",
        "23 Oct–21 Nov",
        "",
    ),
    ("explain <team> [period]", "explain search", "Why costs changed", "Why costs changed", ""),
    (
        "explain <team> [period]",
        "explain search 2026-W45",
        "October vs September",
        "October vs September",
        "",
    ),
    (
        "explain <team> [period]",
        "explain search w45",
        "October vs September",
        "October vs September",
        "",
    ),
    (
        "explain <team> [period]",
        "explain search last month",
        "October vs September",
        "October vs September",
        "",
    ),
    (
        "explain <team> [period]",
        "explain search 2026-10",
        "October vs September",
        "October vs September",
        "",
    ),
    (
        "explain <team> [period]",
        "explain search someday",
        "“someday” is not",
        "After explain",
        "",
    ),
    (
        "costs <team> [month | last 30 days]",
        "costs search last year",
        "“last year” is not",
        "month or",
        "",
    ),
    ("anomalies [team]", "anomalies", "No anomalies", "No anomalies", ""),
    ("anomalies [team]", "anomalies search", "for Search", "for Search", ""),
    ("status", "status", "Data through", "Data through", ""),
    ("whoami", "whoami", "You are an admin", "You are a viewer", ""),
    ("add team", "add team", "Add team", DENIED, ""),
    (
        'add team "Name" 012345678901 mail@x [admin@x …]',
        'add team "Data {n}" 00000000000{n} d{n}@example.org a@example.org',
        "was added by Ana",
        DENIED,
        "team.add",
    ),
    ("edit team <team>", "edit team search", "Edit team", DENIED, ""),
    ("remove team <team>", "remove team search", "Remove Search[?]", DENIED, ""),
    ("import teams", "import teams", "Import teams", DENIED, ""),
    ("export teams", "export teams", "team_name,aws_account_id", DENIED, ""),
    ("threshold", "threshold", "up more than 20%", "up more than 20%", ""),
    ("threshold 25", "threshold 25", "20% to 25%", "20% to 25%", ""),
    ("threshold 35 for <team>", "threshold 35 for search", "for Search", "for Search", ""),
    ("threshold min 50", "threshold min 50", r"\$25.00 to \$50.00", r"\$25.00 to \$50.00", ""),
    ("send <team>", "send search", "1 email to Search", DENIED, ""),
    ("run report", "run report", "emails to", DENIED, ""),
    (
        "expect <team> +30% from <day> to <day> because …",
        "expect search +30% from 3 Nov to 20 Nov because migration {n}",
        r"PLANNED Search \+30.0%",
        DENIED,
        "plan.add",
    ),
    ("alerts", "alerts", "Where alerts are sent", DENIED, ""),
    ("alerts here", "alerts here", "Alerts are sent here", DENIED, "alerts.on"),
    ("alerts off", "alerts off", "No more alerts come here", DENIED, "alerts.off"),
    ("schedule", "schedule", THREE_SLOTS, THREE_SLOTS, ""),
    (
        "schedule monday 9 Europe/Berlin",
        "schedule tuesday {n} Europe/Berlin",
        "Tuesday 0{n}:00 Europe/Berlin",
        DENIED,
        "config.change",
    ),
    ("recipients", "recipients", "The admin report", DENIED, ""),
    (
        "recipients add mail@x",
        "recipients add fin{n}@example.org",
        "fin{n}@example.org",
        DENIED,
        "config.change",
    ),
    (
        "recipients remove mail@x",
        "recipients remove fin{n}@example.org",
        "goes to ",
        DENIED,
        "config.change",
    ),
    ("admins", "admins", "ADMIN_AAD_OBJECT_IDS", DENIED, ""),
    ("grant @user", "grant <at>Bob</at>", "Bob is an admin now", DENIED, "role.grant"),
    ("revoke @user", "revoke <at>Bob</at>", "Bob is no longer an admin", DENIED, "role.revoke"),
    ("history", "history", "Changes", DENIED, ""),
    ("history [team]", "history search", "of Search", DENIED, ""),
    ("claim <code>", "claim 1234", "There is an admin already", "There is an admin already", ""),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("commands")
    async with world(folder, mongo_url) as found:
        await found.add_teams("Data")
        await found.says("team search")  # costs are read once
        await found.says("expect search +1% from 1 Nov to 2 Nov")  # so that there is a history
        yield found


def typed(example: tuple[str, str, str, str, str], number: int) -> tuple[str, str]:
    """(text, what an admin reads)"""
    return (example[1].replace("{n}", str(number)), example[2].replace("{n}", str(number)))


async def test_every_usage_of_the_table_is_an_example_here() -> None:
    usages = {
        usage for command in COMMANDS for usage in re.split(r", (?![^<\[]*[>\]])", command.usage)
    }
    assert usages - {"history [team]"} <= {example[0] for example in EXAMPLES}


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_viewer_changes_nothing_with_any_command(here: World, scope: Where) -> None:
    before = here.state()
    for example in EXAMPLES:
        text, _ = typed(example, SCOPES.index(scope) + 1)
        shown = await here.says(text, BOB, scope, mentions=[BOB] if "<at>" in text else [])
        assert re.search(example[3], shown.text), (text, shown.text)
        if example[3] == DENIED:
            assert "Ana" in shown.text
            assert actions_of(shown.card) == []
        forbidden = {"team.form", "team.save", "send", "threshold.save", "schedule.save", "undo"}
        verbs = {action.get("verb") for action in actions_of(shown.card)}
        assert not verbs & forbidden, text
    assert here.state() == before


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_admin_is_answered_and_each_change_is_in_the_audit_trail(
    here: World, scope: Where
) -> None:
    for example in EXAMPLES:
        text, expected = typed(example, SCOPES.index(scope) + 1)
        changes = bool(example[4])
        if "<at>" in text and scope == "personal":  # nobody else is there to be mentioned
            expected, changes = "does not know Bob as a member", False
        before = len(here.state()["audit"])
        shown = await here.says(text, ANA, scope, mentions=[BOB] if "<at>" in text else [])
        assert re.search(expected, shown.text), (text, shown.text)
        added = len(here.state()["audit"]) - before
        assert added == changes, (text, shown.text)
        if changes:
            newest = next(iter(here.database["audit"].find().sort("$natural", -1).limit(1)))
            assert newest["action"] == example[4]
            assert newest["actor"] == {"interface": "chat", "name": "Ana", "id": ANA.object_id}
            history = await here.says("history")
            assert "Ana, Teams" in history.text
    here.database["teams"].delete_many({"team_name": {"$regex": r"^Data \d"}})


OUTSIDERS: dict[str, tuple[Person, dict[str, Any], str]] = {
    "guest": (GUEST, {}, "Guests cannot use the agent"),
    "no object id": (
        BOB,
        {"from": {"id": BOB.id, "name": "Bob"}},
        "Only members of this organization",
    ),
    "no member of the conversation": (
        Person("Zoe", "aaaaaaaa-0000-0000-0000-000000000009"),
        {},
        "Only members of this conversation",
    ),
    "another's object id": (
        BOB,
        {"from": {"id": BOB.id, "name": "Ana", "aadObjectId": ANA.object_id}},
        "another object ID",
    ),
}


@pytest.mark.parametrize("name", OUTSIDERS)
@pytest.mark.parametrize("scope", SCOPES)
async def test_an_outsider_reads_a_sentence_and_nothing_else_happens(
    here: World, name: str, scope: Where
) -> None:
    person, more, expected = OUTSIDERS[name]
    before = here.state()
    for example in EXAMPLES[:: 1 if scope == "channel" else 7]:
        text, _ = typed(example, 9)
        activity = {**here.sim.written(text, person, scope), **more}
        shown = await here.answer(activity)
        assert expected in shown.text
        assert actions_of(shown.card) == []
    assert here.state() == before


@pytest.mark.parametrize("scope", SCOPES)
async def test_somebody_of_another_tenant_is_not_answered_at_all(
    here: World, scope: Where
) -> None:
    before, messages = here.state(), len(here.sim.messages)
    for text in ("help", "alerts here", "claim 1"):
        assert (await here.sim.say(text, STRANGER, scope)).status == 403
    install = here.sim.activity("installationUpdate", STRANGER, scope, action="add")
    assert (await here.sim.post(install)).status == 403
    press = here.sim.activity(
        "invoke", STRANGER, scope, name="adaptiveCard/action", value={"action": {"verb": "help"}}
    )
    assert (await here.sim.post(press)).status == 403
    assert len(here.sim.messages) == messages
    assert here.state() == before


async def test_help_names_what_the_reader_may_do_and_nothing_else(here: World) -> None:
    for person, role in ((ANA, "admin"), (BOB, "viewer")):
        shown = (await here.says("help", person)).text
        for command in COMMANDS:
            named = f"{command.usage}  {command.description}" in shown
            may = command.help.listed and (role == "admin" or command.role == "viewer")
            assert named == may, (command.name, role)
