"""When an excess is a charge that was due, or a habit."""

from datetime import date

import pytest

from services.analysis.detection.recurring_patterns import (
    DUE,
    NEAR,
    NO,
    RecurringSpike,
    due,
    due_charge,
    is_recurring_pattern,
    place_of,
    remembered,
)
from services.analysis.detection.rules import Rules

RULES = Rules()


def on(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def bumps(*days: str, excess: float = 100.0) -> list[RecurringSpike]:
    return [RecurringSpike(on(day), excess) for day in days]


@pytest.mark.parametrize(
    ("earlier", "day", "expected"),
    [
        ("2026-10-01", "2026-11-01", DUE),
        ("2026-08-15", "2026-11-15", DUE),
        ("2026-07-15", "2026-11-15", NO),
        ("2026-02-28", "2026-03-31", DUE),
        ("2024-02-29", "2024-03-31", DUE),
        ("2026-01-30", "2026-02-27", DUE),
        ("2026-09-01", "2026-11-02", DUE),
        ("2026-10-30", "2026-11-30", DUE),
        ("2026-10-05", "2026-11-07", NEAR),
        ("2026-10-05", "2026-11-09", NO),
        ("2026-11-05", "2026-11-25", NO),
        ("2025-12-01", "2026-01-01", DUE),
    ],
)
def test_spikes_that_are_due_again(earlier: str, day: str, expected: int) -> None:
    assert due(on(earlier), on(day)) == expected


def test_a_day_knows_its_place_in_the_month_from_both_ends() -> None:
    place = place_of(on("2026-11-30"))
    assert (place.day, place.from_end, place.business, place.business_from_end) == (30, 0, 21, 1)
    sunday = place_of(on("2026-11-01"))
    assert (sunday.business, sunday.business_from_end) == (0, 0)


def test_a_charge_that_was_due_explains_itself_and_a_little_more() -> None:
    known = bumps("2026-10-01")
    assert due_charge(known, on("2026-11-01"), 90.0) == 90.0
    assert due_charge(known, on("2026-11-01"), 150.0) == pytest.approx(140.0)
    assert due_charge(known, on("2026-11-01"), 300.0) == 0.0
    assert due_charge(known, on("2026-11-10"), 90.0) == 0.0


def test_a_charge_that_wanders_by_days_is_known_after_two_months() -> None:
    assert due_charge(bumps("2026-10-05"), on("2026-11-07"), 100.0) == 0.0
    assert due_charge(bumps("2026-09-06", "2026-10-05"), on("2026-11-07"), 100.0) == 100.0


def test_similar_excesses_make_a_habit_unless_they_are_of_the_same_days() -> None:
    now = on("2026-11-20")
    assert is_recurring_pattern(bumps("2026-10-23", "2026-11-06"), now, 100.0, RULES)
    assert not is_recurring_pattern(bumps("2026-11-06"), now, 100.0, RULES)
    assert not is_recurring_pattern(
        bumps("2026-11-05", "2026-11-06", "2026-11-07"), now, 100.0, RULES
    )
    assert not is_recurring_pattern(bumps("2026-11-14", "2026-11-18"), now, 100.0, RULES)
    assert not is_recurring_pattern(
        bumps("2026-10-23", "2026-11-06", excess=50.0), now, 100.0, RULES
    )


def test_bumps_are_forgotten_after_a_hundred_days() -> None:
    known = bumps("2026-08-01", "2026-10-01")
    assert remembered(known, on("2026-11-20")) == bumps("2026-10-01")
