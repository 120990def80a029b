"""What comes again: monthly charges, closing jobs, and excesses that are simply usual here.

A bump is an excess of one day that stood out. A later one is explained by it when the calendar
says that it was due, or when such bumps happen all the time.
"""

import calendar
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from services.analysis.detection.rules import Rules

REMEMBERED_DAYS = 100
"""Three months and a little."""
MONTHS_BACK = 3
SOONEST = 18
"""Bumps closer than this many days are no monthly charge."""
APART = 4
"""Bumps closer than this are one happening."""
HABIT_APART = 10
"""A habit is older than this: the first days of a rise do not make the next ones usual."""
NEAR_DAYS = 3
"""A monthly charge that wanders does so by up to this many days."""
ENDS_DAYS = 3
ENDS_BUSINESS_DAYS = 2
ENOUGH_BEFORE = 0.45
"""A charge may be so much larger than last time that last time was this share of it."""
ROOM = 1.4
"""An explained charge may be larger than before by this factor."""
NO, NEAR, DUE = 0, 1, 2
WEEK, SATURDAY = 7, 5


class Bump(NamedTuple):
    """An excess of one day: its ordinal, and the money above what was expected."""

    day: int
    excess: float


class Place(NamedTuple):
    """Where a day lies in its month, from both ends; business days are 0 on a weekend."""

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
    """Whether a bump of an earlier day is DUE again on a day, comes NEAR to it, or not (NO)."""
    then, now = place_of(earlier), place_of(day)
    if not 1 <= now.month - then.month <= MONTHS_BACK:
        return NO
    if then.day == now.day or then.from_end == now.from_end <= ENDS_DAYS:
        return DUE
    if 0 < then.business == now.business <= ENDS_BUSINESS_DAYS:
        return DUE
    if 0 < then.business_from_end == now.business_from_end <= ENDS_BUSINESS_DAYS:
        return DUE
    apart = min(abs(then.day - now.day), abs(then.from_end - now.from_end))
    return NEAR if apart <= NEAR_DAYS else NO


def due_charge(bumps: Sequence[Bump], day: int, excess: float, *, lasts: bool = False) -> float:
    """How much of a day's excess is a charge that was due.

    Within an excess that ``lasts`` it is no more than the charge was before, on its very day.
    """
    like_it = [
        bump
        for bump in bumps
        if SOONEST <= day - bump.day <= REMEMBERED_DAYS and bump.excess >= ENOUGH_BEFORE * excess
    ]
    came = lasts or any(
        0 < day - bump.day <= 2 * NEAR_DAYS and bump.excess >= ENOUGH_BEFORE * excess
        for bump in bumps
    )
    return min(excess, (1.0 if lasts else ROOM) * _due_excess(like_it, day, came=came))


def is_habit(bumps: Sequence[Bump], day: int, excess: float, rules: Rules) -> bool:
    """Whether such an excess has come again and again, on days that the calendar does not explain.

    A monthly charge explains its own days and no others.
    """
    similar, last = 0, 0
    for bump in bumps:
        apart = day - bump.day >= HABIT_APART and bump.day - last >= APART
        if not apart or bump.excess < rules.similar * excess or _is_monthly(bump, bumps):
            continue
        similar, last = similar + 1, bump.day
    return similar >= rules.similar_times


def _is_monthly(bump: Bump, bumps: Iterable[Bump]) -> bool:
    """Whether a bump came when the calendar says so, or is why a later one was due."""
    return any(
        due(min(other.day, bump.day), max(other.day, bump.day)) == DUE
        for other in bumps
        if similar_money(other.excess, bump.excess)
    )


def similar_money(a: float, b: float) -> bool:
    """Whether two charges may be one that comes again."""
    return min(a, b) >= ENOUGH_BEFORE * max(a, b)


def _due_excess(bumps: Sequence[Bump], day: int, *, came: bool) -> float:
    """The excess of bumps that are due today: once in three months, or twice about now.

    One that ``came`` some days ago does not come about now once more.
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


def remembered(bumps: Iterable[Bump], day: int) -> list[Bump]:
    """The bumps that may still explain something."""
    return [bump for bump in bumps if day - bump.day <= REMEMBERED_DAYS]
