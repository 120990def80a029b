"""Three ways to expect what the next days cost, from the days up to one of them.

No way suits every account: the first follows weekdays, new levels, and charges inside usage; the
second holds where single days carry a week, the third where single weeks carry a quarter.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.analysis.daily_costs import RECENT_DAYS, WEEK, DailyCosts, Rest
from services.analysis.detection.baseline import is_in_long_run, median

DAYS_BACK = 63
"""Days of usage that the first two ways use, if there are as many."""
HALF_YEAR = 182
PROFILE_WEEKS = 8
MIN_WEEKDAY_SHARE = 0.2
"""Weekdays with less than this share of an average day say nothing about the level."""
SPIKE_FACTOR, SPIKE_MONEY = 1.5, 5.0
"""A day above its neighbors by this factor and this money has a charge of its own."""


class ExpectedUsage(NamedTuple):
    """What the next days cost, expected in each way."""

    by_weekday: float
    by_four_weeks: float
    by_half_year: float


def expected_usage(costs: DailyCosts, rest: Rest) -> ExpectedUsage:
    """Expect the usage of the rest of a month."""
    now = rest.after + 1
    usage = costs.usage[max(now - DAYS_BACK, 0) : now]
    shares = _shares(usage)
    weight = math.fsum(shares[-ahead % WEEK] for ahead in range(1, rest.days + 1))
    smooth, spikes = _without_spikes(usage, shares)
    level = _level(_levels(smooth, shares))
    average = math.fsum(shares) / WEEK
    four_weeks, half_year = usage[-RECENT_DAYS:], costs.usage[max(now - HALF_YEAR, 0) : now]
    return ExpectedUsage(
        level * weight + _repeated(spikes, costs, rest, len(usage)),
        _mean(four_weeks) * (weight / average if average > 0 else rest.days),
        _mean(half_year) * rest.days,
    )


def _mean(amounts: Sequence[float]) -> float:
    return math.fsum(amounts) / len(amounts)


def _shares(usage: Sequence[float]) -> list[float]:
    """Each weekday as a share of its week's average day; the last day's weekday first."""
    n = len(usage)
    weeks = [sum(usage[end - WEEK : end]) / WEEK for end in range(n, WEEK - 1, -WEEK)]
    weeks = weeks[:PROFILE_WEEKS]
    found = []
    for back in range(1, WEEK + 1):
        days = usage[n - back :: -WEEK] if back <= n else ()
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


def _level(levels: Sequence[float]) -> float:
    """The present level: half from the last week, half from the last four."""
    return (median(levels[-WEEK:]) + median(levels[-RECENT_DAYS:])) / 2


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


def _repeated(spikes: Mapping[int, float], costs: DailyCosts, rest: Rest, known: int) -> float:
    """The spikes of the same days of last month, if they also came the month before or that is
    not among the ``known`` days.
    """
    total = 0.0
    for day in rest.to_come if spikes else ():
        last = costs.same_day_before(day, rest.month)
        excess = spikes.get(rest.after - last) if last >= 0 else None
        if excess:
            earlier = rest.after - costs.same_day_before(last, rest.month - 1)
            if earlier >= known or earlier in spikes:
                total += excess
    return total
