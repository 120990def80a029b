"""An event that is over when its costs come is told all the same: once, as an ended one."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.domain import AlertMinimum, Anomaly, AnomalyContent, Resolution
from services.domain.errors import AgentError
from tests.makers import NOW
from tests.unit.alerts.test_rounds import World
from tests.unit.anomalies.test_daily_detection import (
    ACCOUNT,
    JUMP,
    Days,
    channel,
    days_from,
    now_of,
)
from tests.unit.anomalies.test_deduplication import event, stored
from tests.unit.reports.test_previews import THROUGH, reports

HOUR = timedelta(hours=1)


def spike(day: date) -> float:
    return 2.6 if day == JUMP else 1.0


async def come_late(world: World, days: Days, late: int) -> Anomaly:
    """A spike of one day whose costs are there so many days after those of others."""
    for day in days_from(JUMP - timedelta(days=1), late + 1):
        assert await days.read_and_detect(day) == []
    days.factors[ACCOUNT] = spike
    (found,) = await days.read_and_detect(JUMP + timedelta(days=late))
    world.now = now_of(JUMP + timedelta(days=late))
    return found


def told(world: World) -> list[Anomaly]:
    return [news.anomaly for _, news in world.notifier.posts if isinstance(news, AnomalyContent)]


async def of(world: World, anomaly: Anomaly, **changes: object) -> None:
    """Stores the anomaly as if it had been raised otherwise."""
    world.store.anomalies.anomalies[anomaly.id] = anomaly.model_copy(update=changes)


@pytest.mark.parametrize("late", [3, 4, 6])
async def test_a_spike_that_is_over_when_it_arrives_is_notified_once_by_any_number_of_workers(
    late: int,
) -> None:
    world, days = await channel()
    found = await come_late(world, days, late)
    assert (found.status, found.start, found.end) == ("ended", JUMP, JUMP)
    await asyncio.gather(*(world.alerts().tick(world.now) for _ in range(3)))
    for _ in range(3):
        await world.tick(hours=5)
    await days.read_and_detect(JUMP + timedelta(days=late + 1))
    await world.tick(days=1)
    assert [(one.id, one.status) for one in told(world)] == [(found.id, "ended")]
    assert world.notifier.updates == []


async def test_each_channel_is_notified_once() -> None:
    world, days = await channel()
    first = await world.store.conversations.get("19:c")
    assert first is not None
    await world.store.conversations.seen(first.model_copy(update={"id": "19:d"}))
    await come_late(world, days, 4)
    await world.tick()
    await world.tick(hours=1)
    assert sorted(name for name, _ in world.notifier.posts) == ["19:c", "19:d"]


async def test_the_spike_waits_for_a_channel_that_takes_nothing_now() -> None:
    world, days = await channel()
    await come_late(world, days, 4)
    world.notifier.on_post = [AgentError("503 busy")]
    await world.tick()
    assert told(world) == []
    await world.tick(hours=1)
    assert len(told(world)) == 1


async def test_an_earlier_answer_suppresses_it() -> None:
    world, days = await channel()
    floor = AlertMinimum(
        account_id=ACCOUNT,
        source="datadog",
        amount=Decimal(9000),
        by="Ana",
        at=now_of(JUMP),
        entry="e",
    )
    assert await world.store.alert_minimums.replace("datadog", ACCOUNT, floor, None)
    found = await come_late(world, days, 4)
    assert (found.status, found.answer is not None) == ("ended", True)
    await world.tick()
    assert told(world) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"raised_at": now_of(JUMP) - timedelta(days=1)},
        {"answer": Resolution(by="Ana", by_id="a", at=now_of(JUMP))},
        {"kind": "threshold"},
    ],
    ids=["before the channel was turned on", "answered", "a month's threshold"],
)
async def test_a_suppressed_event_is_not_notified(changes: dict[str, object]) -> None:
    world, days = await channel()
    found = await come_late(world, days, 4)
    world.store.conversations._change("19:c", alerts_since=now_of(JUMP))
    at = {"raised_at": found.raised_at} | changes
    await of(world, found, **at, updated_at=at["raised_at"])
    await world.tick()
    assert told(world) == []


async def test_an_event_that_was_raised_open_and_ended_unseen_is_not_notified() -> None:
    world, days = await channel()
    days.factors[ACCOUNT] = spike
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    assert found.status == "open"
    for day in days_from(JUMP + timedelta(days=1), 4):
        (found,) = await days.read_and_detect(day)
    assert found.status == "ended"
    world.now = now_of(JUMP + timedelta(days=4))
    await world.tick()
    assert told(world) == []


async def test_an_event_that_nobody_could_be_notified_of_for_a_week_is_dropped() -> None:
    world, days = await channel()
    await come_late(world, days, 4)
    await world.tick(days=8)
    assert told(world) == []


async def test_the_first_detection_notifies_nothing_that_is_over() -> None:
    world, days = await channel()
    days.factors[ACCOUNT] = spike
    days.installed_through = JUMP + timedelta(days=6)
    (found,) = await days.read_and_detect(JUMP + timedelta(days=6))
    assert (found.status, found.found_at_install) == ("ended", True)
    world.now = now_of(JUMP + timedelta(days=6))
    await world.tick()
    assert world.notifier.posts == []


async def test_the_teams_next_email_lists_it_as_ended() -> None:
    over = event(
        status="ended", end=THROUGH - timedelta(days=5), start=THROUGH - timedelta(days=6)
    )
    store = await stored(over, event(id="not late", status="ended", updated_at=NOW + HOUR))
    made, team = await reports(store)
    report = await made.team_report(team, NOW)
    assert [one.id for one in report.ended] == [over.id]
    mail = await made.rendered_team(report)
    text = mail.text.replace("\n", " ")
    assert "NEEDS ATTENTION (1 ENDED ANOMALY)" in text
    assert "no unusual change" not in text.lower()
    assert "RDS: $100.00 more than expected, 15–16 Nov. " in text
    assert "Ended after 2 days. Its costs arrived late or were restated." in text
    assert mail.subject == "Checkout: RDS $100 over expected, 15–16 Nov"
    assert (await made.team_report(team, NOW + timedelta(days=8))).ended == ()


async def test_beside_open_ones_it_is_counted_separately() -> None:
    over = event(id="over", status="ended", end=THROUGH)
    made, team = await reports(await stored(event(), over))
    text = (await made.rendered_team(await made.team_report(team, NOW))).text
    assert "NEEDS ATTENTION (1 OPEN ANOMALY, 1 ENDED)" in text.replace("\n", " ")
