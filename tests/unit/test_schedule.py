"""When a run is due: pure functions, tried over years, zones and clock changes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidError
from services.model import StoredConfig
from services.schedule import (
    CATCH_UP,
    WEEKDAYS,
    due_slot,
    next_slots,
    parse_period,
    period_of,
    reference_time,
    slot_of_period,
)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
    "America/Sao_Paulo",
)
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
def test_what_is_no_period(text: str) -> None:
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
