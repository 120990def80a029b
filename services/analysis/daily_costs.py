"""An account's costs by day, as forecasts look back at them.

Days and months are indexes, counted from the account's first day with costs, so that a forecast as
of an earlier day reads a part of the same lists.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.domain import Category, CostSeries, DaySpan

WEEK = 7
RECENT_DAYS = 28
MIN_DAILY_SHARE = 0.9
"""Of an account with costs on so many of its days an empty day is a gap; of others it is zero."""
SHARED = {Category.USAGE, None}
"""Usage, and totals over all categories."""


class MonthDays(NamedTuple):
    """A calendar month: the index of its first day, negative before the first cost; its length."""

    first: int
    length: int

    @property
    def last(self) -> int:
        return self.first + self.length - 1


class Rest(NamedTuple):
    """The days of a month that come after a day."""

    month: int
    after: int
    days: int

    @property
    def to_come(self) -> range:
        return range(self.after + 1, self.after + 1 + self.days)


@dataclass(frozen=True, slots=True)
class DailyCosts:
    """Daily amounts up to a day; the last month is that of this day."""

    months: list[MonthDays]
    usage: list[float]
    """Gaps of an account with costs on nearly all days are assumed to be like the week before."""
    charges: list[list[float]]
    """Fees, taxes, and credits, by series."""
    others: list[float]
    """All that is not usage, refunds as well."""
    rest: Rest
    """The days to forecast."""

    def same_day_before(self, day: int, month: int) -> int:
        """The same day of the month before: the same number, or the last day of both.

        Negative before the first cost.
        """
        if month == 0:
            return -1
        this, before = self.months[month], self.months[month - 1]
        if day == this.last:
            return before.last
        return before.first + min(day - this.first, before.length - 1)

    def earlier(self) -> list[Rest]:
        """What came after the same day of each earlier month."""
        day = self.rest.after - self.months[-1].first
        rests = []
        for number, month in enumerate(self.months[:-1]):
            after = month.first + min(day, month.length - 2)
            rests.append(Rest(number, after, month.last - after))
        return rests

    def actual(self, rest: Rest) -> float:
        """What the days of an earlier ``rest`` brought."""
        first, end = rest.to_come.start, rest.to_come.stop
        return math.fsum(self.usage[first:end]) + math.fsum(self.others[first:end])


def daily_costs(span: DaySpan, series: Sequence[CostSeries], through: date) -> DailyCosts | None:
    """The costs of an account up to ``through``; None without any."""
    end = span.index(through) + 1
    rows = [(s.category, _zero_filled(s.amounts[:end])) for s in series]
    has_costs = [any(day) for day in zip(*(row for _, row in rows), strict=True)]
    if True not in has_costs:
        return None
    start = has_costs.index(True)
    has_costs = has_costs[start:]
    usage = _added_up([row[start:] for category, row in rows if category in SHARED], end - start)
    others = [(category, row[start:]) for category, row in rows if category not in SHARED]
    months = [
        MonthDays((month.span.first - span.first).days - start, len(month.span))
        for month in DaySpan(span.first, through).months()
        if (month.span.last - span.first).days >= start
    ]
    after = end - start - 1
    if sum(has_costs) >= MIN_DAILY_SHARE * len(has_costs):
        _fill_gaps(usage, has_costs)
    return DailyCosts(
        months=months,
        usage=usage,
        charges=[row for category, row in others if category is not Category.REFUND and any(row)],
        others=_added_up([row for _, row in others], end - start),
        rest=Rest(len(months) - 1, after, months[-1].last - after),
    )


def _zero_filled(amounts: Sequence[float]) -> list[float]:
    return [0.0 if math.isnan(amount) else amount for amount in amounts]


def _added_up(rows: Sequence[Sequence[float]], days: int) -> list[float]:
    return [sum(day) for day in zip(*rows, strict=True)] if rows else [0.0] * days


def _fill_gaps(usage: list[float], has_costs: Sequence[bool]) -> None:
    for day, known in enumerate(has_costs):
        if not known:
            usage[day] = usage[day - WEEK] if day >= WEEK else usage[day - 1]
