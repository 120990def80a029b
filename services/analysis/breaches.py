"""The threshold rule on each day of the past, with every amount as it was known then."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.replay import Correction, History
from services.analysis.windows import comparison_window
from services.domain import DaySpan, Window, moved


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A threshold: ``percent`` of usage growth, and at least ``min_increase`` in money."""

    percent: float
    min_increase: float


def crosses(now: float, before: float, rule: ThresholdRule) -> bool:
    """Whether usage has grown by more than the percentage, and by at least the minimum increase."""
    excess = now - before
    if excess <= 0 or round(excess, 6) < rule.min_increase:
        return False
    return before == 0 or excess / abs(before) * 100 > rule.percent


def needed_for(as_of: DaySpan) -> DaySpan:
    """The days that comparisons as of these days need."""
    first = comparison_window(as_of.first).previous.first
    return DaySpan(min(first, as_of.first - timedelta(days=62)), as_of.last)


@dataclass(frozen=True, slots=True)
class MonthBreach:
    """An account was above its threshold in the comparison of a calendar month."""

    account_id: str
    start: date
    """First day of the month that was compared."""
    end: date | None
    """The last day as of which it was above; None while it is."""
    raised_on: date
    """The first day as of which it was above."""
    service: str
    """The service that had grown most when it last was above."""
    excess: Decimal
    """Usage above that of the month before, when it last was above."""


def comparable_days(history: History, as_of: DaySpan) -> DaySpan | None:
    """The days as of which an account's history goes back far enough to compare; None: no day."""
    begin = _Amounts(history).first_day()
    for day in as_of:
        if comparison_window(day).previous.first >= begin:
            return DaySpan(day, as_of.last)
    return None


def breaches(
    history: History,
    as_of: DaySpan,
    rule: ThresholdRule,
    known_after: timedelta = timedelta(days=3),
) -> list[MonthBreach]:
    """The months of an account that would have been marked as of the days of ``as_of``.

    A day is evaluated ``known_after`` days after its date, with the corrections known by then.
    Windows that begin before the account's first day are not compared: the account may have
    started then, or its history may have been cut off.
    """
    amounts = _Amounts(history)
    # Newest first, so that the next one is popped from the end.
    pending = sorted(history.corrections, key=lambda correction: correction.known, reverse=True)
    begin = amounts.first_day()
    by_month: dict[date, MonthBreach] = {}
    open_month: date | None = None
    for day in as_of:
        while pending and pending[-1].known <= day + known_after:
            amounts.correct(pending.pop())
        window = comparison_window(day)
        if window.previous.first < begin or day not in history.span:
            continue
        month = window.current.first
        now, before = amounts.total(window.current), amounts.total(window.previous)
        if crosses(now, before, rule):
            earlier = by_month.get(month)
            by_month[month] = MonthBreach(
                account_id=history.account_id,
                start=month,
                end=day,
                raised_on=earlier.raised_on if earlier else day,
                service=amounts.driver(window),
                excess=moved(Decimal(repr(now)), Decimal(repr(before))),
            )
            open_month = month
        elif open_month == month:
            open_month = None
    return [
        replace(breach, end=None) if month == open_month and breach.end == as_of.last else breach
        for month, breach in by_month.items()
    ]


class _Amounts:
    """Usage by service as it is known; NaN counts as zero."""

    def __init__(self, history: History) -> None:
        self._span = history.span
        self._services = {name: _known(row) for name, row in history.usage.items()}
        self._totals = [math.fsum(day) for day in zip(*self._services.values(), strict=True)]

    def first_day(self) -> date:
        """The first day with usage; the day after the last when there is none."""
        days = zip(self._span, self._totals, strict=False)
        return next((day for day, x in days if x), self._span.last + timedelta(days=1))

    def correct(self, correction: Correction) -> None:
        """Replace the amount of a day."""
        if correction.day not in self._span:
            return
        i = self._span.index(correction.day)
        row = self._services[correction.service]
        row[i] = 0.0 if math.isnan(correction.amount) else correction.amount
        self._totals[i] = math.fsum(service[i] for service in self._services.values())

    def total(self, part: DaySpan) -> float:
        return self._sum(self._totals, part)

    def driver(self, window: Window) -> str:
        """The service that has grown most."""
        grown = {
            name: self._sum(row, window.current) - self._sum(row, window.previous)
            for name, row in self._services.items()
        }
        return max(grown, key=lambda name: (grown[name], name))

    def _sum(self, row: Sequence[float], part: DaySpan) -> float:
        begin = (part.first - self._span.first).days
        return math.fsum(row[begin : begin + len(part)])


def _known(row: Sequence[float]) -> list[float]:
    return [0.0 if math.isnan(x) else x for x in row]
