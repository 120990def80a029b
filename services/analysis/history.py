"""Daily costs of an account as a history: days, weeks, the largest services."""

import math
from array import array
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from services.analysis.figures import amount_over, change_percent
from services.model import CostSeries, DayAmount, DaySpan, WeekCost

MOST_SERVICES = 2
WEEK = 7

Days = tuple[DayAmount, ...]


def daily(span: DaySpan, series: Sequence[CostSeries]) -> "array[float]":
    """Net amount of each day of the span; NaN where no series has data."""
    totals = array("d", [math.nan]) * len(span)
    for i in range(len(span)):
        known = [one.amounts[i] for one in series if not math.isnan(one.amounts[i])]
        if known:
            totals[i] = math.fsum(known)
    return totals


def day_amounts(span: DaySpan, totals: "array[float]") -> Days:
    """The days as values."""
    return tuple(
        DayAmount(day=day, amount=None if math.isnan(x) else Decimal(repr(x)))
        for day, x in zip(span, totals, strict=True)
    )


def largest_services(span: DaySpan, series: Sequence[CostSeries]) -> tuple[tuple[str, Days], ...]:
    """The services that cost most over the span, with their days."""
    by_service: dict[str, list[CostSeries]] = defaultdict(list)
    for one in series:
        by_service[one.service].append(one)
    days = {name: daily(span, ones) for name, ones in by_service.items()}
    sums = {name: amount_over(totals, 0, len(span)) for name, totals in days.items()}
    names = sorted(sums, key=lambda name: (-sums[name], name))[:MOST_SERVICES]
    return tuple((name, day_amounts(span, days[name])) for name in names if sums[name] > 0)


def weeks(span: DaySpan, totals: "array[float]") -> tuple[WeekCost, ...]:
    """Weeks from the first day on; the last may be shorter, and is then not compared."""
    found: list[WeekCost] = []
    before: Decimal | None = None
    for begin in range(0, len(span), WEEK):
        length = min(WEEK, len(span) - begin)
        amount = amount_over(totals, begin, length)
        whole = length == WEEK
        found.append(
            WeekCost(
                first=span.first + timedelta(days=begin),
                last=span.first + timedelta(days=begin + length - 1),
                amount=amount,
                change_percent=change_percent(amount, before)
                if before is not None and whole
                else None,
            )
        )
        before = amount
    return tuple(found)


def total(span: DaySpan, totals: "array[float]") -> Decimal:
    """The net cost of the whole span."""
    return amount_over(totals, 0, len(span))
