"""What people say of anomalies: who may, from where, and what everybody sees of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.agent import World, said, world
from tests.servers.teams import ANA, BOB, CARA, DAN, Message, Person, actions_of, where_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPECTED, NOT_ONE, SMALL = "Expected", "Not an anomaly", "Too small (admins)"
WEEK, MONTH, NORMAL = "Snooze 7 days", "Snooze 30 days", "Accept as new normal (admins)"
STATUS = {
    EXPECTED: "expected",
    NOT_ONE: "not_an_anomaly",
    WEEK: "snoozed",
    SMALL: "too_small",
    MONTH: "snoozed",
    NORMAL: "accepted",
}
MEMBERS_MAY = {EXPECTED, NOT_ONE, WEEK}
ELSEWHERE = "Members of the conversation that got the alert can answer it there"
READ_ONLY = "Members of a conversation that received this alert can answer it there"
RESERVED = "Only admins can give this answer"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("answers")
    async with world(folder, mongo_url) as found:
        await found.says("team search")  # costs are read once
        yield found


async def alert(here: World, excess: int = 500) -> tuple[str, Message]:
    (team,) = [one for one in await here.agent.app.teams.list() if one.team_name == "Search"]
    return await here.alert(team, "channel", excess)


async def opened(here: World, anomaly: str, person: Person) -> Message:
    """The card of an anomaly in somebody's own chat."""
    team = here.anomaly(anomaly)["account_id"]
    listed = await here.says(f"anomalies {team}", person)
    known = set(here.sim.messages)
    await here.sim.press(listed, "Open", person, {"anomaly": anomaly})
    await here.quiet()
    (message,) = [one for name, one in here.sim.messages.items() if name not in known]
    return message


@pytest.mark.parametrize("title", STATUS)
async def test_members_of_the_channel_answer_what_is_theirs_and_everybody_sees_who(
    here: World, title: str
) -> None:
    anomaly, message = await alert(here)
    text = said(await here.sim.press(message, title.replace("(", r"\(").replace(")", r"\)"), BOB))
    await here.quiet()
    if title not in MEMBERS_MAY:
        assert RESERVED in text
        assert here.anomaly(anomaly)["status"] == "open"
        assert message.version == 1
        return
    stored = here.anomaly(anomaly)
    assert (stored["status"], stored["answer"]["by_id"]) == (STATUS[title], BOB.object_id)
    assert "Bob" in text
    assert "Bob" in message.text
    assert {one["title"] for one in actions_of(message.card)} >= {"Reopen"}
    history = await here.says("history", ANA)
    assert "Bob, Teams" in history.text
    entry = here.database["audit"].find_one({"before.anomaly": anomaly})
    assert entry is not None
    assert entry["actor"] == {"interface": "chat", "name": "Bob", "id": BOB.object_id}


@pytest.mark.parametrize("title", STATUS)
async def test_admins_answer_everything_from_anywhere(here: World, title: str) -> None:
    anomaly, message = await alert(here)
    own = await opened(here, anomaly, ANA)
    text = said(await here.sim.press(own, title.removesuffix(" (admins)"), ANA))
    await here.quiet()
    assert here.anomaly(anomaly)["status"] == STATUS[title]
    assert "Ana" in text
    assert "Ana" in own.text
    assert "Ana" in message.text  # the card in the channel says so too


@pytest.mark.parametrize("person", [BOB, CARA], ids=["of the channel", "of another one"])
@pytest.mark.parametrize("answer", ["expected", "not_an_anomaly", "snoozed"])
async def test_nobody_answers_for_the_channel_from_a_chat_of_their_own(
    here: World, person: Person, answer: str
) -> None:
    anomaly, _ = await alert(here)
    own = await opened(here, anomaly, person)
    assert {one["title"] for one in actions_of(own.card)} == {"Explain"}
    assert READ_ONLY in own.text
    pressed = {"verb": "anomaly.answer", "anomaly": anomaly, "answer": answer}
    for as_submit in (False, True):
        turn = await here.sim.press_raw(own, pressed, person, as_submit=as_submit)
        text = said(turn) if turn.body else turn.replies[-1].text
        assert ELSEWHERE in text
    assert here.anomaly(anomaly)["status"] == "open"
    assert own.version == 1


async def test_a_card_shows_each_only_what_they_may_press(here: World) -> None:
    anomaly, message = await alert(here)
    everything = {one["title"] for one in actions_of(message.card)}
    assert {SMALL, NORMAL, EXPECTED, NOT_ONE} <= everything
    own = {one["title"] for one in actions_of((await opened(here, anomaly, ANA)).card)}
    assert {EXPECTED, NOT_ONE, WEEK, MONTH, "Too small", "Accept as new normal"} <= own
    await here.sim.press(message, EXPECTED, ANA)
    await here.quiet()
    assert {one["title"] for one in actions_of((await opened(here, anomaly, BOB)).card)} == {
        "Explain"
    }


async def test_a_conversation_that_the_alert_did_not_go_to_does_not_answer_it(
    here: World,
) -> None:
    await here.says("alerts off", ANA, "group")
    anomaly, _ = await alert(here)
    team = here.anomaly(anomaly)["account_id"]
    listed = await here.says(f"anomalies {team}", BOB, "group")
    turn = await here.sim.press_raw(
        listed, {"verb": "anomaly.answer", "anomaly": anomaly, "answer": "expected"}, BOB
    )
    assert ELSEWHERE in said(turn)
    assert here.anomaly(anomaly)["status"] == "open"


async def test_who_left_the_channel_does_not_answer_for_it(here: World) -> None:
    """Who has spoken there is known for an hour: Dan does it nowhere else in this module."""
    anomaly, message = await alert(here)
    base = message.conversation.partition(";")[0]
    here.sim.members[base] = {ANA.id, BOB.id}
    text = said(await here.sim.press(message, EXPECTED, DAN))
    del here.sim.members[base]
    assert "Only members of this conversation" in text
    assert here.anomaly(anomaly)["status"] == "open"


# Taking an answer back


@pytest.mark.parametrize("title", sorted(MEMBERS_MAY))
async def test_members_take_back_what_members_may_say(here: World, title: str) -> None:
    anomaly, message = await alert(here)
    await here.sim.press(message, title, ANA)
    await here.quiet()
    await here.sim.press(message, "Reopen", BOB)
    await here.quiet()
    assert here.anomaly(anomaly)["status"] == "open"
    assert EXPECTED in {one["title"] for one in actions_of(message.card)}


@pytest.mark.parametrize("title", sorted(set(STATUS) - MEMBERS_MAY))
async def test_members_do_not_take_back_what_admins_decide(here: World, title: str) -> None:
    anomaly, message = await alert(here)
    await here.sim.press(message, title.replace("(", r"\(").replace(")", r"\)"), ANA)
    await here.quiet()
    text = said(await here.sim.press(message, "Reopen", BOB))
    assert RESERVED in text
    assert here.anomaly(anomaly)["status"] == STATUS[title]
    await here.sim.press(message, "Reopen", ANA)
    await here.quiet()
    assert here.anomaly(anomaly)["status"] == "open"


async def test_an_ended_one_is_not_opened_by_hand(here: World) -> None:
    anomaly, message = await alert(here)
    here.database["anomalies"].update_one({"_id": anomaly}, {"$set": {"status": "ended"}})
    payload = {"verb": "anomaly.answer", "anomaly": anomaly, "answer": "open"}
    assert "has ended" in said(await here.sim.press_raw(message, payload, ANA))
    assert here.anomaly(anomaly)["status"] == "ended"


# Two at once, and cards that are out of date


async def test_of_two_who_answer_at_once_one_is_first_and_the_other_reads_who(
    here: World,
) -> None:
    anomaly, message = await alert(here)
    old = message.as_it_was()
    turns = await asyncio.gather(
        here.sim.press(old, EXPECTED, BOB), here.sim.press(old, NOT_ONE, ANA)
    )
    await here.quiet()
    stored = here.anomaly(anomaly)
    first = stored["answer"]["by"]
    assert first in {"Bob", "Ana"}
    (late,) = [said(turn) for turn in turns if "has already answered" in said(turn)]
    assert late.startswith(f"{first} has already answered: ")
    assert here.database["audit"].count_documents({"before.anomaly": anomaly}) == 1
    assert first in message.text


async def test_an_outdated_card_says_who_was_first_and_repeating_an_answer_changes_nothing(
    here: World,
) -> None:
    anomaly, message = await alert(here)
    old = message.as_it_was()
    await here.sim.press(message, EXPECTED, BOB)
    await here.quiet()
    assert "Bob has already answered: expected" in said(await here.sim.press(old, WEEK, ANA))
    assert "by Bob" in said(await here.sim.press(old, EXPECTED, ANA))
    assert here.anomaly(anomaly)["answer"]["by"] == "Bob"


async def test_a_longer_snooze_is_another_answer_and_a_shorter_one_is_not(here: World) -> None:
    anomaly, message = await alert(here)
    old = message.as_it_was()
    await here.sim.press(message, WEEK, BOB)
    await here.quiet()
    assert "Bob has already answered: snoozed" in said(await here.sim.press(old, MONTH, ANA))
    await here.sim.press(message, "Reopen", ANA)
    await here.quiet()
    await here.sim.press(message, MONTH, ANA)
    await here.quiet()
    assert "by Ana" in said(await here.sim.press(old, WEEK, BOB))
    assert here.anomaly(anomaly)["answer"]["until"] == "2026-12-24"


async def test_every_conversation_that_the_alert_went_to_shows_the_answer(here: World) -> None:
    await here.says("alerts here", ANA, "group")
    _, message = await alert(here, 9876)
    (group,) = [
        one
        for one in here.sim.messages.values()
        if where_of(one.conversation) == "group" and "9,876.00" in one.text
    ]
    await here.sim.press(message, EXPECTED, BOB)
    await here.quiet()
    assert "by Bob" in message.text
    assert "by Bob" in group.text
