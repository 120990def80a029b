"""Month-end forecast: what is there, plus what each day that is left usually brings.

A day that is left brings its weekday's usual share of the present level of usage, and the charges
that came on the same day of the last months. The 80 % range comes from the past: how far the same
arithmetic, done on earlier days, was off over as many days. Everything is known on the day of the
forecast; nothing later enters it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.baseline import in_a_long_run, median
from services.model import Category, CostSeries, DaySpan, Forecast, Month

WEEK = 7
DAYS_BACK = 63
"""Days of usage that a forecast looks at, if there are as many."""
FEWEST_DAYS = 14
RECENT_DAYS = 28
PROFILE_WEEKS = 8
LEAST_PART = 0.2
"""Weekdays with less than this share of an average day say nothing about the level."""
BUMP, BUMP_MONEY = 1.5, 5.0
"""A day above its neighbours by this factor and this money has a charge of its own."""
LONGEST_TRIAL = 14
"""Trials of the past look so many days ahead, at most."""
FIRST_TRIAL, TRIAL_STEP, FEWEST_TRIALS = 21, 2, 5
COVERED = 0.8
MARGIN = 1.2
"""Trials that overlap look more alike than the future does: their error is widened by this."""
LONGER = 0.35
"""The error of n times as many days is that of one trial, times n to this power, a day."""
UNTRIED = 0.15
"""Error that is assumed where there are too few trials, as a share."""
LEAST_SHARE = 0.02
CHARGE_SHARE = 0.15
"""How much the charges that are still to come may differ from last time."""

Amount = Callable[[date], float | None]


def month_end(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> Forecast | None:
    """Net cost expected at the end of the month of ``data_through``, with its 80 % range.

    None with fewer than 14 days of usage in the last four weeks, and when the month is complete.
    """
    month = Month.of(data_through)
    left = DaySpan(data_through, month.span.last)
    last = span.index(data_through)
    usage, known = _usage(series, last)
    if len(left) == 1 or known < FEWEST_DAYS:
        return None
    days = len(left) - 1
    shares = _shares(usage)
    smooth, bumps = _without_bumps(usage, shares)
    levels = _levels(smooth, shares)
    level = _level(levels, len(levels))
    rest = level * math.fsum(shares[-ahead % WEEK] for ahead in range(1, days + 1))
    to_come = list(left)[1:]
    charges = _charges(span, series, to_come) + _repeated(
        to_come, _on_days(bumps, data_through, len(usage))
    )
    half = max(_error(smooth, levels, shares, days), LEAST_SHARE) * abs(rest) + CHARGE_SHARE * abs(
        charges
    )
    first = max((month.span.first - span.first).days, 0)
    so_far = math.fsum(
        x for one in series for x in one.amounts[first : last + 1] if not math.isnan(x)
    )
    amount = so_far + rest + charges
    return Forecast(
        month=str(month),
        amount=_money(amount),
        low=_money(amount - half),
        high=_money(amount + half),
    )


def _usage(series: Sequence[CostSeries], last: int) -> tuple[list[float], int]:
    """Usage of the last days, from the first with data on; how many of the last 28 are known.

    A day without data is taken to be like the one a week before.
    """
    usage: list[float] = []
    known = 0
    of_usage = [one.amounts for one in series if one.category in {Category.USAGE, None}]
    for i in range(max(last - DAYS_BACK + 1, 0), last + 1):
        amounts = [row[i] for row in of_usage if not math.isnan(row[i])]
        if amounts:
            usage.append(math.fsum(amounts))
            known += last - i < RECENT_DAYS
        elif usage:
            usage.append(usage[-WEEK] if len(usage) >= WEEK else usage[-1])
    return usage, known


def _shares(usage: Sequence[float]) -> list[float]:
    """What each day of the week is, as a share of its average day: the day before the end first."""
    n = len(usage)
    weeks = [sum(usage[end - WEEK : end]) / WEEK for end in range(n, WEEK - 1, -WEEK)]
    weeks = weeks[:PROFILE_WEEKS]
    found = []
    for back in range(1, WEEK + 1):
        days = usage[n - back :: -WEEK]
        parts = [day / week for day, week in zip(days, weeks, strict=False) if week > 0]
        found.append(median(parts) if parts else 1.0)
    return found


def _levels(usage: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Each day as that of an average weekday; days that are hardly used are like the week."""
    n = len(usage)
    found = []
    for i, amount in enumerate(usage):
        share = shares[(n - i - 1) % WEEK]
        if share > LEAST_PART:
            found.append(amount / share)
        else:
            found.append(sum(usage[max(i - WEEK + 1, 0) : i + 1]) / min(WEEK, i + 1))
    return found


def _level(levels: Sequence[float], at: int) -> float:
    """The level as of a place: half of it from the week before, half from four weeks."""
    week, four = levels[max(at - WEEK, 0) : at], levels[max(at - RECENT_DAYS, 0) : at]
    return (median(week) + median(four)) / 2


def _without_bumps(
    usage: Sequence[float], shares: Sequence[float]
) -> tuple[list[float], dict[int, float]]:
    """Usage with single charges cut off; and those, by how many days from the end they lie."""
    n, levels = len(usage), _levels(usage, shares)
    smooth = list(usage)
    bumps: dict[int, float] = {}
    for begin in range(0, n, WEEK):
        around = median(levels[max(begin - WEEK - 3, 0) : begin + 2 * WEEK + 3])
        for i in range(begin, min(begin + WEEK, n)):
            expected = shares[(n - i - 1) % WEEK] * around
            if usage[i] > BUMP * expected + BUMP_MONEY:
                bumps[n - i - 1] = usage[i] - expected
    bumps = {back: x for back, x in bumps.items() if not in_a_long_run(back, bumps)}
    for back, excess in bumps.items():
        smooth[n - back - 1] -= excess
    return smooth, bumps


def _on_days(bumps: Mapping[int, float], data_through: date, known: int) -> Amount:
    """The bump of a day; None for days before what is known."""

    def on(day: date) -> float | None:
        back = (data_through - day).days
        return bumps.get(back, 0.0) if back < known else None

    return on


def _charges(span: DaySpan, series: Sequence[CostSeries], to_come: Sequence[date]) -> float:
    """Tax, fees and credits that came on the same days of the last months."""
    total = 0.0
    for one in series:
        if one.category in {Category.USAGE, Category.REFUND, None}:
            continue

        def on(day: date, amounts: Sequence[float] = one.amounts) -> float | None:
            if day < span.first:
                return None
            amount = amounts[span.index(day)]
            return 0.0 if math.isnan(amount) else amount

        total += _repeated(to_come, on)
    return total


def _repeated(days: Sequence[date], on: Amount) -> float:
    """What came on the same days of last month, and of the month before if that is known."""
    total = 0.0
    for day in days:
        last_month = _same_day(day, Month.of(day).before)
        amount = on(last_month)
        if amount and on(_same_day(day, Month.of(last_month).before)) != 0:
            total += amount
    return total


def _same_day(day: date, month: Month) -> date:
    """The day of a month that corresponds to another: the same number, or both the last."""
    if (day + timedelta(days=1)).day == 1:
        return month.span.last
    return month.span.first.replace(day=min(day.day, month.span.last.day))


def _error(
    usage: Sequence[float], levels: Sequence[float], shares: Sequence[float], days: int
) -> float:
    """Error of a forecast over so many days, as a share, that four of five stay below."""
    ahead, n = min(days, LONGEST_TRIAL), len(usage)
    errors = []
    for at in range(FIRST_TRIAL, n - ahead + 1, TRIAL_STEP):
        part = sum(shares[(n - i - 1) % WEEK] for i in range(at, at + ahead))
        expected = _level(levels, at) * part
        actual = sum(usage[at : at + ahead])
        size = max(abs(expected), LEAST_PART * abs(actual))
        errors.append(abs(actual - expected) / size if size else 0.0)
    if len(errors) < FEWEST_TRIALS:
        return UNTRIED
    errors.sort()
    place = math.ceil(COVERED * (len(errors) + 1)) - 1
    error = errors[min(place, len(errors) - 1)]
    return MARGIN * error * float((days / ahead) ** LONGER)


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 2)))
