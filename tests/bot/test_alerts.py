"""Alerts from the clock to the channel, through the real connector and what Teams makes of it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.domain import Team
from tests.bot.agent import NAMES, Moving, World, serving, world
from tests.servers.smtp import FakeSmtp, Faults
from tests.servers.teams import ANA, BOB, CHANNEL_ID, Fault, Message, Where, actions_of

MADE = "more than expected since"


@asynccontextmanager
async def alerted(
    folder: Path, mongo_url: str, *places: Where, **more: Any
) -> AsyncIterator[tuple[World, Moving]]:
    """An agent that sends alerts to these places (the channel), and its clock."""
    clock = Moving()
    async with world(folder, mongo_url, clock=clock, **more) as here:
        await here.says("recipients add fin@example.org")
        for place in places or ("channel",):
            await here.says("alerts here", ANA, place)
        await here.quiet()
        yield here, clock


async def search(here: World) -> Team:
    return next(team for team in await here.agent.app.teams.list() if team.team_name == "Search")


def cards(here: World, where: Where = "channel") -> list[Message]:
    return here.messages(where, MADE)


async def test_one_card_for_an_anomaly_that_follows_it_in_place(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url, "channel", "group") as (here, clock):
        anomaly = here.raise_anomaly(await search(here), 400)
        for _ in range(3):
            await here.tick()
        (channel,), (group,) = cards(here), cards(here, "group")
        assert channel.conversation == f"{CHANNEL_ID};messageid={channel.id}"  # a new post
        posts = [path for method, path, status in here.sim.calls if method == "POST"]
        assert posts.count("/v3/conversations") == 1

        here.change_anomaly(anomaly, excess="500")
        clock.move(minutes=1)
        await here.tick()
        assert [one.version for one in (channel, group)] == [2, 2]
        assert "$500.00" in channel.text
        here.change_anomaly(anomaly, excess="900")
        for _ in range(3):
            clock.move(minutes=1)
            await here.tick()
        assert "$900.00" in channel.text
        replies = here.messages("channel", "Grown")
        assert [reply.conversation for reply in replies] == [channel.conversation]
        assert "$900.00" in replies[0].text
        assert "$400.00" in replies[0].text
        assert len(here.messages("group", "Grown")) == 1

        here.change_anomaly(anomaly, status="ended", end="2026-11-22")
        await here.tick()
        assert "ENDED" in channel.text
        assert [one["title"] for one in actions_of(channel.card)] == ["Explain"]
        here.change_anomaly(anomaly, status="open", end=None)
        await here.tick()
        assert "ENDED" not in channel.text
        assert len(cards(here)) == 1


async def test_a_snooze_is_shown_and_its_end_too(mongo_url: str, tmp_path: Path) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        anomaly = here.raise_anomaly(await search(here), 400)
        await here.tick()
        (card,) = cards(here)
        await here.sim.press(card, "Snooze 7 days", BOB)
        await here.quiet()
        assert "SNOOZED" in card.text
        version = card.version
        clock.move(days=1)
        await here.tick()
        assert card.version <= version + 1
        here.change_anomaly(anomaly, status="open", excess="900", answer=None)
        await here.tick()
        assert "SNOOZED" not in card.text
        assert len(here.messages("channel", "Open again")) == 1


async def test_many_at_once_are_eight_cards_and_one_digest(mongo_url: str, tmp_path: Path) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        team = await search(here)
        for number in range(12):
            here.raise_anomaly(team, 1000 - number)
        await here.tick()
        assert len(cards(here)) == 8
        assert {"$1,000.00", "$993.00"} <= set(
            re.findall(r"\$[\d,.]+\d", " ".join(card.text for card in cards(here)))
        )
        (digest,) = here.messages("channel", "4 more anomalies")
        assert "$989.00" in digest.text
        for number in range(3):
            here.raise_anomaly(team, 500 + number)
        for _ in range(3):
            clock.move(minutes=5)
            await here.tick()
        assert len(cards(here)) == 8
        assert len(here.messages("channel", "Grouped in one message")) == 1
        clock.move(minutes=50)
        await here.tick()
        assert len(cards(here)) == 11
        # A member may answer what was only in a digest, from a card that they open.
        listed = await here.says("anomalies search", BOB, "channel")
        (last,) = here.database["anomalies"].find({"excess": "989"})
        await here.sim.press(listed, "Open", BOB, {"anomaly": last["_id"]})
        await here.quiet()
        opened = here.messages("channel", "$989.00")[-1]
        await here.sim.press(opened, "Expected", BOB)
        assert here.anomaly(last["_id"])["status"] == "expected"


async def test_an_anomaly_that_lasts_longer_than_cards_are_followed_takes_nobodys_place(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        team = await search(here)
        for _ in range(9):
            here.raise_anomaly(team, 900)
        await here.tick()
        clock.move(days=60)
        before = len(here.sim.messages)
        here.raise_anomaly(team, 123)
        await here.tick()
        assert len(here.sim.messages) == before + 1
        assert len(here.messages("channel", "$123.00")) == 1


async def test_two_agents_on_one_database_tell_each_anomaly_once(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url, "channel", "group") as (here, clock):
        address = here.sim.bot_url
        async with serving(here.sim, here.environment, clock) as other:
            here.sim.bot_url = address
            team = await search(here)
            for number in range(14):
                here.raise_anomaly(team, 1000 - number)
            for _ in range(4):
                await asyncio.gather(
                    here.tick(), other.app.alerts.tick(clock()), other.app.alerts.tick(clock())
                )
                clock.move(minutes=2)
            for where in ("channel", "group"):
                texts = [message.text for message in here.messages(where)]
                for number in range(14):
                    amount = f"${1000 - number:,}.00"
                    assert sum(amount in text for text in texts) == 1, amount
            (first, *_) = here.database["anomalies"].find({"excess": "1000"})
            here.change_anomaly(first["_id"], excess="3000")
            await asyncio.gather(here.tick(), other.app.alerts.tick(clock()))
            assert len(here.messages("channel", "Grown")) == 1
            assert here.notices() == []


# What Teams makes of it


@pytest.mark.parametrize("status", [412, 429, 502, 503, 504])
async def test_what_may_pass_is_tried_again_and_shown_once(
    mongo_url: str, tmp_path: Path, status: int
) -> None:
    async with alerted(tmp_path, mongo_url, teams=NAMES[:3]) as (here, _):
        fault = Fault(status=status, times=3, path="/v3/conversations$")
        here.sim.faults.append(fault)
        here.raise_anomaly(await search(here))
        await here.tick()
        assert fault.times == 0
        assert len(cards(here)) == 1
        assert here.notices() == []


async def test_a_permanent_refusal_is_tried_once_reported_by_email_and_stops_no_other_card(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url, "channel", "group") as (here, clock):
        team = await search(here)
        here.raise_anomaly(team, 900)
        here.raise_anomaly(team, 100)
        fault = Fault(status=500, code="ServiceError", times=1, path="/v3/conversations$")
        here.sim.faults.append(fault)
        await here.tick()
        clock.move(hours=2)
        await here.tick()
        assert [MADE in card.text and "$100.00" in card.text for card in cards(here)] == [True]
        assert len(cards(here, "group")) == 2
        (notice,) = here.notices()
        assert "are not reaching" in notice["title"]
        assert "500" in notice["text"]


@pytest.mark.parametrize("shown", [True, False])
async def test_a_post_with_an_unknown_outcome_is_not_repeated_and_is_reported_by_email(
    mongo_url: str, tmp_path: Path, shown: bool
) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        here.sim.faults.append(Fault(drop=True, shown=shown, path="/v3/conversations$"))
        here.raise_anomaly(await search(here))
        for _ in range(4):
            await here.tick()
            clock.move(minutes=20)
        assert len(cards(here)) == shown
        (notice,) = here.notices()
        assert "may not have reached its channel" in notice["title"]


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (403, "BotNotInConversationRoster", "uninstalled"),
        (403, "MessageWritesBlocked", "blocked"),
        (403, "BotDisabledByAdmin", "blocked"),
        (404, "ConversationNotFound", "uninstalled"),
    ],
)
async def test_a_channel_that_accepts_nothing_any_more_is_marked_reported_by_email_and_can_return(
    mongo_url: str, tmp_path: Path, status: int, code: str, state: str
) -> None:
    async with alerted(tmp_path, mongo_url, "channel", "group") as (here, clock):
        here.sim.faults.append(Fault(status=status, code=code, path="/v3/conversations$"))
        here.raise_anomaly(await search(here))
        await here.tick()
        clock.move(minutes=5)
        await here.tick()
        assert (len(cards(here)), len(cards(here, "group"))) == (0, 1)
        stored = here.database["conversations"].find_one({"_id": CHANNEL_ID})
        assert stored["state"] == state
        (notice,) = here.notices()
        assert "cannot be reached" in notice["title"]
        assert state in notice["text"]
        assert state in (await here.says("status")).text
        await here.says("help", BOB, "channel")
        clock.move(minutes=5)
        await here.tick()
        assert len(cards(here)) == 1


async def test_a_channel_that_is_unreachable_for_half_an_hour_is_reported_by_email_once(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url, "channel", "group") as (here, clock):
        team = await search(here)
        here.raise_anomaly(team, 900)
        fault = Fault(status=503, times=10_000, path="/v3/conversations$")
        here.sim.faults.append(fault)
        for number in range(9):
            await here.tick()
            clock.move(minutes=5)
            here.raise_anomaly(team, 100 + number)
        (notice,) = here.notices()
        assert "are not reaching a channel" in notice["title"]
        assert cards(here) == []
        fault.times = 0
        for _ in range(3):
            clock.move(minutes=5)
            await here.tick()
        told = here.messages("channel")
        assert sum("$900.00" in one.text for one in told) == 1
        assert len(cards(here)) <= 8 + 1


async def test_a_card_that_somebody_deleted_is_not_posted_again_and_stops_no_other(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        team = await search(here)
        gone, stays = here.raise_anomaly(team, 900), here.raise_anomaly(team, 800)
        await here.tick()
        deleted = next(card for card in cards(here) if "$900.00" in card.text)
        del here.sim.messages[deleted.id]
        for anomaly in (gone, stays):
            here.change_anomaly(anomaly, excess="1000")
        here.raise_anomaly(team, 700)
        for _ in range(3):
            await here.tick()
            clock.move(minutes=5)
        assert sorted(re.findall(r"\$[\d,]+", " ".join(card.text for card in cards(here)))) == [
            "$1,000",
            "$700",
        ]
        assert here.notices() == []


async def test_an_answer_is_shown_later_when_teams_takes_no_update_now(
    mongo_url: str, tmp_path: Path
) -> None:
    async with alerted(tmp_path, mongo_url) as (here, clock):
        here.raise_anomaly(await search(here), 900)
        await here.tick()
        (card,) = cards(here)
        fault = Fault(status=503, times=10_000, method="PUT")
        here.sim.faults.append(fault)
        turn = await here.sim.press(card, "Expected", BOB)
        assert "EXPECTED" in str(turn.body["value"])
        await here.quiet()
        assert "EXPECTED" not in card.text
        fault.times = 0
        clock.move(minutes=1)
        await here.tick()
        assert "EXPECTED" in card.text
        await here.agent.bot.cards_in_progress.resume()
        await here.quiet()
        assert "by Bob" in card.text


# Runs


async def test_a_run_with_failed_emails_is_reported_in_the_channel_and_retried_there(
    mongo_url: str, tmp_path: Path
) -> None:
    faults = Faults(refuse={"team85@example.org": "550 mailbox full"})
    async with FakeSmtp(faults) as smtp:
        more: Any = smtp.environment()
        async with alerted(
            tmp_path, mongo_url, teams=NAMES[:3], mail_sample_data=True, **more
        ) as (here, clock):
            question = await here.says("run report", ANA)
            await here.sim.press(question, "Send.*")
            await here.quiet()
            await here.tick()
            await here.tick()
            (told,) = here.messages("channel", "550 mailbox full")
            assert "3 of 4" in told.text
            refused = await here.sim.press(told, "Retry 1", BOB)
            assert "Only admins" in refused.body["value"]
            smtp.faults.refuse.clear()
            await here.sim.press(told, "Retry 1", ANA)
            await here.quiet()
            clock.move(minutes=1)
            await here.tick()
            assert "550" not in told.text
            assert len(smtp.mails) == 4
            assert len(here.messages("channel", "eek of 23 Nov")) == 1


async def test_reports_that_are_not_sent_at_all_are_reported_in_the_channel(
    mongo_url: str, tmp_path: Path
) -> None:
    more: Any = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "SMTP_TLS": "none"}
    async with alerted(
        tmp_path,
        mongo_url,
        teams=NAMES[:3],
        mail_sample_data=True,
        SENDER_EMAIL="a@example.org",
        **more,
    ) as (here, clock):
        question = await here.says("run report", ANA)
        await here.sim.press(question, "Send.*")
        await here.quiet()
        for _ in range(3):
            clock.move(minutes=20)
            await here.tick()
        (told,) = here.messages("channel", "the week of 23 Nov")
        assert told.card
