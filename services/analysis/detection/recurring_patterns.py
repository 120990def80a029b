"""Recurring patterns: monthly charges, month-end jobs, and excesses that are usual here.

A bump (``RecurringSpike``) is an excess of one day that stood out. It explains a later one when the calendar says that
one was due, or when such bumps happen all the time. Without this memory of the month no daily rule
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
"""Bumps that are closer are not a monthly charge."""
MIN_GAP_DAYS = 4
"""Bumps that are closer are one occurrence."""
MIN_PATTERN_AGE_DAYS = 10
"""A pattern is older than this: the first days of a rise do not make the next ones usual."""
MAX_WANDER_DAYS = 3
"""By how many days a monthly charge may wander."""
MONTH_END_DAYS = 3
MONTH_EDGE_BUSINESS_DAYS = 2
"""How close to the end (or start) of a month days are matched by their distance from it."""
MIN_SIMILARITY = 0.45
"""Last time a charge was at least this share of the present one."""
CHARGE_TOLERANCE = 1.4
"""By which factor an explained charge may be larger than last time."""
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
    """Whether a bump of an earlier day is DUE again on a day, NEAR it, or neither (NO)."""
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
    return NEAR if apart <= MAX_WANDER_DAYS else NO


def due_charge(
    bumps: Sequence[RecurringSpike], day: int, excess: float, *, lasts: bool = False
) -> float:
    """How much of a day's excess is a charge that was due.

    Within an excess that ``lasts``, no more than the charge was last time, and only on its day.
    """
    like_it = [
        bump
        for bump in bumps
        if MIN_MONTHLY_GAP_DAYS <= day - bump.day <= REMEMBERED_DAYS
        and bump.excess >= MIN_SIMILARITY * excess
    ]
    came = lasts or any(
        0 < day - bump.day <= 2 * MAX_WANDER_DAYS and bump.excess >= MIN_SIMILARITY * excess
        for bump in bumps
    )
    return min(excess, (1.0 if lasts else CHARGE_TOLERANCE) * _due_excess(like_it, day, came=came))


def is_recurring_pattern(
    bumps: Sequence[RecurringSpike], day: int, excess: float, rules: Rules
) -> bool:
    """Whether such an excess has recurred on days that the calendar does not explain.

    A monthly charge explains its own days and no others.
    """
    similar, last = 0, 0
    for bump in bumps:
        apart = day - bump.day >= MIN_PATTERN_AGE_DAYS and bump.day - last >= MIN_GAP_DAYS
        if not apart or bump.excess < rules.similar * excess or _is_monthly(bump, bumps):
            continue
        similar, last = similar + 1, bump.day
    return similar >= rules.similar_times


def _is_monthly(bump: RecurringSpike, bumps: Iterable[RecurringSpike]) -> bool:
    """Whether a bump was due by the calendar, or is why a later one was due."""
    return any(
        due(min(other.day, bump.day), max(other.day, bump.day)) == DUE
        for other in bumps
        if similar_money(other.excess, bump.excess)
    )


def similar_money(a: float, b: float) -> bool:
    """Whether two amounts may be the same recurring charge."""
    return min(a, b) >= MIN_SIMILARITY * max(a, b)


def _due_excess(bumps: Sequence[RecurringSpike], day: int, *, came: bool) -> float:
    """The excess of bumps that are due today: on this very day once in three months, or near it twice.

    A charge that ``came`` some days ago is not due again near this day.
    """
    due_excess = 0.0
    months: dict[int, float] = {}
    for bump in bumps:
        when = due(bump.day, day)
        if when == DUE:
            due_excess = max(due_excess, bump.excess)
        if when != NO:
            months[place_of(bump.day).month] = bump.excess
    twice = len(months) > 1
    return max(due_excess, *months.values()) if twice and not came else due_excess


def remembered(bumps: Iterable[RecurringSpike], day: int) -> list[RecurringSpike]:
    """The bumps that are recent enough to explain something."""
    return [bump for bump in bumps if day - bump.day <= REMEMBERED_DAYS]
