"""The figures of one account, and of all accounts added up.

Totals are net over all charge categories; thresholds apply to usage alone.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.arrival import REGULAR_OF, arrival
from services.analysis.drivers import SharedMoves, explained
from services.analysis.forecast import month_end
from services.analysis.windows import needed_span, window_days
from services.domain import (
    AccountFigures,
    Breach,
    Category,
    CategoryAmounts,
    CostSeries,
    DataState,
    DayAmount,
    DaySpan,
    Explanation,
    Forecast,
    Month,
    ServiceChange,
    SharedMove,
    Spent,
    WeekFigures,
    moved,
)

ZERO = Decimal(0)
WEEK = 7
DAYS_BEFORE_LAST = timedelta(days=REGULAR_OF - 1)
"""How far back from its last day with costs an account's habit is looked at."""


def change_percent(current: Decimal, previous: Decimal) -> Decimal | None:
    """(current − previous) / |previous| × 100, unrounded.

    None from nothing to something ("new spend"); zero from nothing to nothing.
    """
    if previous == 0:
        return ZERO if current == 0 else None
    return (current - previous) / abs(previous) * 100


def amount_over(amounts: "array[float]", begin: int, days: int) -> Decimal:
    """The sum of some days, with NaN as zero.

    ``fsum`` rounds once, at 17 digits, however many days there are. Adding Decimals day by day
    gives the same cents and takes ten times as long (measured).
    """
    return Decimal(
        repr(math.fsum(x for x in amounts[max(begin, 0) : begin + days] if x == x))  # noqa: PLR0124 - NaN
    )


@dataclass(slots=True)
class _Pair:
    current: Decimal = ZERO
    previous: Decimal = ZERO

    def add(self, current: Decimal, previous: Decimal) -> None:
        self.current += current
        self.previous += previous


def account_figures(
    span: DaySpan,
    series: Sequence[CostSeries],
    currency: str,
    data_through: date,
    threshold: float,
    min_increase: float,
) -> AccountFigures:
    """Compute all figures of one account from its daily amounts over ``span``.

    The forecast looks back over as much of the span as there is, all else over the days that
    reports need. ``threshold`` is in percent and ``min_increase`` in money: a breach is usage that
    grew by more than the one and by at least the other. ``data_through`` lies in the span.
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
    services: dict[str, _Pair] = defaultdict(_Pair)
    usages: dict[str, _Pair] = defaultdict(_Pair)
    categories: dict[Category, _Pair] = defaultdict(_Pair)
    sums: list[tuple[Category, str, Decimal, Decimal]] = []
    for entry in compared:
        current = _over(entry, span, window.current)
        previous = _over(entry, span, window.previous)
        category = entry.category or Category.USAGE
        sums.append((category, entry.service, previous, current))
        services[entry.service].add(current, previous)
        categories[category].add(current, previous)
        if category is Category.USAGE:
            usages[entry.service].add(current, previous)
    total, usage = _sum(services.values()), categories[Category.USAGE]
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
        categories=_category_amounts(categories),
        services=_service_changes(services),
        explanation=explained(sums),
        week=_week(recent, daily, arrived.through, threshold, min_increase) if known else None,
        forecast=_forecast(span, compared, arrived.through, data_through),
        threshold=threshold,
        breach=_breach(usage, usages, threshold, min_increase),
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


def _forecast(
    span: DaySpan, series: Sequence[CostSeries], through: date, data_through: date
) -> Forecast | None:
    """The forecast as of an account's own last day; None if that lies in an earlier month."""
    if Month.of(through) != Month.of(data_through):
        return None
    return month_end(span, series, through)


def _over(series: CostSeries, span: DaySpan, part: DaySpan) -> Decimal:
    return amount_over(series.amounts, (part.first - span.first).days, len(part))


def _sum(pairs: Iterable[_Pair]) -> _Pair:
    total = _Pair()
    for pair in pairs:
        total.add(pair.current, pair.previous)
    return total


def _daily_totals(span: DaySpan, series: Sequence[CostSeries], begin: int = 0) -> "array[float]":
    """Net amount of each day of the span from an index on; NaN where no series has data."""
    totals = array("d", [math.nan]) * (len(span) - begin)
    for i in range(begin, len(span)):
        amounts = [entry.amounts[i] for entry in series if not math.isnan(entry.amounts[i])]
        if amounts:
            totals[i - begin] = math.fsum(amounts)
    return totals


def _week(
    span: DaySpan,
    daily: "array[float]",
    data_through: date,
    threshold: float,
    min_increase: float,
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
    usage: _Pair, usages: dict[str, _Pair], threshold: float, min_increase: float
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


def _service_changes(services: dict[str, _Pair]) -> tuple[ServiceChange, ...]:
    changes = [
        ServiceChange(name=name, current=pair.current, previous=pair.previous)
        for name, pair in services.items()
        if pair.current or pair.previous
    ]
    return tuple(sorted(changes, key=lambda entry: (-abs(entry.change), entry.name)))


def _category_amounts(categories: dict[Category, _Pair]) -> tuple[CategoryAmounts, ...]:
    return tuple(
        CategoryAmounts(
            category=category,
            current=categories[category].current,
            previous=categories[category].previous,
        )
        for category in Category
        if category in categories
        and (categories[category].current or categories[category].previous)
    )


@dataclass(slots=True)
class Totals:
    """Accounts added up one by one; keeps sums, not series, so that memory stays flat."""

    _total: _Pair = field(default_factory=_Pair)
    _usage: _Pair = field(default_factory=_Pair)
    _services: dict[str, _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    _categories: dict[Category, _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    _lines: dict[tuple[Category, str], _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    _shared: SharedMoves = field(default_factory=SharedMoves)

    def add(self, figures: AccountFigures) -> None:
        """Add an account."""
        self._total.add(figures.current_total, figures.previous_total)
        self._usage.add(figures.usage_current, figures.usage_previous)
        for service in figures.services:
            self._services[service.name].add(service.current, service.previous)
        for entry in figures.categories:
            self._categories[entry.category].add(entry.current, entry.previous)
        if figures.explanation is not None:
            self._shared.add(figures.explanation)
            for line in figures.explanation.lines:
                self._lines[line.category, line.name].add(line.current, line.previous)

    @property
    def current_total(self) -> Decimal:
        return self._total.current

    @property
    def previous_total(self) -> Decimal:
        return self._total.previous

    @property
    def change_percent(self) -> Decimal | None:
        return change_percent(self._total.current, self._total.previous)

    @property
    def usage_current(self) -> Decimal:
        return self._usage.current

    @property
    def usage_previous(self) -> Decimal:
        return self._usage.previous

    @property
    def services(self) -> tuple[ServiceChange, ...]:
        """All services, largest absolute change first."""
        return _service_changes(self._services)

    @property
    def categories(self) -> tuple[CategoryAmounts, ...]:
        return _category_amounts(self._categories)

    @property
    def explanation(self) -> Explanation:
        """The change of the total, line by line."""
        return explained(
            (category, name, pair.previous, pair.current)
            for (category, name), pair in self._lines.items()
        )

    @property
    def shared_moves(self) -> tuple[SharedMove, ...]:
        """Services that moved the same way in many accounts, largest first."""
        return self._shared.largest()
