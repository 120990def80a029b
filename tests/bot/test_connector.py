"""Sending under faults: what is retried, what is not, and in which order."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bot.connector_errors import ConnectorError
from bot.pacing import RateWindow
from tests.bot.conftest import RETRY_SECONDS, Harness, echo, opened
from tests.servers.teams import Fault

CARD = {"type": "message", "attachments": []}


async def sent(harness: Harness, text: str = "x", conversation: str = "a:ana") -> str:
    return await harness.connector.send(
        harness.sim.url, conversation, {"type": "message", "text": text}
    )


@pytest.mark.parametrize("status", [412, 429, 502, 503, 504])
async def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=status, times=2))
        assert await sent(harness)
        assert [call[2] for call in harness.sim.calls] == [status, status, 201]
        assert len(harness.sim.messages) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "1"},
        {
            "Retry-After": "Wed, 21 Oct 2026 07:28:01 GMT",
            "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
        },
    ],
    ids=["seconds", "date"],
)
async def test_the_wait_that_teams_names_is_respected(headers: dict[str, str]) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=429, headers=headers))
        await sent(harness)
        assert [1 <= wait <= 2 for wait in harness.waits] == [True]


@pytest.mark.parametrize("wait", ["nan", "inf", "soon"])
async def test_a_wait_that_is_not_a_number_is_not_slept(wait: str) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=429, headers={"Retry-After": wait}))
        await sent(harness)
        assert [call[2] for call in harness.sim.calls] == [429, 201]
        assert all(0 <= pause <= 1 for pause in harness.waits)


async def test_a_longer_wait_than_a_message_is_worth_is_an_error_at_once() -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=429, headers={"Retry-After": "31"}))
        with pytest.raises(ConnectorError, match="429") as caught:
            await sent(harness)
        assert len(harness.sim.calls) == 1
        assert not caught.value.permanent


@pytest.mark.parametrize(
    ("until", "waits"),
    [
        ("Mon, 30 Nov 2026 09:00:01 GMT", True),
        ("Mon, 30 Nov 2026 09:00:31 GMT", False),
    ],
)
async def test_a_wait_may_be_named_as_a_date(until: str, waits: bool) -> None:
    date = "Mon, 30 Nov 2026 09:00:00 GMT"  # by the clock of Teams
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(headers={"Date": date, "Retry-After": until}))
        if waits:
            await sent(harness)
            assert [1 <= wait <= 2 for wait in harness.waits] == [True]
        else:
            with pytest.raises(ConnectorError, match="429"):
                await sent(harness)
            assert len(harness.sim.calls) == 1


@pytest.mark.parametrize(
    "named", ["soon", "nan", "inf", "", "-5", "Mon, 99 Nov 2026 09:00:00 GMT"]
)
async def test_a_wait_that_cannot_be_read_is_our_own(named: str) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(headers={"Retry-After": named}))
        await sent(harness)
        assert [wait < 1 for wait in harness.waits] == [True]


async def test_a_token_that_teams_refuses_once_is_renewed_and_the_answer_is_not_lost() -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=401, code="Unauthorized"))
        assert await sent(harness)
        assert [call[2] for call in harness.sim.calls] == [401, 201]
        assert harness.sim.tokens_given == 2

        harness.sim.faults.append(Fault(status=401, code="Unauthorized", times=9))
        with pytest.raises(ConnectorError, match="401"):
            await sent(harness)
        assert [call[2] for call in harness.sim.calls[2:]] == [401, 401]


@dataclass
class Departures:
    """Writes down when a message leaves and comes back."""

    events: list[str] = field(default_factory=list)

    async def leave(self) -> None:
        self.events.append("out")

    async def come_back(self) -> None:
        self.events.append("back")


async def test_a_message_is_out_only_while_a_request_is() -> None:
    departures = Departures()
    async with opened(echo) as harness:
        answered = asyncio.Event()
        harness.sim.faults += [
            Fault(held=answered, usual=True),
            Fault(status=429, times=2),
            Fault(drop=True),
        ]
        first = asyncio.create_task(sent(harness))
        parameters = {"isGroup": True, "activity": {"type": "message", "text": "y"}}
        second = asyncio.create_task(
            harness.connector.create(harness.sim.url, parameters, "a:ana", departures)
        )
        await asyncio.sleep(0.05)
        assert departures.events == []

        answered.set()
        await first
        with pytest.raises(ConnectorError) as caught:
            await second
        assert caught.value.fate_unknown
        assert departures.events == ["out", "back", "out", "back", "out"]


@pytest.mark.parametrize(
    ("status", "code", "gone"),
    [
        (500, "ServiceError", None),
        (400, "BadSyntax", None),
        (403, "BotNotInConversationRoster", "uninstalled"),
        (403, "MessageWritesBlocked", "blocked"),
        (403, "ConversationBlockedByUser", "blocked"),
        (404, "ConversationNotFound", "uninstalled"),
        (413, "MessageSizeTooBig", None),
    ],
)
async def test_other_refusals_are_final_and_say_what_they_mean(
    status: int, code: str, gone: str | None
) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=status, code=code, times=9))
        with pytest.raises(ConnectorError, match=str(status)) as caught:
            await sent(harness)
        assert len(harness.sim.calls) == 1
        assert (caught.value.lost_state, caught.value.permanent) == (gone, True)


@pytest.mark.parametrize(
    "body",
    [b'{"id": "' + b"x" * 3_000_000 + b'"}', b"[" * 200_000, b"\xff\xfe"],
    ids=["long", "deep", "not text"],
)
async def test_only_the_status_counts_if_a_response_is_not_small_json(body: bytes) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=201, body=body, shown=True))
        harness.sim.faults.append(Fault(status=403, body=body))
        assert await sent(harness) == ""
        with pytest.raises(ConnectorError, match="403"):
            await sent(harness)
        assert len(harness.sim.messages) == 1


@pytest.mark.parametrize("shown", [True, False])
async def test_a_message_whose_fate_is_unknown_is_not_sent_again(shown: bool) -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(drop=True, shown=shown))
        with pytest.raises(ConnectorError) as caught:
            await sent(harness)
        assert caught.value.fate_unknown
        assert len(harness.sim.messages) == shown


async def test_an_update_is_repeated_after_a_lost_connection() -> None:
    async with opened(echo) as harness:
        activity_id = await sent(harness)
        harness.sim.faults.append(Fault(drop=True, method="PUT", times=2))
        await harness.connector.update(harness.sim.url, "a:ana", activity_id, {"type": "message"})
        assert harness.sim.messages[activity_id].version == 2


async def test_an_unavailable_service_is_retried_and_then_reported() -> None:
    async with opened(echo) as harness:
        with pytest.raises(ConnectorError, match="cannot be reached") as caught:
            await harness.connector.send("http://127.0.0.1:1", "a:x", {"type": "message"})
        assert not caught.value.fate_unknown
        waits = [RETRY_SECONDS * factor for factor in (1, 2, 4, 8)]
        jitter = RETRY_SECONDS * 0.4
        assert len(harness.waits) == len(waits)
        assert all(
            0 <= got - wait <= jitter for got, wait in zip(harness.waits, waits, strict=True)
        )


async def test_messages_of_one_conversation_keep_their_order_under_faults() -> None:
    async with opened(echo) as harness:
        harness.sim.faults.append(Fault(status=429, times=3))
        await asyncio.gather(*(sent(harness, str(i)) for i in range(6)))
        assert [message.text for message in harness.sim.messages.values()] == list("012345")


async def test_no_window_lets_more_through_than_teams_allows() -> None:
    window, now, times = RateWindow(((6, 1.0), (7, 2.0), (55, 30.0))), 0.0, []
    for _ in range(300):
        now += max(window.wait_seconds(now), 0.0)
        window.count(now)
        times.append(now)
        now += 0.001
    for number, seconds in ((7, 1.0), (8, 2.0), (60, 30.0)):
        for begin in times:
            assert sum(begin <= at < begin + seconds for at in times) <= number
