"""The figures of one account.

Totals are net over all charge categories; thresholds apply to usage alone.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.arrival import REGULAR_OF, arrival
from services.analysis.detection.moves import current_names, moved_services
from services.analysis.drivers import explained
from services.analysis.forecast import month_end
from services.analysis.sums import (
    ZERO,
    AccountSums,
    Pair,
    category_amounts,
    change_percent,
    service_changes,
    sum_of,
)
from services.analysis.windows import needed_span, window_days
from services.domain import (
    AccountFigures,
    Breach,
    Category,
    CostSeries,
    DataState,
    DayAmount,
    DaySpan,
    Forecast,
    Month,
    ServiceMove,
    Spent,
    WeekFigures,
    Window,
    moved,
)

WEEK = 7
DAYS_BEFORE_LAST = timedelta(days=REGULAR_OF - 1)
"""How far back from its last day with costs an account's habit is looked at."""


def amount_over(amounts: "array[float]", begin: int, days: int) -> Decimal:
    """The sum of some days, with NaN as zero.

    ``fsum`` rounds once, at 17 digits, however many days there are. Adding Decimals day by day
    gives the same cents and takes ten times as long (measured).
    """
    return Decimal(
        repr(math.fsum(x for x in amounts[max(begin, 0) : begin + days] if x == x))  # noqa: PLR0124 - NaN
    )


def account_figures(
    span: DaySpan,
    series: Sequence[CostSeries],
    currency: str,
    data_through: date,
    threshold: float,
    min_increase: float,
    *,
    forecast: bool = True,
) -> AccountFigures:
    """Compute all figures of one account from its daily amounts over ``span``.

    The ``forecast`` looks back over the whole span, all else over the days that reports need. A
    breach is usage that grew by more than ``threshold`` percent and by at least ``min_increase``.
    """
    recent = DaySpan(max(span.first, needed_span(data_through).first), span.last)
    observed = DaySpan(max(span.first, recent.first - DAYS_BEFORE_LAST), span.last)
    totals = _daily_totals(span, series, span.index(observed.first))
    daily = totals[len(observed) - len(recent) :]
    known = _days_with_costs(recent, daily, data_through)
    habit = _days_with_costs(observed, totals, data_through) if known else ()
    arrived = arrival(habit, DaySpan(observed.first, data_through))
    window = arrived.window
    compared = () if arrived.state is DataState.LEFT_OUT else series
    names = current_names(moves := _moves(span, compared, window))
    sums = AccountSums()
    for entry in compared:
        name = names.get(entry.service, entry.service)
        sums.add(
            entry, name, _over(entry, span, window.current), _over(entry, span, window.previous)
        )
    total, usage = sum_of(sums.services.values()), sums.categories[Category.USAGE]
    is_new = _is_week_before_empty(span, series, arrived.through)
    return AccountFigures(
        window=window_days(window),
        data_through=data_through,
        currency=currency,
        current_total=total.current,
        previous_total=total.previous,
        change_percent=change_percent(total.current, total.previous),
        usage_current=usage.current,
        usage_previous=usage.previous,
        usage_percent=change_percent(usage.current, usage.previous),
        categories=category_amounts(sums.categories),
        services=service_changes(sums.services, sums.charges),
        moves=moves,
        explanation=explained(sums.lines),
        week=_week(recent, daily, arrived.through, threshold, min_increase, is_new=is_new)
        if known
        else None,
        forecast=_forecast(span, series, arrived.through, data_through) if forecast else None,
        threshold=threshold,
        min_increase=Decimal(repr(min_increase)),
        breach=_breach(usage, sums.usages, threshold, min_increase),
        first_day=known[0] if known else None,
        last_day=known[-1] if known else None,
        state=arrived.state,
        spent=_spent(recent, daily, known[-1]) if known else None,
    )


def _days_with_costs(span: DaySpan, daily: "array[float]", last: date) -> list[date]:
    """The days up to ``last``; ``daily`` begins on the first day of the span."""
    return [
        day
        for day, amount in zip(span, daily, strict=False)
        if day <= last and not math.isnan(amount)
    ]


def _spent(span: DaySpan, daily: "array[float]", last: date) -> Spent:
    first = max(last.replace(day=1), span.first)
    amount = amount_over(daily, span.index(first), (last - first).days + 1)
    return Spent(first=first, last=last, amount=amount)


def month_to_date(span: DaySpan, series: Iterable[CostSeries], data_through: date) -> Decimal:
    """The net cost of the month of ``data_through`` up to that day."""
    part = DaySpan(Month.of(data_through).span.first, data_through)
    return sum((_over(entry, span, part) for entry in series), ZERO)


def _forecast(
    span: DaySpan, series: Sequence[CostSeries], through: date, data_through: date
) -> Forecast | None:
    """The forecast as of an account's own last day; None if that lies in an earlier month."""
    if Month.of(through) != Month.of(data_through):
        return None
    return month_end(span, series, through)


def _moves(span: DaySpan, series: Sequence[CostSeries], window: Window) -> tuple[ServiceMove, ...]:
    usage = {
        entry.service: entry.amounts
        for entry in series
        if entry.category in {Category.USAGE, None}
    }
    return moved_services(usage, span, DaySpan(window.previous.first, window.current.last))


def _over(series: CostSeries, span: DaySpan, part: DaySpan) -> Decimal:
    return amount_over(series.amounts, (part.first - span.first).days, len(part))


def _daily_totals(span: DaySpan, series: Sequence[CostSeries], begin: int = 0) -> "array[float]":
    """Net amount of each day of the span from an index on; NaN where no series has data."""
    totals = array("d", [math.nan]) * (len(span) - begin)
    for i in range(begin, len(span)):
        amounts = [entry.amounts[i] for entry in series if not math.isnan(entry.amounts[i])]
        if amounts:
            totals[i - begin] = math.fsum(amounts)
    return totals


def _is_week_before_empty(span: DaySpan, series: Sequence[CostSeries], through: date) -> bool:
    """Whether there was no usage in the 7 days before the last 7."""
    before = DaySpan(through - timedelta(days=2 * WEEK - 1), through - timedelta(days=WEEK))
    usage = (entry for entry in series if entry.category in {Category.USAGE, None})
    return not any(_over(entry, span, before) for entry in usage)


def _week(
    span: DaySpan,
    daily: "array[float]",
    data_through: date,
    threshold: float,
    min_increase: float,
    *,
    is_new: bool,
) -> WeekFigures:
    last = (data_through - span.first).days
    current = amount_over(daily, last - WEEK + 1, WEEK)
    previous = amount_over(daily, last - 2 * WEEK + 1, WEEK)
    percent = change_percent(current, previous)
    is_past_threshold = percent is None or percent > Decimal(repr(threshold))
    return WeekFigures(
        current=current,
        previous=previous,
        is_large_rise=is_past_threshold and current - previous >= Decimal(repr(min_increase)),
        days=_days(span, daily, last - WEEK + 1),
        days_before=_days(span, daily, last - 2 * WEEK + 1),
        is_new=is_new,
    )


def _days(span: DaySpan, daily: "array[float]", begin: int) -> tuple[DayAmount, ...]:
    found = []
    for i in range(begin, begin + WEEK):
        amount = daily[i] if 0 <= i < len(daily) else math.nan
        found.append(
            DayAmount(
                day=span.first + timedelta(days=i),
                amount=None if math.isnan(amount) else Decimal(repr(amount)),
            )
        )
    return tuple(found)


def _breach(
    usage: Pair, usages: dict[str, Pair], threshold: float, min_increase: float
) -> Breach | None:
    excess = usage.current - usage.previous
    percent = change_percent(usage.current, usage.previous)
    if excess <= 0 or excess < Decimal(repr(min_increase)):
        return None
    if percent is not None and percent <= Decimal(repr(threshold)):
        return None
    driver = max(usages, key=lambda name: (usages[name].current - usages[name].previous, name))
    return Breach(
        service=driver,
        excess=moved(usage.current, usage.previous),
        usage_percent=percent,
        threshold=threshold,
    )
