"""Recurring patterns: monthly charges, month-end jobs, and spikes that are usual for an account.

A spike is an excess of one day that stood out. It explains a later one when the calendar says that
one was due, or when such spikes happen all the time. Without this memory of the month no daily rule
reaches half of the F1 score at the same number of false alerts (``docs/detection.md``).
"""

import calendar
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from services.analysis.detection.rules import Rules

REMEMBERED_DAYS = 100
"""A little more than three months."""
MONTHS_BACK = 3
MIN_MONTHLY_GAP_DAYS = 18
"""Spikes that are closer are not a monthly charge."""
MIN_GAP_DAYS = 4
"""Spikes that are closer are one occurrence."""
MIN_PATTERN_AGE_DAYS = 10
"""A pattern must be older than this, or the first days of a rise would make the next ones usual."""
MAX_SHIFT_DAYS = 3
"""By how many days the date of a monthly charge may shift."""
MONTH_END_DAYS = 3
MONTH_EDGE_BUSINESS_DAYS = 2
"""How close to the end (or start) of a month days are matched by their distance from it."""
MIN_SIMILARITY = 0.45
"""A charge is the same one if it was at least this share of the present amount."""
CHARGE_TOLERANCE = 1.4
"""An explained charge may be larger than last time by this factor."""
NO, NEAR, DUE = 0, 1, 2
WEEK, SATURDAY = 7, 5


class RecurringSpike(NamedTuple):
    """An excess of one day: its ordinal, and the money above expected."""

    day: int
    excess: float


class Place(NamedTuple):
    """Where a day lies in its month, from both ends; ``business`` is 0 on a weekend."""

    month: int
    day: int
    from_end: int
    business: int
    business_from_end: int


@lru_cache(maxsize=2048)
def place_of(ordinal: int) -> Place:
    """The place of a day in its month."""
    day = date.fromordinal(ordinal)
    length = calendar.monthrange(day.year, day.month)[1]
    first = day.replace(day=1).weekday()
    business = [n for n in range(1, length + 1) if (first + n - 1) % WEEK < SATURDAY]
    before = sum(1 for n in business if n <= day.day)
    after = sum(1 for n in business if n >= day.day)
    works = day.weekday() < SATURDAY
    return Place(
        day.year * 12 + day.month,
        day.day,
        length - day.day,
        before if works else 0,
        after if works else 0,
    )


@lru_cache(maxsize=8192)
def due(earlier: int, day: int) -> int:
    """Whether a spike of an earlier day is DUE again on a day, NEAR it, or neither (NO)."""
    then, now = place_of(earlier), place_of(day)
    if not 1 <= now.month - then.month <= MONTHS_BACK:
        return NO
    if then.day == now.day or then.from_end == now.from_end <= MONTH_END_DAYS:
        return DUE
    if 0 < then.business == now.business <= MONTH_EDGE_BUSINESS_DAYS:
        return DUE
    if 0 < then.business_from_end == now.business_from_end <= MONTH_EDGE_BUSINESS_DAYS:
        return DUE
    apart = min(abs(then.day - now.day), abs(then.from_end - now.from_end))
    return NEAR if apart <= MAX_SHIFT_DAYS else NO


def due_charge(
    spikes: Sequence[RecurringSpike], day: int, excess: float, *, lasts: bool = False
) -> float:
    """How much of a day's excess is a charge that was due.

    Within an excess that ``lasts``, no more than the charge was last time, and only on its day.
    """
    similar = [
        spike
        for spike in spikes
        if MIN_MONTHLY_GAP_DAYS <= day - spike.day <= REMEMBERED_DAYS
        and spike.excess >= MIN_SIMILARITY * excess
    ]
    has_come = lasts or any(
        0 < day - spike.day <= 2 * MAX_SHIFT_DAYS and spike.excess >= MIN_SIMILARITY * excess
        for spike in spikes
    )
    return min(
        excess, (1.0 if lasts else CHARGE_TOLERANCE) * _due_excess(similar, day, has_come=has_come)
    )


def is_recurring_pattern(
    spikes: Sequence[RecurringSpike], day: int, excess: float, rules: Rules
) -> bool:
    """Whether such an excess has recurred on days that the calendar does not explain.

    A monthly charge explains its own days and no others.
    """
    similar, last = 0, 0
    for spike in spikes:
        apart = day - spike.day >= MIN_PATTERN_AGE_DAYS and spike.day - last >= MIN_GAP_DAYS
        if not apart or spike.excess < rules.similar * excess or _is_monthly(spike, spikes):
            continue
        similar, last = similar + 1, spike.day
    return similar >= rules.similar_times


def _is_monthly(spike: RecurringSpike, spikes: Iterable[RecurringSpike]) -> bool:
    """Whether a spike was due by the calendar, or is why a later one was due."""
    return any(
        due(min(other.day, spike.day), max(other.day, spike.day)) == DUE
        for other in spikes
        if similar_money(other.excess, spike.excess)
    )


def similar_money(a: float, b: float) -> bool:
    """Whether two amounts may be the same recurring charge."""
    return min(a, b) >= MIN_SIMILARITY * max(a, b)


def _due_excess(spikes: Sequence[RecurringSpike], day: int, *, has_come: bool) -> float:
    """The excess of spikes that are due today: on this very day once in three months, or near it twice.

    A charge that has come a few days ago is not due again near this day.
    """
    due_excess = 0.0
    months: dict[int, float] = {}
    for spike in spikes:
        when = due(spike.day, day)
        if when == DUE:
            due_excess = max(due_excess, spike.excess)
        if when != NO:
            months[place_of(spike.day).month] = spike.excess
    is_second_time = len(months) > 1
    return max(due_excess, *months.values()) if is_second_time and not has_come else due_excess


def remembered(spikes: Iterable[RecurringSpike], day: int) -> list[RecurringSpike]:
    """The spikes that are recent enough to explain something."""
    return [spike for spike in spikes if day - spike.day <= REMEMBERED_DAYS]
