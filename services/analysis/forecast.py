"""Month-end forecast: the cost so far, and what the days that remain bring, with an 80% range.

An account's own past decides. In each closed month the same days that remain now are forecast in
several ways from what was known by then, and the way that was off the least is used. How far it was
off makes the range: of n past months and the one to come, the error to come is below the one at
rank 0.8 (n + 1) with a probability of 80%, whatever the errors' distribution, as long as the months are
alike (split conformal prediction: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random
World", 2005). Months are compared with months because closings, quarters, and charges come in
months. docs/detection.md has the coverage by habit.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from services.analysis.daily_costs import RECENT_DAYS, WEEK, DailyCosts, Rest, daily_costs
from services.analysis.detection.baseline import median
from services.analysis.expected_charges import expected_charges
from services.analysis.expected_usage import expected_usage
from services.domain import CostSeries, DaySpan, Forecast, Month

HISTORY = timedelta(days=456)
"""How far back a forecast looks, if there are as many days: 15 months."""
RANK_SHARE = 0.85
"""The rank for 80%. The way to forecast is chosen by the same errors, which makes them a little too
small: at 0.8 the ranges of the benchmark held 77%."""
CENT = 0.01
MIN_DAYS = 28
"""Days before a forecast that make it count among an account's past ones."""
MIN_TRIALS = 4
"""Past months from which four of five errors can be told from the largest."""
MIN_DAYS_SHORT = 14
"""The same as ``MIN_DAYS`` for young accounts."""
SHORT_MARGIN = 1.2
"""Trials of a young account overlap, so their errors vary less than those of the future."""
MIN_CORRECTED = 5
MIN_QUARTERS = 3
QUARTER = 3
MIN_ERROR = 0.001
"""The least error, as a fraction of what is to come: nothing is certain."""
MAX_ERROR = 1.2
"""With a larger error, as a fraction of the forecast, a range says nothing."""


class Trials(NamedTuple):
    """Forecasts of a past rest of a month each, and of the present one (last), in one way."""

    rests: Sequence[float]
    sizes: Sequence[float]
    """What errors are measured in: they grow with the account."""
    errors: Sequence[float]
    """Of past months, in sizes."""
    comparable: Sequence[float]
    """The errors of months that are like the present one."""

    @property
    def mean_error(self) -> float:
        return math.fsum(self.errors) / len(self.errors)


def month_end(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> Forecast | None:
    """Forecast the net cost of the month of ``data_through``, with its 80% range.

    None when the month is complete, and where the past allows no honest range.
    """
    costs = daily_costs(span, series, data_through)
    month = Month.of(data_through)
    if costs is None or data_through == month.span.last:
        return None
    charges, credits_to_come = expected_charges(costs, costs.rest)
    usage = _usage_to_come(costs)
    if usage is None:
        return None
    first, end = max((month.span.first - span.first).days, 0), span.index(data_through) + 1
    so_far = math.fsum(
        x for entry in series for x in entry.amounts[first:end] if not math.isnan(x)
    )
    rest, error = usage
    error = max(error, MIN_ERROR * (rest + abs(charges)))
    amount = so_far + rest + charges
    if error > MAX_ERROR * abs(amount):
        return None
    return Forecast(
        month=str(month),
        amount=_money(amount),
        low=_money(max(amount - error, so_far + credits_to_come)),
        high=_money(amount + error),
    )


def _usage_to_come(costs: DailyCosts) -> tuple[float, float] | None:
    """The usage of the days that remain, and the error that four of five stay below."""
    months = [rest for rest in costs.earlier() if rest.after + 1 >= MIN_DAYS]
    if len(months) < MIN_TRIALS:
        return _young(costs)
    rests = [*months, costs.rest]
    best = min(_ways(costs, rests), key=lambda trials: trials.mean_error)
    error = _quantile(best.comparable, RANK_SHARE) + _unrest(costs, rests, best.sizes)
    return max(best.rests[-1], 0.0), error * best.sizes[-1]


def _young(costs: DailyCosts) -> tuple[float, float] | None:
    """The same from weeks as blocks, for an account with few closed months, but at least one."""
    now, days = costs.rest.after, costs.rest.days
    months = [rest for rest in costs.earlier() if rest.after + 1 >= MIN_DAYS_SHORT]
    blocks = [Rest(0, after, days) for after in range(now - days, MIN_DAYS_SHORT - 2, -WEEK)]
    if not months or len(months) + len(blocks) < MIN_TRIALS:
        return None
    rests = [*months, *blocks, costs.rest]
    best = min(_ways(costs, rests, corrected=False), key=lambda trials: trials.mean_error)
    error = max(SHORT_MARGIN * _quantile(best.errors, RANK_SHARE), *best.errors[: len(months)])
    return max(best.rests[-1], 0.0), error * best.sizes[-1]


def _ways(costs: DailyCosts, rests: Sequence[Rest], *, corrected: bool = True) -> Iterator[Trials]:
    """Each way to expect usage: as it is, and ``corrected`` by how the other months came out."""
    actual = [costs.actual(rest) - expected_charges(costs, rest)[0] for rest in rests[:-1]]
    ways = list(zip(*(expected_usage(costs, rest) for rest in rests), strict=True))
    quarters = [rest.month % QUARTER for rest in rests]
    everything = [0] * len(rests)
    for way in ways:
        yield _trials(way, actual, ways[-1], everything)
        if not corrected:
            continue
        if len(actual) >= MIN_CORRECTED:
            yield _trials(_corrected(way, actual, everything), actual, ways[-1], everything)
        if min(quarters[:-1].count(quarter) for quarter in range(QUARTER)) >= MIN_QUARTERS:
            yield _trials(_corrected(way, actual, quarters), actual, ways[-1], quarters)


def _trials(
    rests: Sequence[float], actual: Sequence[float], long: Sequence[float], kinds: Sequence[int]
) -> Trials:
    sizes = [max((abs(rest) + usual) / 2, CENT) for rest, usual in zip(rests, long, strict=True)]
    errors = [abs(a - rest) / size for a, rest, size in zip(actual, rests, sizes, strict=False)]
    alike = [error for error, kind in zip(errors, kinds, strict=False) if kind == kinds[-1]]
    return Trials(rests, sizes, errors, alike)


def _corrected(
    rests: Sequence[float], actual: Sequence[float], kinds: Sequence[int]
) -> list[float]:
    """Each forecast times the median of what the other months of its kind brought of theirs."""
    ratios = [a / rest if rest >= CENT else 1.0 for a, rest in zip(actual, rests, strict=False)]
    corrected = []
    for i, rest in enumerate(rests):
        others = [r for j, r in enumerate(ratios) if j != i and kinds[j] == kinds[i]]
        corrected.append(rest * median(others) if others else rest)
    return corrected


def _unrest(costs: DailyCosts, rests: Sequence[Rest], sizes: Sequence[float]) -> float:
    """How much more the last week differs from the last four than it did in any past month.

    A level that has just changed more than ever before may go on or not: the range has to hold both.
    """
    gaps = []
    for rest, size in zip(rests, sizes, strict=True):
        now = rest.after + 1
        week, four = costs.usage[now - WEEK : now], costs.usage[now - RECENT_DAYS : now]
        gap = math.fsum(week) / WEEK - math.fsum(four) / RECENT_DAYS
        gaps.append(abs(gap) * rest.days / size)
    return max(gaps[-1] - max(gaps[:-1]), 0.0)


def _quantile(errors: Sequence[float], share: float) -> float:
    """The error at rank share × (n + 1), in proportion between its neighbors or beyond the largest."""
    ordered = sorted(errors)
    place = share * (len(ordered) + 1) - 1
    below = min(int(place), len(ordered) - 2)
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 2)))
