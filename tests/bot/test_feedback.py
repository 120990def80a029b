"""What people say of an alert changes what the next daily runs tell, and can be taken back.

Real activities, a real MongoDB, costs from a Datadog of our own; the clock is moved day by day.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.domain import Actor, DaySpan
from tests.bot.agent import Moving, World, world
from tests.makers import NOW
from tests.servers.datadog import Cost, FakeDatadog
from tests.servers.teams import ANA, BOB, Message, actions_of, where_of

ACCOUNT = "000000070000"
"""Of the first team that is added."""
LAG = timedelta(days=3)
D0 = NOW.date() - LAG + timedelta(days=2)
"""The day of the first event, judged two days after the start."""
FIRST = D0 - timedelta(days=70)
USUAL = {"ec2": 300.0, "s3": 80.0}
Extra = Callable[[str, date], float]


def costs(extra: Extra) -> list[Cost]:
    """Weekdays busier than weekends, and what the test adds to a service's day."""
    found = []
    for service, level in {**USUAL, "lambda": 0.0}.items():
        for day in DaySpan(FIRST, D0 + timedelta(days=40)):
            wave = 1 + ((day.toordinal() * 7 + len(service)) % 5 - 2) / 100
            week = 1.0 if day.weekday() < 5 else 0.7
            amount = round(level * wave * week + extra(service, day), 4)
            if amount:
                tags = {"aws_member_account_id": ACCOUNT, "aws_product": service}
                tags |= {"chargecategory": "usage", "billingcurrency": "USD"}
                found.append(Cost(day, amount, tags))
    return found


@dataclass
class Days:
    """An agent whose days pass, and what it tells the channel."""

    here: World
    clock: Moving

    async def passed(self, number: int = 1) -> list[Message]:
        """New messages of the channel from so many daily runs."""
        known = set(self.here.sim.messages)
        for _ in range(number):
            self.clock.move(days=1)
            await self.here.agent.tick()
            await self.here.quiet()
            # A run that ends during the tick's own round of alerts leaves its news to the next one.
            await self.here.tick()
            await self.here.quiet()
        new = [one for name, one in self.here.sim.messages.items() if name not in known]
        return [one for one in new if where_of(one.conversation) == "channel"]

    async def judged(self, day: date) -> list[Message]:
        """The same up to the run that judges a day."""
        return await self.passed((day - (self.clock.now.date() - LAG)).days)

    async def press(self, message: Message, title: str) -> str:
        text = await self.here.press(message, title, ANA)
        await self.here.quiet()
        return text

    def statuses(self) -> list[str]:
        found = self.here.database["anomalies"].find({"kind": {"$ne": "threshold"}})
        return [one["status"] for one in found.sort("raised_at", 1)]


@asynccontextmanager
async def days(folder: Path, mongo_url: str, extra: Extra) -> AsyncIterator[Days]:
    clock = Moving()
    async with FakeDatadog(costs(extra)) as datadog:
        more: Any = datadog.environment()
        async with world(folder, mongo_url, clock=clock, teams=("Checkout",), **more) as here:
            (team,) = await here.agent.app.teams.list()
            assert team.aws_account_id == ACCOUNT
            by = Actor(interface="cli", name="test")
            # Detection alone is looked at: nothing grows so much over a month.
            await here.agent.app.teams.change(team.id, {"anomaly_threshold": 900}, by, NOW)
            await here.says("alerts here", ANA, "channel")
            found = Days(here, clock)
            await here.agent.tick()
            await here.quiet()
            assert await found.judged(D0 - timedelta(days=1)) == []
            yield found


def on(day: date, amount: float, service: str = "ec2", days: int = 1) -> Extra:
    """So much more on a day, and on those after it."""
    last = day + timedelta(days=days - 1)
    return lambda of, when: amount if of == service and day <= when <= last else 0.0


def together(*extras: Extra) -> Extra:
    return lambda service, day: sum(extra(service, day) for extra in extras)


async def test_too_small_offers_a_minimum_that_hides_as_many_as_it_said_and_undo_restores_them(
    mongo_url: str, tmp_path: Path
) -> None:
    third = D0 + timedelta(days=16)
    spent = together(on(D0, 400), on(D0 + timedelta(days=8), 120, "s3"), on(third, 130, "lambda"))
    async with days(tmp_path, mongo_url, spent) as here:
        (_,) = await here.judged(D0)
        (small,) = await here.judged(D0 + timedelta(days=8))
        said = await here.press(small, r"Too small \(admins\)")
        offered = (
            "Raise the alert minimum from $25 to $150? It would have hidden 1 of the last 2 alerts"
        )
        assert offered in said
        assert offered in small.text
        refused = await here.here.press(small, "Raise the minimum to .*", BOB)
        assert "Only admins can do this" in refused
        old = small.as_it_was(-1)
        said = await here.press(small, "Raise the minimum to .*")
        assert "Alert minimum for this account: $150, set by Ana" in said
        assert "Alert minimum for this account: $150, set by Ana" in await here.press(
            old, "Raise the minimum to .*"
        )
        assert here.here.database["audit"].count_documents({"action": "floor.change"}) == 1

        assert await here.judged(third) == []
        assert here.statuses() == ["ended", "too_small", "too_small"]
        listed = await here.here.says("anomalies checkout", ANA)
        assert "too small" in listed.text

        history = await here.here.says("history checkout", ANA)
        assert "Checkout: alert minimum none → 150" in history.text
        entry = here.here.database["audit"].find_one({"action": "floor.change"})
        undone = await here.here.press(history, "Undo", ANA, {"entry": entry["_id"]})
        assert "The alert minimum is as it was before" in undone
        assert here.here.database["floors"].count_documents({}) == 0
        (told,) = await here.passed()
        assert "NEW ANOMALY" in told.text
        assert "000000070000: Lambda" in told.text
        assert here.statuses() == ["ended", "too_small", "open"]
        await here.here.tick()
        # The card is drawn again in the background, before or after the new alert of $130 counts.
        with_the_new_one = offered.replace("1 of the last 2 alerts", "2 of the last 3 alerts")
        assert offered in small.text or with_the_new_one in small.text


async def test_a_floor_tells_what_grows_past_it_and_a_stale_offer_is_refused_in_words(
    mongo_url: str, tmp_path: Path
) -> None:
    second = D0 + timedelta(days=8)
    spent = together(on(D0, 110), on(second, 130, "lambda", 2))
    async with days(tmp_path, mongo_url, spent) as here:
        (small,) = await here.judged(D0)
        await here.press(small, r"Too small \(admins\)")
        old = small.as_it_was(-1)
        await here.press(small, "Raise the minimum to .*")
        anomaly = here.here.database["anomalies"].find_one({"status": "too_small"})
        higher = {"verb": "floor.raise", "anomaly": anomaly["_id"], "value": "200"}
        await here.here.sim.press_raw(small, higher, ANA)
        await here.here.quiet()
        assert "Ana already set the alert minimum to $200.00" in await here.press(
            old, "Raise the minimum to .*"
        )
        assert await here.judged(second) == []
        (told,) = await here.passed()
        assert "$260" in told.text
        await here.press(small, "Reopen")
        refused = await here.here.sim.press_raw(old, {**higher, "value": "500"}, ANA)
        assert "no longer marked as too small" in refused.body["value"]


@pytest.mark.parametrize(
    ("title", "status", "quiet_days"),
    [("Expected", "expected", 35), ("Not an anomaly", "not_an_anomaly", 90)],
)
async def test_an_anomaly_similar_to_an_answered_one_raises_no_alert_and_a_larger_one_does(
    mongo_url: str, tmp_path: Path, title: str, status: str, quiet_days: int
) -> None:
    again, more = D0 + timedelta(days=10), D0 + timedelta(days=16)
    spent = together(on(D0, 400), on(again, 300), on(more, 900))
    async with days(tmp_path, mongo_url, spent) as here:
        (message,) = await here.judged(D0)
        said = await here.press(message, title)
        until = (here.clock.now + timedelta(days=quiet_days)).date()
        assert f"alerts for this account are muted until {until.day} {until:%b %Y}, up to" in said
        assert await here.judged(again) == []
        assert here.statuses() == [status, status]
        (told,) = await here.judged(more)
        assert "NEW ANOMALY" in told.text
        assert here.statuses() == [status, status, "open"]


async def test_an_answer_that_is_taken_back_hides_nothing_any_more(
    mongo_url: str, tmp_path: Path
) -> None:
    again = D0 + timedelta(days=10)
    async with days(tmp_path, mongo_url, together(on(D0, 400), on(again, 300))) as here:
        (message,) = await here.judged(D0)
        await here.press(message, "Expected")
        assert await here.judged(again) == []
        await here.press(message, "Reopen")
        (told,) = await here.passed()
        assert "NEW ANOMALY" in told.text
        assert here.statuses() == ["ended", "open"]


async def test_a_snooze_ends_on_its_day_and_alerts_again_only_while_the_anomaly_is_open(
    mongo_url: str, tmp_path: Path
) -> None:
    async with days(tmp_path, mongo_url, on(D0, 200, "ec2", 40)) as here:
        (message,) = await here.judged(D0 + timedelta(days=1))
        for _ in range(9):  # so that a week does not double it
            await here.passed()
        await here.press(message, "Snooze 7 days")
        assert await here.passed(7) == []
        assert "SNOOZED until" in message.text
        (told,) = await here.passed()
        assert told.text.startswith("Open again: Checkout is now $")
        assert "OPEN AGAIN" in message.text
        assert await here.passed(2) == []


async def test_an_accepted_level_raises_no_alert_and_a_rise_above_it_does(
    mongo_url: str, tmp_path: Path
) -> None:
    more = D0 + timedelta(days=12)
    spent = together(on(D0, 300, "ec2", 60), on(more, 700, "ec2", 60))
    async with days(tmp_path, mongo_url, spent) as here:
        (message,) = await here.judged(D0)
        await here.passed(2)
        said = await here.press(message, r"Accept as new normal \(admins\)")
        assert "This level is now treated as normal" in said
        assert await here.judged(more - timedelta(days=1)) == []
        (told,) = await here.judged(more)
        assert "NEW ANOMALY" in told.text
        assert here.statuses() == ["accepted", "open"]
        listed = {one["title"] for one in actions_of(message.card)}
        assert listed == {"Reopen", "Explain"}
