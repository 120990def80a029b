"""Where a reply is shown: on the pressed card, on the card that says "working", or anew."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.cards_in_progress import DONE
from bot.replies import Replies
from bot.turn import Reply, Turn
from cards import general
from services.domain import Conversation, Person
from tests.bot.agent import WORKING, World, world
from tests.makers import NOW
from tests.servers.teams import ANA, BOT, TENANT, Fault, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = itertools.count(1)
MESSAGES = "/v3/conversations/[^/]+/activities"
ANSWER = Reply(general.closed("The answer."))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("replies")
    async with world(folder, mongo_url) as found:
        yield found


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _everything_is_finished(here: World) -> AsyncIterator[None]:
    yield
    here.sim.faults.clear()
    await here.quiet()
    assert here.database["open_cards"].count_documents({}) == 0


@pytest_asyncio.fixture(loop_scope="module")
async def card(here: World) -> Message:
    return await here.says("whoami", ANA)


@pytest.fixture
def replies(here: World) -> Replies:
    return Replies(here.agent.bot.cards_in_progress, here.agent.background.start)


def turn_on(here: World, card: Message, *, is_press: bool = True) -> Turn:
    """A press of a button on a card, or a command in its conversation."""
    return Turn(
        person=Person(object_id=ANA.object_id, tenant_id=TENANT, name="Ana", user_id=ANA.id),
        role="admin",
        conversation=Conversation(
            id=card.conversation,
            kind="personal",
            service_url=here.sim.url,
            tenant_id=TENANT,
            bot_id=BOT["id"],
            updated_at=NOW,
        ),
        now=NOW,
        id=f"turn{next(NUMBERS)}",
        thread=card.conversation,
        is_press=is_press,
        pressed_message_id=card.id if is_press else None,
    )


async def slow(here: World, reply: Reply) -> Reply:
    """A reply that is ready when the card that says so is shown."""
    await here.sim.until(lambda: here.sim.newest.text == WORKING)
    return reply


async def late(here: World, replies: Replies, turn: Turn, reply: Reply) -> list[str]:
    """The texts of the messages that a slow reply leaves behind."""
    known = set(here.sim.messages)
    assert await replies.in_time(turn, slow(here, reply)) is None
    await here.quiet()
    return [one.text for name, one in here.sim.messages.items() if name not in known]


async def at_once(here: World, replies: Replies, turn: Turn, reply: Reply) -> list[str]:
    known = set(here.sim.messages)
    await replies.show(turn, reply)
    await here.quiet()
    return [one.text for name, one in here.sim.messages.items() if name not in known]


async def test_a_press_redraws_its_card_at_once_and_late(
    here: World, card: Message, replies: Replies
) -> None:
    assert await at_once(here, replies, turn_on(here, card), ANSWER) == []
    assert card.text == "The answer."
    another = Reply(general.closed("Another one."))
    assert await late(here, replies, turn_on(here, card), another) == []
    assert card.text == "Another one."


@pytest.mark.parametrize(
    "reply", [Reply(ANSWER.card, is_new_message=True), Reply(text="The answer.")]
)
async def test_a_new_message_and_a_sentence_leave_the_pressed_card_alone(
    here: World, card: Message, replies: Replies, reply: Reply
) -> None:
    assert await at_once(here, replies, turn_on(here, card), reply) == ["The answer."]
    assert await late(here, replies, turn_on(here, card), reply) == ["The answer."]
    assert card.version == 1


async def test_a_command_is_answered_in_one_new_message_at_once_and_late(
    here: World, card: Message, replies: Replies
) -> None:
    turn = turn_on(here, card, is_press=False)
    assert await at_once(here, replies, turn, ANSWER) == ["The answer."]
    assert await late(here, replies, turn, ANSWER) == ["The answer."]


async def test_a_pressed_card_that_was_deleted_is_answered_in_one_new_message(
    here: World, card: Message, replies: Replies
) -> None:
    del here.sim.messages[card.id]
    assert await at_once(here, replies, turn_on(here, card), ANSWER) == ["The answer."]
    assert await late(here, replies, turn_on(here, card), ANSWER) == ["The answer."]


async def test_where_nothing_can_be_deleted_the_working_card_points_at_the_answer(
    here: World, card: Message, replies: Replies
) -> None:
    here.sim.faults.append(Fault(status=501, code="NotImplemented", method="DELETE"))
    assert await late(here, replies, turn_on(here, card), ANSWER) == [DONE]
    assert card.text == "The answer."


@pytest.mark.parametrize("is_press", [True, False])
async def test_what_teams_does_not_take_now_is_shown_later_and_once(
    here: World, card: Message, replies: Replies, is_press: bool
) -> None:
    fault = Fault(status=503, times=10_000, method="PUT" if is_press else "POST", path=MESSAGES)
    here.sim.faults.append(fault)
    assert await at_once(here, replies, turn_on(here, card, is_press=is_press), ANSWER) == []
    assert card.version == 1
    fault.times = 0
    known = set(here.sim.messages)
    for _ in range(2):
        await here.agent.bot.cards_in_progress.resume()
        await here.quiet()
    shown = [one.text for name, one in here.sim.messages.items() if name not in known]
    assert [card.text, shown] == (
        ["The answer.", []] if is_press else [card.text, ["The answer."]]
    )


async def test_a_turn_ends_though_teams_is_slow(
    here: World, card: Message, replies: Replies
) -> None:
    here.sim.faults.append(Fault(delay=5.0, usual=True, method="PUT"))
    await replies.show(turn_on(here, card), ANSWER)
    assert card.version == 1  # the turn has ended before the card is shown
    await here.quiet()
    assert card.text == "The answer."
