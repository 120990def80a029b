"""The figures of one account, and of all accounts added up.

Totals are net over all charge categories; thresholds apply to usage alone.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.arrival import REGULAR_OF, arrival
from services.analysis.detection.moves import current_names, moved_services
from services.analysis.drivers import explained
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
    ServiceMove,
    Spent,
    WeekFigures,
    Window,
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


@dataclass(slots=True)
class _Sums:
    """The series of an account, added up in every way that its figures need."""

    services: dict[str, _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    usages: dict[str, _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    """Usage alone, by the name that it has now, as are the lines."""
    categories: dict[Category, _Pair] = field(default_factory=lambda: defaultdict(_Pair))
    charges: dict[str, dict[Category, _Pair]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(_Pair))
    )
    """By service, without usage."""
    lines: list[tuple[Category, str, Decimal, Decimal]] = field(default_factory=list)

    def add(self, entry: CostSeries, name: str, current: Decimal, previous: Decimal) -> None:
        """Add a series; ``name``: the service's name now, after moves."""
        category = entry.category or Category.USAGE
        self.lines.append((category, name, previous, current))
        self.services[entry.service].add(current, previous)
        self.categories[category].add(current, previous)
        if category is Category.USAGE:
            self.usages[name].add(current, previous)
        else:
            self.charges[entry.service][category].add(current, previous)


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
    sums = _Sums()
    for entry in compared:
        name = names.get(entry.service, entry.service)
        sums.add(
            entry, name, _over(entry, span, window.current), _over(entry, span, window.previous)
        )
    total, usage = _sum(sums.services.values()), sums.categories[Category.USAGE]
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
        categories=_category_amounts(sums.categories),
        services=_service_changes(sums.services, sums.charges),
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


def _service_changes(
    services: Mapping[str, _Pair], charges: Mapping[str, Mapping[Category, _Pair]] | None = None
) -> tuple[ServiceChange, ...]:
    changes = [
        ServiceChange(
            name=name,
            current=pair.current,
            previous=pair.previous,
            charges=_category_amounts((charges or {}).get(name, {})),
        )
        for name, pair in services.items()
        if pair.current or pair.previous
    ]
    return tuple(sorted(changes, key=lambda entry: (-abs(entry.change), entry.name)))


def _category_amounts(categories: Mapping[Category, _Pair]) -> tuple[CategoryAmounts, ...]:
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
    _moves: dict[tuple[str, str], ServiceMove] = field(default_factory=dict)

    def add(self, figures: AccountFigures) -> None:
        """Add an account."""
        self._total.add(figures.current_total, figures.previous_total)
        self._usage.add(figures.usage_current, figures.usage_previous)
        for service in figures.services:
            self._services[service.name].add(service.current, service.previous)
        for entry in figures.categories:
            self._categories[entry.category].add(entry.current, entry.previous)
        for move in figures.moves:
            self._add_move(move)
        if figures.explanation is not None:
            for line in figures.explanation.lines:
                self._lines[line.category, line.name].add(line.current, line.previous)

    def _add_move(self, move: ServiceMove) -> None:
        key = move.source, move.target
        known = self._moves.get(key)
        if known is not None:
            move = move.model_copy(
                update={
                    "first": min(known.first, move.first),
                    "amount": known.amount + move.amount,
                    "accounts": known.accounts + 1,
                }
            )
        self._moves[key] = move

    @property
    def moves(self) -> tuple[ServiceMove, ...]:
        """The moves of all accounts, largest first."""
        return tuple(sorted(self._moves.values(), key=lambda move: (-move.amount, move.source)))

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
