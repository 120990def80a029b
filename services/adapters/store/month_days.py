"""Where the days of a month are within a span of days."""

import math
from array import array
from collections.abc import Iterable, Sequence

from services.domain import DaySpan, Month


def month_days(span: DaySpan, month: Month) -> list[int]:
    """The days of the month (1–31) that lie in the span."""
    first = max(span.first, month.span.first)
    last = min(span.last, month.span.last)
    return list(range(first.day, last.day + 1))


def days_of_month(span: DaySpan, month: Month, amounts: "Sequence[float]") -> dict[int, float]:
    """The amounts of those days of a month that lie in the span, NaN where there is no data."""
    days = month_days(span, month)
    begin = (month.span.first.replace(day=days[0]) - span.first).days
    return dict(zip(days, amounts[begin : begin + len(days)], strict=True))


def by_month(span: DaySpan, amounts: "Iterable[float]") -> dict[Month, dict[int, float]]:
    """Amounts with data, by month and day of the month."""
    amounts_by_month: dict[Month, dict[int, float]] = {}
    for day, amount in zip(span, amounts, strict=True):
        if not math.isnan(amount):
            amounts_by_month.setdefault(Month.of(day), {})[day.day] = amount
    return amounts_by_month


def copy_month(span: DaySpan, month: Month, amounts: "array[float]", into: "array[float]") -> None:
    """Copies a month's slots into their places of a span."""
    days = month_days(span, month)
    if days:
        at = (month.span.first.replace(day=days[0]) - span.first).days
        into[at : at + len(days)] = amounts[days[0] - 1 : days[-1]]
