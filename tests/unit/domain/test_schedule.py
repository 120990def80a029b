"""When a run is due: pure functions, tried over years, zones and clock changes."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain import StoredConfig
from services.domain.errors import InvalidError
from services.domain.schedule import (
    CATCH_UP,
    WEEKDAYS,
    due_periods,
    due_slot,
    missed_slot,
    next_slots,
    parse_period,
    period_of,
    period_title,
    period_words,
    reference_time,
    rescheduled,
    slot_of_period,
)

ZONES = sorted(available_timezones())
CONFIGS = st.builds(
    StoredConfig,
    schedule_day=st.sampled_from(WEEKDAYS),
    schedule_hour=st.integers(0, 23),
    schedule_timezone=st.sampled_from(ZONES),
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text", ["2026-W54", "2026-W00", "2027-W53", "2026-w48", "2026W48", "", "٢٠٢٦-W48"]
)
def test_invalid_periods(text: str) -> None:
    with pytest.raises(InvalidError, match="2026-W47"):
        parse_period(text)


@pytest.mark.parametrize(
    ("instant", "zone", "period"),
    [
        ("2026-12-31T12:00+00:00", "UTC", "2026-W53"),
        ("2027-01-01T12:00+00:00", "UTC", "2026-W53"),
        ("2027-01-04T00:00+00:00", "UTC", "2027-W01"),
        ("2026-11-22T23:30+00:00", "Europe/Berlin", "2026-W48"),
        ("2026-11-23T04:00+00:00", "America/New_York", "2026-W47"),
    ],
)
def test_periods_at_their_edges(instant: str, zone: str, period: str) -> None:
    assert period_of(at(instant), zone) == period


def test_an_hour_that_is_skipped_is_run_after_the_gap_and_a_double_one_once() -> None:
    berlin = StoredConfig(
        schedule_day="sunday", schedule_hour=2, schedule_timezone="Europe/Berlin"
    )
    assert slot_of_period(berlin, "2026-W13") == at("2026-03-29T01:00+00:00")
    assert slot_of_period(berlin, "2026-W43") == at("2026-10-25T00:00+00:00")
    lord_howe = StoredConfig(
        schedule_day="sunday", schedule_hour=2, schedule_timezone="Australia/Lord_Howe"
    )
    local = slot_of_period(lord_howe, "2026-W40").astimezone(ZoneInfo("Australia/Lord_Howe"))
    assert (local.hour, local.minute) == (2, 30)


@given(CONFIGS, INSTANTS)
@settings(max_examples=300)
def test_a_due_slot_is_past_recent_and_of_the_schedule(
    config: StoredConfig, now: datetime
) -> None:
    slot = due_slot(config, now)
    if slot is None:
        return
    assert now - CATCH_UP <= slot <= now
    assert slot == slot_of_period(config, period_of(slot, config.schedule_timezone))


@given(CONFIGS, INSTANTS)
@settings(max_examples=150)
def test_ticking_through_weeks_finds_each_slot_once(config: StoredConfig, now: datetime) -> None:
    found: list[datetime] = []
    for hours in range(0, 24 * 22, 5):
        slot = due_slot(config, now + timedelta(hours=hours))
        if slot is not None and slot not in found:
            found.append(slot)
    assert found == sorted(found)
    assert len(found) in {3, 4}
    for one, other in pairwise(found):
        assert timedelta(days=6, hours=22) <= other - one <= timedelta(days=7, hours=2)


@given(CONFIGS, INSTANTS)
@settings(max_examples=150)
def test_the_next_slots_follow_each_other(config: StoredConfig, now: datetime) -> None:
    slots = next_slots(config, now)
    assert len(slots) == 3
    assert all(slot > now for slot in slots)
    assert slots == sorted(slots)
    assert slots[0] - now <= timedelta(days=7, hours=2)
    assert due_slot(config, slots[0]) == slots[0]


@pytest.mark.parametrize("part", range(4))
def test_in_every_zone_each_week_has_one_slot_of_its_own_period(part: int) -> None:
    chance = random.Random(part)
    for zone in ZONES[part::4]:
        day, hour = chance.choice(WEEKDAYS), chance.randrange(24)
        config = StoredConfig(schedule_day=day, schedule_hour=hour, schedule_timezone=zone)
        slots = [
            slot_of_period(config, f"{year}-W{week:02d}")
            for year in (2026, 2027)
            for week in range(1, 53)
        ]
        for slot, period in zip(slots, PERIODS, strict=True):
            assert period_of(slot, zone) == period, (zone, config)
            assert due_slot(config, slot) == slot
            assert due_slot(config, slot - timedelta(seconds=1)) is None
        assert len(set(slots)) == len(slots)


PERIODS = [f"{year}-W{week:02d}" for year in (2026, 2027) for week in range(1, 53)]


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29T01:00+00:00"),
        ("Europe/Berlin", "2026-10-25T01:00+00:00"),
        ("America/New_York", "2026-03-08T07:00+00:00"),
        ("America/New_York", "2026-11-01T06:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30+00:00"),
        ("America/Nuuk", "2026-03-29T01:00+00:00"),
        ("Africa/Cairo", "2026-04-23T22:00+00:00"),
    ],
)
def test_every_minute_over_a_change_of_the_clocks_finds_each_slot_once(
    zone: str, change: str
) -> None:
    first, minutes = at(change) - timedelta(hours=4), range(8 * 60)
    local = at(change).astimezone(ZoneInfo(zone))
    for nominal in (local + timedelta(hours=hours) for hours in range(-2, 3)):
        config = StoredConfig(
            schedule_day=WEEKDAYS[nominal.weekday()],
            schedule_hour=nominal.hour,
            schedule_timezone=zone,
        )
        due = [due_slot(config, first + timedelta(minutes=minute)) for minute in minutes]
        periods = {period_of(slot, zone) for slot in due if slot is not None}
        assert len(set(due) - {None}) == len(periods) == 1, (config, periods)
        assert due == sorted(due, key=lambda slot: slot is not None), config


Change = tuple[float, bool, StoredConfig]
"""(hours after the one before, right after a slot instead, the schedule from then on)"""
CHANGES = st.lists(st.tuples(st.floats(0, 500), st.booleans(), CONFIGS), min_size=1, max_size=6)


@given(CONFIGS, INSTANTS, CHANGES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_schedule_changes_neither_skip_a_slot_of_their_time_nor_repeat_a_period(
    config: StoredConfig, start: datetime, changes: list[Change], chance: random.Random
) -> None:
    """Ticks come up to half a minute after a slot; a change may come in between."""
    now, config = start, config.model_copy(update={"schedule_since": start})
    begun: list[str] = []
    promised: set[str] = set()

    def run_until(end: datetime) -> None:
        nonlocal now
        just_before = now - timedelta(microseconds=1)
        slots = [slot for slot in next_slots(config, just_before, 5) if slot < end]
        promised.update(period_of(slot, config.schedule_timezone) for slot in slots)
        for seen in sorted(at + timedelta(seconds=chance.uniform(0, 30)) for at in [now, *slots]):
            if seen < end:
                now = seen
                begin()
        now = end

    def begin() -> None:
        begun.extend(period for period in due_periods(config, now) if period not in begun)

    for hours, just_after, changed in changes:
        (slot,) = next_slots(config, now, 1)
        wait = timedelta(hours=hours, seconds=1)
        run_until(slot + timedelta(seconds=chance.uniform(1, 29)) if just_after else now + wait)
        config = rescheduled(changed, config, now)
    run_until(now + timedelta(days=8))
    begin()
    assert set(begun) == promised


def test_what_was_due_in_the_moment_before_a_change_is_still_begun_once() -> None:
    before = StoredConfig(schedule_since=at("2026-11-01T00:00+00:00"))
    for seconds, owed in ((20, ["2026-W48"]), (121, [])):
        now = at("2026-11-23T09:00+00:00") + timedelta(seconds=seconds)
        changed = rescheduled(before.model_copy(update={"schedule_hour": 8}), before, now)
        assert due_periods(changed, now) == owed
        assert due_periods(changed, now + timedelta(days=3)) == []


def test_a_slot_that_nobody_was_there_for_is_known_for_four_weeks() -> None:
    config = StoredConfig(schedule_since=at("2026-11-01T00:00+00:00"))
    assert missed_slot(config, at("2026-11-05T08:59+00:00")) is None
    assert missed_slot(config, at("2026-11-05T09:00+00:00")) == at("2026-11-02T09:00+00:00")
    assert missed_slot(config, at("2026-11-26T08:59+00:00")) == at("2026-11-16T09:00+00:00")
    late = config.model_copy(update={"schedule_since": at("2026-11-17T00:00+00:00")})
    assert missed_slot(late, at("2026-11-26T08:59+00:00")) is None


def test_nothing_is_due_before_the_first_start_or_a_schedule_change() -> None:
    config = StoredConfig(schedule_since=at("2026-11-23T09:00:01+00:00"))
    assert due_slot(config, at("2026-11-23T10:00+00:00")) is None
    before = config.model_copy(update={"schedule_since": at("2026-11-23T09:00+00:00")})
    assert due_slot(before, at("2026-11-23T10:00+00:00")) == at("2026-11-23T09:00+00:00")


def test_a_slot_is_caught_up_with_for_three_days() -> None:
    config = StoredConfig()
    assert due_slot(config, at("2026-11-26T09:00+00:00")) == at("2026-11-23T09:00+00:00")
    assert due_slot(config, at("2026-11-26T09:00:01+00:00")) is None


def test_a_past_period_is_reported_as_of_its_end() -> None:
    now = at("2026-11-24T09:00+00:00")
    assert reference_time("2026-W48", "UTC", now) == now
    assert reference_time("2026-W46", "UTC", now) == at("2026-11-16T00:00+00:00")


@pytest.mark.parametrize(
    ("period", "title", "words"),
    [
        ("2026-W48", "Week of 23 Nov", "the week of 23 Nov"),
        ("2026-W49", "Week of 30 Nov", "the week of 30 Nov"),
        ("2026-W53", "Week of 28 Dec", "the week of 28 Dec"),
        ("2026-10", "October 2026", "October 2026"),
        ("2026-11-24", "24 Nov", "24 Nov"),
        ("once-run:x", "once-run:x", "once-run:x"),
    ],
)
def test_people_read_a_period_by_its_first_day(period: str, title: str, words: str) -> None:
    assert (period_title(period), period_words(period)) == (title, words)
