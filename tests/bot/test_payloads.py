"""Whatever comes with a button or in an activity: a sentence, never an error, and no pause."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.actions import BUTTONS
from tests.bot.agent import World, said, world
from tests.servers.teams import ANA, BOB, CARA, Message, Person, Where

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = {verb: sorted(button.payload.model_fields) for verb, button in BUTTONS.items()}
OTHER_FIELDS = sorted({name for names in FIELDS.values() for name in names})
ODD: tuple[Any, ...] = (
    *("", " ", "x", "0", "-1", "1e9", "9" * 40, "9" * 5000, "NaN", "Infinity", "٣", "½"),
    *(None, True, 0, -1, 1.5, 10**30, 1e308, float("nan"), float("inf")),
    *([], {}, [[]], {"$ne": None}, {"$gt": ""}, [1, 2]),
    *("\0", "\ud800", "../../etc/passwd", "$where", "{{7*7}}", "<at>all</at>", "a\nb"),
    *("sample:weekly:2026-W48", "team", "weekly", "admin", "open", "snoozed", "2026-W99", "x@y"),
    *("000000070086", "19:alerts@thread.tacv2", "team_name,aws_account_id,team_email\nA,1,b"),
)
LONG = "a" * 25_000
SHORT_SHARE = 5
"""In the short form each button gets every fifth odd value, and each value goes to seven buttons."""
ODDITIES = st.one_of(
    st.sampled_from(ODD), st.text(max_size=30), st.integers(), st.floats(), st.none()
)
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("payloads")
    async with world(folder, mongo_url) as found:
        await found.says("team search")  # costs are read once
        await found.says("threshold 25")
        gc.collect()
        gc.freeze()  # as the agent does at its start
        yield found
        gc.unfreeze()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def card(here: World) -> Message:
    return await here.says("help", ANA, "channel")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _ended(here: World) -> AsyncIterator[None]:
    yield
    await here.quiet()


async def must_be_a_sentence(here: World, message: Message, payload: Any, person: Person) -> None:
    """A press with this payload, in both ways: an answer that Teams shows, and no error."""
    for as_submit in (False, True):
        turn = await here.sim.press_raw(message, payload, person, as_submit=as_submit)
        assert turn.status in {200, 201}, payload
        if turn.status == 200:
            assert turn.body["statusCode"] == 200
            assert said(turn).strip()
            assert "went wrong" not in said(turn), (payload, said(turn))
        for reply in turn.replies:
            assert "went wrong" not in reply.text, (payload, reply.text)


@pytest.mark.parametrize("verb", [*sorted(BUTTONS), "nothing", "", None, 5, [], {}, "__class__"])
async def test_a_button_without_anything_is_a_sentence(
    here: World, card: Message, verb: Any
) -> None:
    await must_be_a_sentence(here, card, {"verb": verb}, ANA)
    await must_be_a_sentence(here, card, {"verb": verb}, BOB)


@pytest.mark.parametrize("verb", sorted(BUTTONS))
async def test_every_field_may_hold_anything(
    here: World, card: Message, verb: str, *, is_long: bool
) -> None:
    values = ODD if is_long else ODD[sorted(BUTTONS).index(verb) % SHORT_SHARE :: SHORT_SHARE]
    for odd in values:
        odd_fields = dict.fromkeys(FIELDS[verb], odd)
        await must_be_a_sentence(here, card, {"verb": verb, **odd_fields}, ANA)
    for name in (*FIELDS[verb], "text", "team", "name", "mails"):
        await must_be_a_sentence(here, card, {"verb": verb, name: LONG}, ANA)


async def test_any_mixture_of_fields_is_a_sentence(here: World, card: Message) -> None:
    runner = asyncio.get_running_loop()

    payloads = st.sampled_from(sorted(BUTTONS)).flatmap(
        lambda verb: st.dictionaries(
            # Mostly its own fields: those of other verbs are refused before anything is done.
            st.sampled_from(FIELDS[verb] * 5 + OTHER_FIELDS),
            ODDITIES,
            max_size=6,
        ).map(lambda fields: {"verb": verb, **fields})
    )

    @QUICK
    @given(payloads, st.sampled_from([ANA, BOB, CARA]))
    def presses(payload: dict[str, Any], person: Person) -> None:
        work = must_be_a_sentence(here, card, payload, person)
        asyncio.run_coroutine_threadsafe(work, runner).result(60)

    await asyncio.to_thread(presses)


# Activities


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = (
    *("message", "invoke", "conversationUpdate", "installationUpdate", "event", "typing"),
    *("messageReaction", "messageUpdate", "messageDelete", "endOfConversation", "handoff", "x"),
)
PARTS = (
    *("text", "entities", "attachments", "value", "name", "replyToId", "membersAdded", "action"),
    *("membersRemoved", "timestamp", "locale", "recipient", "from", "channelData", "id"),
    *("conversation", "reactionsAdded", "textFormat", "deliveryMode", "topicName", "summary"),
)


async def test_no_activity_is_a_server_error(here: World, *, is_long: bool) -> None:
    runner = asyncio.get_running_loop()

    async def posted(kind: str, parts: dict[str, Any], where: Where) -> None:
        turn = await here.sim.post({**here.sim.written("help", BOB, where), "type": kind, **parts})
        assert turn.status < 500

    @settings(QUICK, max_examples=250 if is_long else 60)
    @given(
        st.sampled_from(KINDS),
        st.dictionaries(st.sampled_from(PARTS), JSON, max_size=4),
        st.sampled_from(["personal", "group", "channel"]),
    )
    def posts(kind: str, parts: dict[str, Any], where: Where) -> None:
        asyncio.run_coroutine_threadsafe(posted(kind, parts, where), runner).result(60)

    await asyncio.to_thread(posts)
    shown = await here.says("whoami", BOB)
    assert "You are a viewer" in shown.text


@pytest.mark.parametrize(
    "text",
    [
        "expect " + "x 1% from to " * 300,
        "threshold " + "1" * 3900,
        "threshold " + "1,." * 1200,
        "threshold 1 for " + "a " * 1900,
        "explain " + "2026-W1 " * 480,
        "explain search 0001-W01",
        "explain search 9999-W52",
        "explain search 1970-W01",
        "costs " + "last 30 days " * 300,
        "add team " + '"a" ' * 900,
        'add team "' + "n" * 3800,
        "add team x 012345678901 " + "m@x.org " * 450,
        "recipients add " + "a@" * 1900,
        "schedule monday 9 ../../etc/passwd",
        "schedule monday 9 " + "Europe/" * 500,
        "schedule monday 99999999999999999999",
        "team " + "(a+)+$" * 600,
        "teams " + "\u0130" * 3900,
        "claim " + "9" * 3900,
        "import teams " + "[" * 3900,
        "import teams [" + "{}," * 1200 + "{}]",
        "import teams " + '"' * 3900,
        "revoke " + "ß" * 3900,
        "history " + "\ud83d\ude00" * 1900,
        "a" * 4000,
        "\n\t\r" * 1300,
        "help\nme\tplease",
    ],
    ids=range(27),
)
async def test_long_and_odd_texts_are_answered_in_words(here: World, text: str) -> None:
    shown = await here.says(text, ANA, "personal")
    assert shown.text
    assert "went wrong" not in shown.text
