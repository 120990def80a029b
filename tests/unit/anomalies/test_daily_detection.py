"""What daily detection finds becomes anomalies: raised once, kept up to date, ended."""

import random
from array import array
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.administration.audit_trail import AuditTrail
from services.anomalies.daily_detection import DailyDetector
from services.anomalies.lifecycle import AnomalyLifecycle
from services.anomalies.planned_changes import PlannedChanges
from services.domain import (
    Actor,
    Anomaly,
    AnomalyContent,
    Category,
    Conversation,
    CostSeries,
    CostTable,
    DaySpan,
    DigestContent,
    Resolution,
)
from services.ports import UsageStore
from tests.fakes.store import MemoryStore
from tests.makers import team
from tests.unit.alerts.test_rounds import World

ACCOUNT = "1" * 12
FIRST = date(2026, 6, 1)
LAST = date(2026, 11, 21)
SPAN = DaySpan(FIRST, LAST + timedelta(days=30))
ACTOR = Actor(interface="chat", name="Ana")
Factor = Callable[[date], float]


def amounts(seed: int, base: float, factor: Factor) -> "array[float]":
    """Weekdays busier than weekends, a little noise, times what the test does to a day."""
    chance = random.Random(seed)
    return array(
        "d",
        (
            base * (1.0 if day.weekday() < 5 else 0.6) * chance.uniform(0.97, 1.03) * factor(day)
            for day in SPAN
        ),
    )


def jump(since: date, share: float, until: date = SPAN.last) -> Factor:
    return lambda day: 1 + share if since <= day <= until else 1.0


class Days:
    """Costs of accounts, read and detected day by day as the daily run does it."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.costs: UsageStore = self.store.costs
        self.factors: dict[str, Factor] = {ACCOUNT: lambda day: 1.0}
        self.since: date | None = None
        self.installed_through: date | None = None
        self.floor = 25.0
        self.hours = 48

    def detections(self) -> DailyDetector:
        return DailyDetector(
            costs=self.costs,
            store=self.store.anomalies,
            anomalies=AnomalyLifecycle(self.store.anomalies),
            planned_changes=PlannedChanges(
                self.store.planned_changes, AuditTrail(self.store.audit_entries)
            ),
            alert_minimums=self.store.alert_minimums,
            source="datadog",
            complete_after_hours=self.hours,
        )

    async def read_and_detect(self, through: date, now: datetime | None = None) -> list[Anomaly]:
        """Reads everything up to a day and runs detection; all anomalies, oldest first."""
        now = now or now_of(through)
        await self.read(through, now)
        return await self.detect(through, now)

    async def detect(self, through: date, now: datetime | None = None) -> list[Anomaly]:
        """Runs detection on what was read; all anomalies, oldest first."""
        await self.detections().detect_day(
            sorted(self.factors),
            through,
            "USD",
            now or now_of(through),
            since=self.since,
            alert_minimum=self.floor,
            installed_through=self.installed_through,
        )
        self.since = through
        return await self.anomalies()

    async def read(self, through: date, now: datetime) -> None:
        """Reads everything up to a day, as a refresh does."""
        days = DaySpan(FIRST, through)
        series = []
        for seed, (account, factor) in enumerate(self.factors.items()):
            for service, base in (("EC2", 300.0), ("S3", 80.0)):
                changed = factor if service == "EC2" else lambda day: 1.0
                row = amounts(seed * 10 + len(service), base, changed)[: len(days)]
                series.append(CostSeries(account, service, Category.USAGE, row))
        table = CostTable(days, "USD", series)
        await self.store.costs.save_details("datadog", "m", table, list(self.factors), now)

    async def through(self, first: date, number: int) -> list[Anomaly]:
        """The same for some days in a row."""
        for day in days_from(first, number):
            await self.read_and_detect(day)
        return await self.anomalies()

    async def anomalies(self) -> list[Anomaly]:
        found = await self.store.anomalies.newest("datadog")
        return sorted(found, key=lambda one: (one.raised_at, one.id))


def now_of(through: date) -> datetime:
    return datetime(through.year, through.month, through.day, 9, tzinfo=UTC) + timedelta(days=3)


def days_from(first: date, number: int) -> Iterable[date]:
    return (first + timedelta(days=i) for i in range(number))


JUMP = date(2026, 11, 10)


async def test_suppression_costs_raise_nothing() -> None:
    days = Days()
    assert await days.through(JUMP, 8) == []


async def test_a_jump_is_raised_once_grows_and_keeps_its_identity() -> None:
    days = Days()
    days.factors[ACCOUNT] = jump(JUMP, 0.8)
    await days.read_and_detect(JUMP - timedelta(days=1))
    (first,) = await days.read_and_detect(JUMP)
    assert (first.service, first.start, first.status) == ("EC2", JUMP, "open")
    assert Decimal(150) < first.excess < Decimal(300)
    assert first.usage is not None
    assert first.usage > first.excess
    (later,) = await days.through(JUMP + timedelta(days=1), 5)
    assert later.id == first.id
    assert later.raised_at == first.raised_at
    assert later.excess > 3 * first.excess
    assert later.last == JUMP + timedelta(days=5)


async def test_an_excess_below_the_minimum_raises_no_alert() -> None:
    days = Days()
    days.factors[ACCOUNT] = jump(JUMP, 0.8, until=JUMP)
    await days.read_and_detect(JUMP - timedelta(days=1))
    days.floor = 300.0
    assert await days.read_and_detect(JUMP) == []
    days.since, days.floor = JUMP - timedelta(days=1), 200.0
    assert len(await days.read_and_detect(JUMP)) == 1


async def test_an_event_that_is_over_ends_and_the_next_one_is_another() -> None:
    days = Days()
    again = JUMP + timedelta(days=9)
    days.factors[ACCOUNT] = lambda day: (
        2.0 if JUMP <= day <= JUMP + timedelta(days=1) or again <= day else 1.0
    )
    (over,) = await days.through(JUMP - timedelta(days=1), 9)
    assert (over.status, over.end) == ("ended", JUMP + timedelta(days=1))
    found = await days.through(again - timedelta(days=1), 3)
    assert [one.status for one in found] == ["ended", "open"]
    assert found[1].start == again


async def test_the_first_detection_raises_what_still_lasts_and_what_reports_compare() -> None:
    over = Days()
    over.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    (found,) = await over.read_and_detect(JUMP + timedelta(days=9))
    assert (found.start, found.end, found.status) == (JUMP, JUMP, "ended")
    month_before = Days()
    month_before.factors[ACCOUNT] = lambda day: 2.5 if day == date(2026, 10, 20) else 1.0
    assert await month_before.read_and_detect(JUMP + timedelta(days=9)) == []
    lasting = Days()
    lasting.factors[ACCOUNT] = jump(JUMP, 0.9)
    (found,) = await lasting.read_and_detect(JUMP + timedelta(days=9))
    assert found.start == JUMP


async def test_what_the_next_days_tell_was_not_found_at_the_installation() -> None:
    """Its first day lies before the installation, but was not complete then."""
    days = Days()
    days.installed_through = JUMP - timedelta(days=1)
    days.factors[ACCOUNT] = jump(JUMP, 0.9)
    (found,) = await days.through(JUMP - timedelta(days=1), 3)
    assert (found.start, found.found_at_install) == (JUMP, False)


async def test_an_event_of_days_on_which_the_agent_was_down_is_still_raised() -> None:
    days = Days()
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP + timedelta(days=9))
    assert (found.status, found.end) == ("ended", JUMP)


async def test_a_restated_day_that_stands_out_no_more_ends_its_anomaly() -> None:
    days = Days()
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    assert found.status == "open"
    days.factors[ACCOUNT] = lambda day: 1.0
    (found,) = await days.through(JUMP + timedelta(days=1), 4)
    assert found.status == "ended"
    assert found.excess < 50


async def test_nothing_is_open_with_less_than_nothing_above_what_was_expected() -> None:
    days = Days()
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    assert found.status == "open"
    days.factors[ACCOUNT] = lambda day: 0.5 if day == JUMP else 1.0
    (found,) = await days.read_and_detect(JUMP + timedelta(days=1))
    assert (found.status, found.end) == ("ended", JUMP)


async def test_an_anomaly_ends_when_a_replay_finds_no_event_any_more() -> None:
    days = Days()
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    assert found.status == "open"
    days.floor = 5000.0
    (found,) = await days.read_and_detect(JUMP + timedelta(days=1))
    assert (found.status, found.end) == ("ended", JUMP)


@pytest.mark.parametrize("later", [1, 4, 21])
async def test_a_day_that_is_restated_upwards_later_is_raised_then(later: int) -> None:
    days = Days()
    assert await days.through(JUMP - timedelta(days=1), 1 + later) == []
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    (found,) = await days.read_and_detect(JUMP + timedelta(days=later))
    assert found.start == JUMP
    assert found.excess > 200


async def test_what_was_restated_while_the_source_was_late_is_evaluated_after_the_month_too() -> (
    None
):
    days = Days()
    october = date(2026, 10, 31)
    await days.through(october - timedelta(days=2), 2)
    days.factors[ACCOUNT] = lambda day: 2.5 if day == october - timedelta(days=1) else 1.0
    assert await days.read_and_detect(october, now_of(october + timedelta(days=1))) == []
    (found,) = await days.read_and_detect(october + timedelta(days=1))
    assert (found.start, found.status) == (october - timedelta(days=1), "open")


@pytest.mark.parametrize("last", [0, 3])
async def test_what_was_restated_in_a_refresh_after_the_days_detection_is_raised_the_next_day(
    last: int,
) -> None:
    days = Days()
    await days.through(JUMP - timedelta(days=1), 2 + last)
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    newest = JUMP + timedelta(days=last)
    await days.read(newest, now_of(newest) + timedelta(hours=7))
    (found,) = await days.read_and_detect(newest + timedelta(days=1))
    assert (found.start, found.excess > 200) == (JUMP, True)
    (again,) = await days.read_and_detect(newest + timedelta(days=2))
    assert again.id == found.id


async def test_what_a_later_refresh_raises_in_the_days_of_a_known_anomaly_is_not_raised_again() -> (
    None
):
    days = Days()
    last, newest = JUMP + timedelta(days=6), JUMP + timedelta(days=5)
    await days.through(JUMP - timedelta(days=1), 7)
    known = Anomaly(
        id="known",
        kind="shift",
        source="datadog",
        account_id=ACCOUNT,
        service="EC2",
        start=JUMP,
        last=last,
        excess=Decimal(900),
        status="expected",
        raised_at=now_of(JUMP),
        updated_at=now_of(JUMP),
    )
    await days.store.anomalies.raise_once(known)
    days.factors[ACCOUNT] = lambda day: 2.5 if day in {JUMP, last} else 1.0
    await days.read(newest, now_of(newest) + timedelta(hours=7))
    (found,) = await days.read_and_detect(last)
    assert (found.id, found.start, found.last) == ("known", JUMP, last)


async def test_an_anomaly_reopened_long_after_it_was_over_ends_with_its_last_day() -> None:
    days = Days()
    again = JUMP + timedelta(days=9)
    days.factors[ACCOUNT] = lambda day: 2.5 if day in {JUMP, again} else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    expected = found.model_copy(
        update={"status": "expected", "answer": Resolution(by="Ana", by_id="a", at=now_of(JUMP))}
    )
    assert await days.store.anomalies.settle(expected, "open")
    first, second = await days.through(JUMP + timedelta(days=1), 14)
    assert (first.status, second.end) == ("expected", again)
    assert await days.store.anomalies.settle(
        first.model_copy(update={"status": "open", "answer": None}), "expected"
    )
    first, second = await days.read_and_detect(JUMP + timedelta(days=15))
    assert (first.status, first.end, second.end) == ("ended", JUMP, again)


async def test_an_anomaly_reopened_on_the_day_of_another_one_does_not_swallow_it() -> None:
    days = Days()
    again = JUMP + timedelta(days=12)
    days.factors[ACCOUNT] = lambda day: 2.5 if day in {JUMP, again} else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    expected = found.model_copy(
        update={"status": "expected", "answer": Resolution(by="Ana", by_id="a", at=now_of(JUMP))}
    )
    assert await days.store.anomalies.settle(expected, "open")
    (found,) = await days.through(JUMP + timedelta(days=1), 11)
    reopened = found.model_copy(update={"status": "open", "answer": None})
    assert await days.store.anomalies.settle(reopened, "expected")
    first, second = await days.read_and_detect(again)
    assert (first.status, first.end) == ("ended", JUMP)
    assert (second.start, second.kind) == (again, "spike")


@pytest.mark.parametrize(("percent", "status"), [(100, "expected"), (20, "open")])
async def test_what_was_announced_is_expected_and_more_is_not(percent: int, status: str) -> None:
    days = Days()
    await days.read_and_detect(JUMP - timedelta(days=1))
    await PlannedChanges(
        days.store.planned_changes, AuditTrail(days.store.audit_entries)
    ).announce(
        team(aws_account_id=ACCOUNT),
        Decimal(percent),
        DaySpan(JUMP, JUMP + timedelta(days=20)),
        "migration",
        ACTOR,
        now_of(JUMP),
    )
    days.factors[ACCOUNT] = jump(JUMP, 0.8)
    (found,) = await days.read_and_detect(JUMP)
    assert found.status == status


async def test_an_accepted_level_is_normal_and_a_rise_above_it_is_new() -> None:
    days = Days()
    more = JUMP + timedelta(days=16)
    days.factors[ACCOUNT] = lambda day: 3.0 if day >= more else 1.8 if day >= JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    accepted = found.model_copy(
        update={
            "status": "accepted",
            "answer": Resolution(by="Ana", by_id="a", at=now_of(JUMP + timedelta(days=2))),
        }
    )
    assert await days.store.anomalies.settle(accepted, "open")
    for day in days_from(JUMP + timedelta(days=1), 15):
        (found,) = await days.read_and_detect(day)
        assert found.status == "accepted"
    everything = await days.through(more, 2)
    assert [one.status for one in everything] == ["accepted", "open"]
    assert everything[1].start == more


@pytest.mark.parametrize(("hours", "complete"), [(36, 2.5), (48, 3), (60, 3.5)])
@pytest.mark.parametrize("after", [0.1, 0.9])
async def test_what_rises_on_the_day_after_the_accepted_one_is_new(
    hours: int, complete: float, after: float
) -> None:
    days = Days()
    days.hours = hours
    next_day = JUMP + timedelta(days=1)
    days.factors[ACCOUNT] = lambda day: 3.0 if day >= next_day else 1.8 if day >= JUMP else 1.0
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    newest_is_jump = datetime(2026, 11, 10, tzinfo=UTC) + timedelta(days=complete + after)
    answer = Resolution(by="Ana", by_id="a", at=newest_is_jump)
    accepted = found.model_copy(update={"status": "accepted", "answer": answer})
    assert await days.store.anomalies.settle(accepted, "open")
    everything = await days.read_and_detect(next_day)
    assert [(one.status, one.start) for one in everything] == [
        ("accepted", JUMP),
        ("open", next_day),
    ]


async def test_a_level_accepted_while_costs_are_late_is_normal_once_its_day_is_there() -> None:
    days = Days()
    days.factors[ACCOUNT] = jump(JUMP, 0.8)
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    next_day = JUMP + timedelta(days=1)
    accepted = found.model_copy(
        update={
            "status": "accepted",
            "answer": Resolution(by="Ana", by_id="a", at=now_of(next_day)),
        }
    )
    assert await days.store.anomalies.settle(accepted, "open")
    for day in days_from(next_day, 4):
        (found,) = await days.read_and_detect(day)
        assert (found.status, found.last) == ("accepted", next_day)


async def test_an_answer_stays_while_its_anomaly_continues() -> None:
    days = Days()
    days.factors[ACCOUNT] = jump(JUMP, 0.8)
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    said = Resolution(by="Ana", by_id="a", at=now_of(JUMP), excess=found.excess)
    expected = found.model_copy(update={"status": "expected", "answer": said})
    assert await days.store.anomalies.settle(expected, "open")
    (later,) = await days.read_and_detect(JUMP + timedelta(days=1))
    assert later.status == "expected"
    assert later.excess > found.excess


async def test_many_anomalies_of_other_accounts_hide_none_that_is_open() -> None:
    days = Days()
    days.factors[ACCOUNT] = lambda day: 2.5 if day == JUMP else 1.0
    others = [f"{i:012d}" for i in range(1, 41)]
    days.factors |= dict.fromkeys(others, lambda day: 1.0)
    await days.read_and_detect(JUMP - timedelta(days=1))
    (found,) = await days.read_and_detect(JUMP)
    for account in others:
        for i in range(55):
            later = {
                "id": f"{account}-{i}",
                "account_id": account,
                "status": "ended",
                "raised_at": found.raised_at + timedelta(hours=1),
            }
            await days.store.anomalies.raise_once(found.model_copy(update=later))
    await days.through(JUMP + timedelta(days=1), 4)
    (found,) = await days.store.anomalies.newest("datadog", [ACCOUNT])
    assert (found.status, found.end) == ("ended", JUMP)


# What channels are told


async def channel() -> tuple[World, Days]:
    world = World(now=now_of(JUMP))
    await world.store.conversations.seen(
        Conversation(
            id="19:c",
            kind="channel",
            service_url="https://smba.example.com/",
            tenant_id="t",
            bot_id="28:b",
            alerts_since=now_of(JUMP) - timedelta(days=9),
            updated_at=now_of(JUMP),
        )
    )
    return world, Days(world.store)


async def test_a_price_that_changes_everywhere_is_one_message() -> None:
    world, days = await channel()
    days.factors = {f"{i:012d}": jump(JUMP, 0.6) for i in range(1, 13)}
    await days.read_and_detect(JUMP - timedelta(days=1))
    found = await days.read_and_detect(JUMP)
    events = [one for one in found if one.kind != "threshold"]
    assert len(events) == 12
    assert len({event.group for event in events}) == 1
    await world.tick()
    await world.tick(hours=3)
    ((_, news),) = world.notifier.posts
    assert isinstance(news, DigestContent)
    assert news.together
    assert len(news.lines) == 12


async def test_a_threshold_has_no_card_beside_that_of_a_detected_event() -> None:
    world, days = await channel()
    days.factors[ACCOUNT] = jump(JUMP, 0.8)
    await days.read_and_detect(JUMP - timedelta(days=1))
    (event,) = [one for one in await days.read_and_detect(JUMP) if one.kind != "threshold"]
    for account in (ACCOUNT, "2" * 12):
        await world.store.anomalies.raise_once(
            Anomaly(
                id=f"threshold-{account}",
                kind="threshold",
                source="datadog",
                account_id=account,
                service="EC2",
                start=date(2026, 11, 1),
                excess=Decimal(900),
                raised_at=now_of(JUMP),
                updated_at=now_of(JUMP),
            )
        )
    await world.tick()
    told = [
        news.anomaly.id for _, news in world.notifier.posts if isinstance(news, AnomalyContent)
    ]
    assert sorted(told) == sorted([event.id, f"threshold-{'2' * 12}"])
