"""Forecast the last months of accounts of six habits, and compare with how they ended.

``python -m tests.bench.forecast.coverage`` prints the table of docs/detection.md.
"""

import math
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import TypeAlias

from services.analysis.forecast import month_end
from services.domain import Category, CostSeries, DaySpan, Forecast, Month
from tests.bench.forecast.habits import HABITS, Account, accounts

SEEDS = (11, 12, 13, 14)
ACCOUNTS = 100
DAYS = (5, 10, 15, 20, 25)
MONTHS = 3
"""The last months of the 15: each has at least a year before it."""
CENT = 0.01
TOTAL = "total of all"
TOTAL_OF = 14
"""Accounts of each habit in a total."""

Method: TypeAlias = Callable[[DaySpan, Sequence[CostSeries], date], Forecast | None]


@dataclass
class Score:
    """What forecasts of account-days came to."""

    account_days: int = 0
    inside: int = 0
    errors: list[float] = field(default_factory=list)
    """Of the amount, relative to what the month cost."""
    widths: list[float] = field(default_factory=list)
    """Of the range, relative to the amount."""
    seconds: float = 0.0

    def add(self, forecast: Forecast | None, actual: float) -> None:
        """Count a forecast; None: no range was given."""
        self.account_days += 1
        if forecast is None:
            return
        low, high = float(forecast.low), float(forecast.high)
        amount = float(forecast.amount)
        self.inside += low - CENT <= actual <= high + CENT
        self.errors.append(abs(amount - actual) / (abs(actual) or CENT))
        self.widths.append((high - low) / (abs(amount) or CENT))

    def merge(self, other: "Score") -> None:
        """Add the account-days of another score."""
        self.account_days += other.account_days
        self.inside += other.inside
        self.errors += other.errors
        self.widths += other.widths
        self.seconds += other.seconds

    @property
    def coverage(self) -> float:
        return self.inside / len(self.errors)

    @property
    def without_range(self) -> float:
        return 1 - len(self.errors) / self.account_days

    @property
    def median_error(self) -> float:
        return median(self.errors)


def series_of(account: Account) -> list[CostSeries]:
    """An account's costs as they are stored: no amount where nothing was charged."""
    return [
        CostSeries(
            account.account_id,
            service,
            Category(category),
            array("d", (amount or math.nan for amount in amounts)),
        )
        for (service, category), amounts in account.costs.items()
    ]


def score(
    span: DaySpan,
    series: Sequence[CostSeries],
    days: Iterable[int] = DAYS,
    months: int = MONTHS,
    method: Method = month_end,
) -> Score:
    """Forecast the last months of one account, or of a total, as of these days of the month."""
    found = Score()
    for month in span.months()[-months:]:
        actual = _cost_of(month, span, series)
        for day in days:
            began = time.process_time()
            forecast = method(span, series, month.span.first.replace(day=day))
            found.seconds += time.process_time() - began
            found.add(forecast, actual)
    return found


def score_habit(
    habit: str,
    seed: int,
    number: int = ACCOUNTS,
    days: Sequence[int] = DAYS,
    months: int = MONTHS,
    method: Method = month_end,
) -> Score:
    """The account-days of so many accounts of a habit."""
    found = Score()
    for account in accounts(habit, number, seed):
        span = DaySpan(account.days[0], account.days[-1])
        found.merge(score(span, series_of(account), days, months, method))
    return found


def totals(seed: int, number: int) -> Iterator[tuple[DaySpan, list[CostSeries]]]:
    """Totals over accounts of all habits with the same months, as the admins' report has them."""
    by_span: dict[DaySpan, list[list[float]]] = {}
    for habit in HABITS:
        for account in accounts(habit, number, seed):
            span = DaySpan(account.days[0], account.days[-1])
            by_span.setdefault(span, []).append(account.totals())
    for span, rows in by_span.items():
        amounts = array("d", map(math.fsum, zip(*rows, strict=True)))
        yield span, [CostSeries("", "", None, amounts)]


def score_totals(seed: int, number: int = ACCOUNTS) -> Score:
    """The days of the totals of a seed."""
    found = Score()
    for span, series in totals(seed, number):
        found.merge(score(span, series))
    return found


def _cost_of(month: Month, span: DaySpan, series: Sequence[CostSeries]) -> float:
    first = span.index(month.span.first)
    parts = (entry.amounts[first : first + len(month.span)] for entry in series)
    return math.fsum(x for part in parts for x in part if not math.isnan(x))


def _row(name: str, found: Score) -> str:
    widths = sorted(found.widths)
    return (
        f"| {name} | {found.coverage:.1%} | {found.without_range:.1%} | "
        f"{widths[len(widths) // 2]:.1%} | {widths[len(widths) * 9 // 10]:.0%} | "
        f"{found.median_error:.2%} | {found.seconds / found.account_days * 1000:.1f} |"
    )


def main(seeds: Sequence[int] = SEEDS) -> None:
    print("| habit | in the range | no range | width, median | width, 90% | error, median | ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    everything = Score()
    with ProcessPoolExecutor() as pool:
        for habit in HABITS:
            found = Score()
            for part in pool.map(score_habit, [habit] * len(seeds), seeds):
                found.merge(part)
            print(_row(habit, found), flush=True)
            everything.merge(found)
        print(_row("all", everything), flush=True)
        found = Score()
        for part in pool.map(score_totals, seeds):
            found.merge(part)
        print(_row("totals", found))


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or SEEDS)
