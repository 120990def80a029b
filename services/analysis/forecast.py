"""Month-end forecast: the cost so far, plus what each remaining day usually costs.

A remaining day costs its weekday's usual share of the present level of usage, and the charges that
came on the same day of the last months. The 80% range comes from the past: how far off the same
arithmetic was on earlier days, over as many days. Nothing later than the day of the forecast is
used, so that past forecasts can be checked (``track_record``). docs/how-costs-are-compared.md
explains it to readers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.baseline import is_in_long_run, median
from services.domain import Category, CostSeries, DaySpan, Forecast, Month

WEEK = 7
DAYS_BACK = 63
"""Days of usage that a forecast uses, if there are as many."""
MIN_DAYS = 14
RECENT_DAYS = 28
PROFILE_WEEKS = 8
MIN_WEEKDAY_SHARE = 0.2
"""Weekdays with less than this share of an average day say nothing about the level."""
SPIKE_FACTOR, SPIKE_MONEY = 1.5, 5.0
"""A day above its neighbors by this factor and this money has a charge of its own."""
MAX_TRIAL_DAYS = 14
"""How many days ahead forecasts of the past are tried."""
FIRST_TRIAL_DAY, TRIAL_STEP_DAYS, MIN_TRIALS = 21, 2, 5
COVERAGE = 0.8
ERROR_MARGIN = 1.2
"""Trials overlap, so their errors vary less than those of the future: they are widened by this."""
HORIZON_EXPONENT = 0.35
"""The error over n times as many days is that of a trial, times n to this power, a day."""
DEFAULT_ERROR = 0.15
"""Assumed when there are too few trials; a fraction, as are the next two."""
MIN_ERROR = 0.02
CHARGE_ERROR = 0.15
"""How much the remaining charges may differ from last time."""

Amount = Callable[[date], float | None]


def month_end(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> Forecast | None:
    """Forecast the net cost of the month of ``data_through``, with its 80% range.

    None with fewer than 14 days of usage in the last four weeks, and when the month is complete.
    """
    month = Month.of(data_through)
    remaining = DaySpan(data_through, month.span.last)
    last = span.index(data_through)
    usage, known = _usage(series, last)
    if len(remaining) == 1 or known < MIN_DAYS:
        return None
    days = len(remaining) - 1
    shares = _shares(usage)
    smooth, spikes = _without_spikes(usage, shares)
    levels = _levels(smooth, shares)
    level = _level(levels, len(levels))
    rest = level * math.fsum(shares[-ahead % WEEK] for ahead in range(1, days + 1))
    to_come = list(remaining)[1:]
    charges = _charges(span, series, to_come) + _repeated(
        to_come, _spike_on(spikes, data_through, len(usage))
    )
    half = max(_error(smooth, levels, shares, days), MIN_ERROR) * abs(rest) + CHARGE_ERROR * abs(
        charges
    )
    first = max((month.span.first - span.first).days, 0)
    so_far = math.fsum(
        x for entry in series for x in entry.amounts[first : last + 1] if not math.isnan(x)
    )
    amount = so_far + rest + charges
    return Forecast(
        month=str(month),
        amount=_money(amount),
        low=_money(amount - half),
        high=_money(amount + half),
    )


def _usage(series: Sequence[CostSeries], last: int) -> tuple[list[float], int]:
    """Return usage from the first recent day with data on, and how many of the last 28 days have
    any.

    A day without data is assumed to be like the one a week before.
    """
    usage: list[float] = []
    known = 0
    of_usage = [entry.amounts for entry in series if entry.category in {Category.USAGE, None}]
    for i in range(max(last - DAYS_BACK + 1, 0), last + 1):
        amounts = [row[i] for row in of_usage if not math.isnan(row[i])]
        if amounts:
            usage.append(math.fsum(amounts))
            known += last - i < RECENT_DAYS
        elif usage:
            usage.append(usage[-WEEK] if len(usage) >= WEEK else usage[-1])
    return usage, known


def _shares(usage: Sequence[float]) -> list[float]:
    """Each weekday as a share of its week's average day; the last day's weekday first."""
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
    """Each day scaled to an average weekday; hardly used weekdays are replaced by the week."""
    n = len(usage)
    found = []
    for i, amount in enumerate(usage):
        share = shares[(n - i - 1) % WEEK]
        if share > MIN_WEEKDAY_SHARE:
            found.append(amount / share)
        else:
            found.append(sum(usage[max(i - WEEK + 1, 0) : i + 1]) / min(WEEK, i + 1))
    return found


def _level(levels: Sequence[float], at: int) -> float:
    """The level before an index: half from the last week, half from the last four."""
    week, four = levels[max(at - WEEK, 0) : at], levels[max(at - RECENT_DAYS, 0) : at]
    return (median(week) + median(four)) / 2


def _without_spikes(
    usage: Sequence[float], shares: Sequence[float]
) -> tuple[list[float], dict[int, float]]:
    """Usage without single charges, and those charges by days from the end."""
    n, levels = len(usage), _levels(usage, shares)
    smooth = list(usage)
    spikes: dict[int, float] = {}
    for begin in range(0, n, WEEK):
        around = median(levels[max(begin - WEEK - 3, 0) : begin + 2 * WEEK + 3])
        for i in range(begin, min(begin + WEEK, n)):
            expected = shares[(n - i - 1) % WEEK] * around
            if usage[i] > SPIKE_FACTOR * expected + SPIKE_MONEY:
                spikes[n - i - 1] = usage[i] - expected
    spikes = {back: x for back, x in spikes.items() if not is_in_long_run(back, spikes)}
    for back, excess in spikes.items():
        smooth[n - back - 1] -= excess
    return smooth, spikes


def _spike_on(spikes: Mapping[int, float], data_through: date, known: int) -> Amount:
    """A function that returns the spike of a day; None before the known days."""

    def on(day: date) -> float | None:
        back = (data_through - day).days
        return spikes.get(back, 0.0) if back < known else None

    return on


def _charges(span: DaySpan, series: Sequence[CostSeries], to_come: Sequence[date]) -> float:
    """Tax, fees and credits that came on the same days of earlier months."""
    total = 0.0
    for entry in series:
        if entry.category in {Category.USAGE, Category.REFUND, None}:
            continue

        def on(day: date, amounts: Sequence[float] = entry.amounts) -> float | None:
            if day < span.first:
                return None
            amount = amounts[span.index(day)]
            return 0.0 if math.isnan(amount) else amount

        total += _repeated(to_come, on)
    return total


def _repeated(days: Sequence[date], on: Amount) -> float:
    """What came on the same days of last month, and also of the month before if that is known."""
    total = 0.0
    for day in days:
        last_month = _same_day(day, Month.of(day).before)
        amount = on(last_month)
        if amount and on(_same_day(day, Month.of(last_month).before)) != 0:
            total += amount
    return total


def _same_day(day: date, month: Month) -> date:
    """The day of ``month`` that corresponds to ``day``: the same number, or both the last."""
    if (day + timedelta(days=1)).day == 1:
        return month.span.last
    return month.span.first.replace(day=min(day.day, month.span.last.day))


def _error(
    usage: Sequence[float], levels: Sequence[float], shares: Sequence[float], days: int
) -> float:
    """The error, as a fraction, that four of five forecasts over so many days stay below."""
    ahead, n = min(days, MAX_TRIAL_DAYS), len(usage)
    errors = []
    for at in range(FIRST_TRIAL_DAY, n - ahead + 1, TRIAL_STEP_DAYS):
        part = sum(shares[(n - i - 1) % WEEK] for i in range(at, at + ahead))
        expected = _level(levels, at) * part
        actual = sum(usage[at : at + ahead])
        size = max(abs(expected), MIN_WEEKDAY_SHARE * abs(actual))
        errors.append(abs(actual - expected) / size if size else 0.0)
    if len(errors) < MIN_TRIALS:
        return DEFAULT_ERROR
    errors.sort()
    place = math.ceil(COVERAGE * (len(errors) + 1)) - 1
    error = errors[min(place, len(errors) - 1)]
    return ERROR_MARGIN * error * float((days / ahead) ** HORIZON_EXPONENT)


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 2)))
