"""What another threshold would have marked: the threshold rule as of each day of the past."""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.windows import comparison_window
from services.model import Category, CostSeries, DaySpan, Month


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold: ``percent`` of usage growth, and ``least`` in money."""

    percent: float
    least: float


@dataclass(frozen=True, slots=True)
class Marked:
    """An account's usage was above a threshold in a calendar month."""

    month: Month
    day: date
    """The first day as of which it was."""
    excess: Decimal
    """The largest usage increase that was above it."""
    service: str
    """The service that had grown most on that day of the largest increase."""


def marked_months(
    span: DaySpan, series: Sequence[CostSeries], as_of: DaySpan, rule: Rule
) -> list[Marked]:
    """The months in which an account would have been marked, as of any day of ``as_of``.

    ``series`` are the account's amounts over ``span``, which holds every window. The rule is the
    one of ``figures``: usage grew by more than the percentage and at least by the amount.
    """
    usage = [one for one in series if one.category in {None, Category.USAGE}]
    sums = _prefix_sums([one.amounts for one in usage], len(span))
    found: dict[Month, tuple[date, float, DaySpan, DaySpan]] = {}
    for day, current, previous in _windows(as_of):
        now, before = _over(sums, span, current), _over(sums, span, previous)
        if not crosses(now, before, rule):
            continue
        month, excess = Month.of(current.first), now - before
        known = found.get(month)
        if known is None or excess > known[1]:
            found[month] = (known[0] if known else day, excess, current, previous)
    return [
        Marked(month, first, Decimal(repr(round(excess, 6))), _driver(span, usage, now, before))
        for month, (first, excess, now, before) in found.items()
    ]


def _windows(as_of: DaySpan) -> Iterator[tuple[date, DaySpan, DaySpan]]:
    for day in as_of:
        window = comparison_window(day)
        yield day, window.current, window.previous


def crosses(now: float, before: float, rule: Rule) -> bool:
    """Whether usage is above a threshold: by more than the percentage, at least by the money."""
    excess = now - before
    if excess <= 0 or round(excess, 6) < rule.least:
        return False
    return before == 0 or excess / abs(before) * 100 > rule.percent


def _prefix_sums(amounts: Sequence["array[float]"], days: int) -> "array[float]":
    """Sums of the first n days of all series, for n from 0; days without data count as nothing."""
    sums = array("d", [0.0]) * (days + 1)
    for i in range(days):
        known = (one[i] for one in amounts)
        sums[i + 1] = sums[i] + math.fsum(x for x in known if x == x)  # noqa: PLR0124 - NaN
    return sums


def _over(sums: "array[float]", span: DaySpan, part: DaySpan) -> float:
    begin = (part.first - span.first).days
    return sums[begin + len(part)] - sums[begin]


def _driver(span: DaySpan, usage: Sequence[CostSeries], now: DaySpan, before: DaySpan) -> str:
    grown: dict[str, float] = defaultdict(float)
    for one in usage:
        sums = _prefix_sums([one.amounts], len(span))
        grown[one.service] += _over(sums, span, now) - _over(sums, span, before)
    return max(grown, key=lambda name: (grown[name], name))


def needed_for(as_of: DaySpan) -> DaySpan:
    """The days that the windows as of these days need."""
    first = comparison_window(as_of.first).previous.first
    return DaySpan(min(first, as_of.first - timedelta(days=62)), as_of.last)
