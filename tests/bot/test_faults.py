"""Turns while Teams is slow, throttles, breaks off or is away: nothing lost, nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.agent import SHORT_PACE, World, said, serving, world
from tests.servers.teams import ANA, BOB, DAN, Fault, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "/v3/conversations/[^/]+/activities"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("faults")
    async with world(folder, mongo_url, pace=SHORT_PACE) as found:
        await found.says("team search")  # costs are read once
        yield found


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _no_faults_are_left(here: World) -> AsyncIterator[None]:
    yield
    for fault in here.sim.faults:
        fault.times = 0
    here.sim.faults.clear()
    await here.quiet()


@pytest.mark.parametrize("status", [412, 429, 502, 503, 504])
async def test_an_answer_that_teams_does_not_take_at_first_is_shown_once(
    here: World, status: int
) -> None:
    here.sim.faults.append(Fault(status=status, times=3, path=WORDS))
    before = len(here.sim.messages)
    shown = await here.says(f'add team "S{status}" 111100000{status} s@example.org')
    assert "was added by Ana" in shown.text
    assert len(here.sim.messages) == before + 1
    assert here.database["teams"].count_documents({"team_name": f"S{status}"}) == 1


@pytest.mark.parametrize("shown", [True, False])
async def test_an_answer_that_is_lost_is_not_sent_again_and_what_was_done_is_done(
    here: World, shown: bool
) -> None:
    here.sim.faults.append(Fault(drop=True, shown=shown, path=WORDS))
    name = f"Lost {shown}"
    activity = here.sim.written(f'add team "{name}" 22220000000{int(shown)} s@example.org')
    before = len(here.sim.messages)
    turn = await here.sim.post(activity)
    assert turn.status == 201
    assert (await here.sim.post(activity)).status == 201  # Teams sends it again
    await here.quiet()
    assert len(here.sim.messages) == before + shown
    assert here.database["teams"].count_documents({"team_name": name}) == 1
    assert here.database["audit"].count_documents({"after.team_name": name}) == 1


async def test_a_permanently_refused_reply_is_not_an_error_and_the_next_one_works(
    here: World,
) -> None:
    here.sim.faults.append(Fault(status=413, code="MessageSizeTooBig", path=WORDS))
    assert (await here.sim.say("help")).status == 201
    assert "Everyday" in (await here.says("help")).text


async def test_slow_answers_of_teams_hold_no_request_up(here: World) -> None:
    held = asyncio.Event()
    here.sim.faults.append(Fault(held=held, usual=True, times=1, path=WORDS))
    before = len(here.sim.messages)
    first = asyncio.create_task(here.sim.say("help"))
    await here.sim.until(lambda: here.sim.faults[0].times == 0)
    assert "viewer" in (await here.says("whoami", BOB)).text  # beside it
    assert (await first).status == 201  # while Teams still holds the reply back
    assert len(here.sim.messages) == before + 1
    held.set()
    await here.sim.until(lambda: "Everyday" in here.sim.newest.text)


async def test_a_press_is_answered_though_the_card_cannot_be_replaced_now(here: World) -> None:
    form = await here.says('add team "Slow" 333300000001 s@example.org', ANA, "channel")
    fault = Fault(status=503, times=10_000, method="PUT")
    here.sim.faults.append(fault)
    turn = await here.sim.press(form, "Undo")
    assert "was removed again" in said(turn)
    await here.quiet()
    assert "was added" in form.text
    fault.times = 0
    await here.agent.bot.cards_in_progress.resume()
    await here.quiet()
    assert "was removed again" in form.text
    assert here.database["open_cards"].count_documents({}) == 0


async def test_a_deleted_card_is_shown_again(here: World) -> None:
    shown = await here.says('add team "Deleted" 333300000002 s@example.org', ANA, "channel")
    del here.sim.messages[shown.id]
    turn = await here.sim.press(shown, "Undo")
    assert "was removed again" in said(turn)
    await here.quiet()
    assert "was removed again" in here.sim.newest.text
    assert here.sim.newest.conversation == shown.conversation


async def test_a_run_continues_and_its_card_is_finished_whatever_happens_to_updates(
    here: World,
) -> None:
    question = await here.says("send search", ANA, "channel")
    sent = here.database["deliveries"].count_documents({"state": "sent"})
    fault = Fault(status=500, code="ServiceError", times=10_000, method="PUT")
    here.sim.faults.append(fault)
    turn = await here.sim.press(question, "Send 1 email")
    assert "Week of 23 Nov" in said(turn)
    await here.quiet()
    assert here.database["deliveries"].count_documents({"state": "sent"}) == sent + 1
    fault.times = 0


async def test_a_run_whose_card_teams_does_not_take_for_a_while_is_shown_to_its_end(
    here: World,
) -> None:
    question = await here.says("send checkout", ANA, "channel")
    fault = Fault(status=503, times=10_000, method="PUT")
    here.sim.faults.append(fault)
    await here.sim.press(question, "Send 1 email")
    await here.quiet()
    assert "1 of 1 sent" not in question.text
    fault.times = 0
    await here.agent.bot.cards_in_progress.resume()
    await here.quiet()
    assert "1 of 1 sent" in question.text
    assert here.database["open_cards"].count_documents({}) == 0


# Who asks


async def test_while_teams_does_not_say_who_somebody_is_nothing_is_done(here: World) -> None:
    fault = Fault(status=503, times=10_000, method="GET", path="/members/")
    here.sim.faults.append(fault)
    before = here.state()
    for text in ("alerts here", "whoami", 'add team "X" 444400000001 x@example.org'):
        shown = await here.says(text, DAN, "group")
        assert "does not say who belongs to this conversation right now" in shown.text
    assert here.state() == before
    fault.times = 0
    assert "You are a viewer" in (await here.says("whoami", DAN, "group")).text


async def test_a_roster_that_does_not_answer_ends_in_words_not_in_waiting(here: World) -> None:
    held = asyncio.Event()
    here.sim.faults.append(
        Fault(held=held, usual=True, times=9, method="GET", path="group.*/members/.*bob")
    )
    turn = await here.sim.say("whoami", BOB, "group")
    assert turn.status == 201  # while the roster is still held back
    held.set()


async def test_a_known_person_is_not_looked_up_again(here: World) -> None:
    await here.says("whoami", ANA, "channel")
    here.sim.faults.append(Fault(status=503, times=99, method="GET", path="/members/"))
    assert "You are an admin" in (await here.says("whoami", ANA, "channel")).text


# The same activity again


async def test_what_teams_sends_twice_is_done_once(here: World) -> None:
    activity = here.sim.written("expect search +5% from 1 Dec to 4 Dec because twice")
    turns = await asyncio.gather(*(here.sim.post(activity) for _ in range(4)))
    assert {turn.status for turn in turns} == {201}
    assert here.database["plans"].count_documents({"reason": "twice"}) == 1
    assert len(here.messages("personal", "twice")) == 1


async def test_two_agents_that_get_the_same_activity_store_one_thing(
    here: World, tmp_path: Path
) -> None:
    first = here.sim.bot_url
    async with serving(here.sim, here.environment):
        second = here.sim.bot_url
        activity = here.sim.written("expect search +6% from 1 Dec to 4 Dec because both")
        for address in (first, second):
            here.sim.bot_url = address
            assert (await here.sim.post(activity)).status == 201
    here.sim.bot_url = first
    assert here.database["plans"].count_documents({"reason": "both"}) == 1
    assert here.database["audit"].count_documents({"after.reason": "both"}) == 1


# Cards of workers that are gone


async def left_behind(here: World, touched: float, **more: object) -> Message:
    """A card that a worker of another machine was working on, last seen so many minutes ago."""
    shown = await here.says("whoami", ANA, "channel")
    at = here.clock() - timedelta(minutes=touched)
    here.database["open_cards"].insert_one(
        {
            "_id": f"{shown.conversation}|x{shown.id}",
            "conversation_id": shown.conversation,
            "service_url": here.sim.url,
            "activity_id": shown.id,
            "owner": "other-host|place|1|1|token",
            "created_at": at,
            "touched_at": at,
            **more,
        }
    )
    return shown


async def test_a_card_of_a_dead_machine_is_taken_over_and_one_of_a_live_machine_is_not(
    here: World,
) -> None:
    gone, alive = await left_behind(here, 10), await left_behind(here, 1)
    await here.agent.bot.cards_in_progress.resume()
    await here.quiet()
    assert "was restarted" in gone.text
    assert "You are an admin" in alive.text
    here.database["open_cards"].delete_many({})


async def test_of_two_agents_one_takes_a_card_over(here: World) -> None:
    gone = await left_behind(here, 10)
    address = here.sim.bot_url
    async with serving(here.sim, here.environment) as other:
        await asyncio.gather(
            here.agent.bot.cards_in_progress.resume(), other.bot.cards_in_progress.resume()
        )
        await here.quiet()
        await here.sim.until(lambda: not other.background.running)
    here.sim.bot_url = address
    assert "was restarted" in gone.text
    assert gone.version == 2


async def test_a_card_that_was_never_shown_is_answered_with_a_new_message(here: World) -> None:
    known = set(here.sim.messages)
    shown = await left_behind(here, 10, activity_id="")
    await here.agent.bot.cards_in_progress.resume()
    await here.quiet()
    new = [one for name, one in here.sim.messages.items() if name not in known | {shown.id}]
    assert ["was restarted" in one.text for one in new] == [True]
    assert new[0].conversation == shown.conversation


async def test_a_card_that_nobody_could_show_for_days_is_given_up(here: World) -> None:
    shown = await left_behind(here, 60 * 24 * 5)
    await here.agent.bot.cards_in_progress.resume()
    await here.quiet()
    assert "You are an admin" in shown.text
    assert here.database["open_cards"].count_documents({}) == 0
