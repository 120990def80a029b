"""What a series of daily amounts usually does, and how far a day deviates from it.

A series is a list of daily amounts in money, newest last, already cleaned of what was not normal.
All of this is statistics in floats; sums that people read are added up elsewhere. Plain Python on
purpose: few series pass the prefilter, and numpy costs more at import than it saves
(``docs/detection.md`` has the measurement). Medians instead of means, because a single outlier in
eight weeks must not move what is expected.
"""

from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

from services.analysis.detection.rules import HORIZONS, Rules

WEEK = 7
PROFILE_WEEKS = 8
"""Weeks that show a weekday's share of its week."""
LEVEL_WEEKS = 4
"""Weeks whose median is the present level."""
MAX_WEEKS = 13
SPREAD_DAYS = 49
"""Days whose differences to a week before give the spread of the series."""
CAP_SPREADS = 3.0
"""A single day counts in sums, and toward what is normal, only up to this many spreads."""
DEVIATION = 2.097
"""Turns the median relative difference of two days into a standard deviation: 1 ÷ 0.477 for normal
noise (differences of pairs: Rousseeuw and Croux, 1993)."""
TAIL_DEVIATION = 0.86
"""The same for their 90th percentile (1 ÷ 1.163), which decides where tails are heavy."""
WEEK_DEVIATION, WEEK_TAIL_DEVIATION = 1.048, 0.55
"""The same for differences of neighboring weeks: their median, their 80th percentile."""
SMOOTH = 0.3
"""Share of the level added to the denominator of a relative difference, to avoid dividing by zero."""
IDLE_SHARE = 0.15
"""Share of the level added to a day's expectation for its spread, because idle weekends vary too."""
MAX_GROWTH = 0.015
"""Growth a week that counts as normal at most: about 6% a month."""
GROWTH_WEEKS = 10
"""Weeks of history from which growth is estimated."""
MIN_WEEKS = 3
LONG_RUN = 3
"""More large days in a row than this are a level."""


class Past(NamedTuple):
    """A series with its weekly sums, newest first, and its level (money a day)."""

    values: Sequence[float]
    weeks: list[float]
    level: float


class Measure(NamedTuple):
    """The amounts of money that matter in a series."""

    grain: float
    """Differences below this are noise, whatever the series."""
    min_excess: float
    """The excess that a day must reach to be raised."""
    min_slow_excess: float
    """The same for an excess over several days."""
    is_service: bool
    """Whether it is a single service; there are many, so the limits are higher."""
    peak: float = 0.0
    """The largest single excess of the last months."""


class Evaluation(NamedTuple):
    """A day compared with what was expected of it."""

    expected: float
    excess: float
    spread: float
    """One standard deviation of a day."""
    cap: float
    """What exceeds this does not become part of what is normal."""
    horizon: int = 0
    """The horizon, in days, that exceeds its limit the most; 0: none does."""
    score: float = 0.0
    """How many times its limit the excess is; raised from 1 on."""


def median(values: Sequence[float]) -> float:
    """The median of at least one number."""
    ordered = sorted(values)
    n = len(ordered)
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def second_largest(values: Sequence[float]) -> float:
    """The largest value but for a single outlier."""
    return sorted(values)[-2] if len(values) > 1 else values[0]


def week_sums(values: Sequence[float], max_weeks: int = MAX_WEEKS) -> list[float]:
    """Sums of whole weeks backwards from the end of a series, newest first."""
    n = len(values)
    last = max(n - max_weeks * WEEK, WEEK - 1)
    return [sum(values[end - WEEK : end]) for end in range(n, last, -WEEK)]


def past_of(values: Sequence[float], max_weeks: int = MAX_WEEKS) -> Past:
    """Prepare a series of at least a week."""
    weeks = week_sums(values, max_weeks)
    return Past(values, weeks, median(weeks[:LEVEL_WEEKS]) / WEEK)


def expected_day(values: Sequence[float]) -> float:
    """The expected amount of the day after a series."""
    return _usual(past_of(values, PROFILE_WEEKS), 1)[0]


def _usual(past: Past, days: int) -> tuple[float, float]:
    """The expected sum of some days, ending with the next one; and what it has reached before.

    Expected is the usual share of these weekdays in their week, times the present level. Reached
    is the same or, if it is more, the second largest such sum of the last eight weeks.
    """
    values, weeks, level = past
    same = [values[-WEEK - back :: -WEEK] for back in range(days)]
    sums = same[0] if days == 1 else [sum(some) for some in zip(*same, strict=False)]
    sums = sums[:PROFILE_WEEKS]
    shares = [
        WEEK * total / week if week > 0 else 0.0 for total, week in zip(sums, weeks, strict=False)
    ]
    expected = median(shares) * level
    return expected, max(expected, second_largest(sums))


def evaluate(values: Sequence[float], today: float, measure: Measure, rules: Rules) -> Evaluation:
    """Evaluate the day after a series of at least five weeks."""
    past = past_of(values)
    expected, reached = _usual(past, 1)
    narrow = rules.day_spread * expected + measure.grain
    week = today + sum(values[1 - WEEK :])
    if today - reached < 2 * narrow and week - max(past.weeks[1:4]) < CAP_SPREADS * narrow:
        return Evaluation(expected, today - expected, narrow, reached + CAP_SPREADS * narrow)
    relative = _relative_spread(past)
    spread = max(relative * (expected + IDLE_SHARE * past.level), narrow)
    limit = reached
    is_sparse = expected <= SMOOTH * measure.grain
    if is_sparse:  # only more than ever before counts
        largest = max(measure.peak, *values)
        limit = max(reached, rules.sparse * largest)
        spread = max(spread, SMOOTH * largest)
    cap = reached + CAP_SPREADS * spread
    capped = min(today, cap)
    scores = [
        _day_score(today, expected, limit, spread, measure, rules),
        _days_score(past, capped, spread, relative, is_sparse, measure, rules),
        *(
            _weeks_score(past, capped, spread, is_sparse, place, measure, rules)
            for place in (2, 3, 4)
        ),
    ]
    best = max(scores)
    horizon = HORIZONS[scores.index(best)] if best >= 1 else 0
    return Evaluation(expected, today - expected, spread, cap, horizon, best)


def _relative_spread(past: Past) -> float:
    """One standard deviation of a day as a share of its level, from differences to a week before.

    Differences are blind to trend, unlike deviations from a mean (von Neumann, 1941). The larger
    of two estimates, from the middle and from the tail of the differences.
    """
    values = past.values
    n = min(SPREAD_DAYS, len(values) - WEEK)
    smooth = SMOOTH * past.level + 1e-9
    pairs = zip(values[-n:], values[-n - WEEK : -WEEK], strict=True)
    steps = sorted([abs(a - b) / (a + b + smooth) for a, b in pairs])
    return max(steps[n // 2] * DEVIATION, steps[9 * n // 10] * TAIL_DEVIATION)


def _limit(place: int, measure: Measure, rules: Rules) -> float:
    return rules.scores[place] + (rules.service_score if measure.is_service else 0.0)


def _day_score(
    today: float, expected: float, limit: float, spread: float, measure: Measure, rules: Rules
) -> float:
    """Score of a day on its own."""
    if today - expected < max(measure.min_excess, rules.shares[0] * expected):
        return 0.0
    return (today - limit) / spread / _limit(0, measure, rules)


def _days_score(
    past: Past,
    today: float,
    spread: float,
    relative: float,
    is_sparse: bool,
    measure: Measure,
    rules: Rules,
) -> float:
    """Score of the day with the two before it."""
    days = HORIZONS[1]
    total = today + sum(past.values[1 - days :])
    expected, reached = _usual(past, days)
    if is_sparse:
        reached = max(reached, rules.sparse * max(past.weeks[1:]))
    min_excess = max(measure.min_slow_excess, rules.shares[1] * expected)
    if total - expected < min_excess or total <= reached:
        return 0.0
    wide = max(
        1.5 * spread,
        0.75 * relative * expected,
        0.8 * rules.day_spread * expected + 1.5 * measure.grain,
    )
    return (total - reached) / wide / _limit(1, measure, rules)


def _weeks_score(
    past: Past,
    today: float,
    spread: float,
    is_sparse: bool,
    place: int,
    measure: Measure,
    rules: Rules,
) -> float:
    """Score of one, two or three weeks against the eight before them, allowing for usual growth."""
    days = HORIZONS[place]
    number = days // WEEK
    before = past.weeks[number : number + PROFILE_WEEKS]
    if len(before) < MIN_WEEKS:
        return 0.0
    total = (today + sum(past.values[1 - days :])) / number
    reached = second_largest(_means(before, number))
    if is_sparse:
        reached = max(reached, rules.sparse * max(past.weeks[number:]))
    if total <= reached:
        return 0.0
    usual = median(before) + _growth(past.weeks[number:]) * len(before) / 2
    reached = max(reached, usual)
    share = rules.service_share if measure.is_service else rules.shares[place]
    min_excess = measure.min_slow_excess * (1.0 if number == 1 else 1.5) / number
    if total - usual < max(min_excess, share * usual):
        return 0.0
    wide = max(
        _week_spread(past.weeks),
        rules.week_spread * usual + 2 * measure.grain,
        2.2 * spread,
    )
    wide *= float(number**rules.spread_growth) / number
    return (total - reached) / wide / _limit(place, measure, rules)


def _means(weeks: list[float], number: int) -> list[float]:
    """Means of so many neighboring weeks."""
    if number == 1:
        return weeks
    return [sum(weeks[i : i + number]) / number for i in range(len(weeks) - number + 1)]


def _growth(weeks: Sequence[float]) -> float:
    """The money by which a week usually exceeds the one before; never negative."""
    if len(weeks) < GROWTH_WEEKS - 1:
        return 0.0
    steps = [(a - b) / LEVEL_WEEKS for a, b in zip(weeks, weeks[LEVEL_WEEKS:], strict=False)]
    return min(max(median(steps), 0.0), MAX_GROWTH * median(weeks[:PROFILE_WEEKS]))


def _week_spread(weeks: Sequence[float]) -> float:
    """One standard deviation of a week, from its differences to the week before."""
    steps = sorted([abs(a - b) for a, b in pairwise(weeks[1:])])
    n = len(steps)
    return max(steps[n // 2] * WEEK_DEVIATION, steps[8 * n // 10] * WEEK_TAIL_DEVIATION)


def large_days(values: Sequence[float]) -> list[tuple[int, float, float]]:
    """Large days of the first weeks of a series: (index, excess, amount that counts as normal).

    More than three in a row are a level, not single days.
    """
    usual = median(values)
    steps = [abs(a - b) for a, b in zip(values[WEEK:], values, strict=False)]
    spread = max(median(steps) * WEEK_DEVIATION, 0.02 * usual, 0.5)
    large: list[tuple[int, float, float]] = []
    for i, amount in enumerate(values):
        same = sorted(values[i % WEEK :: WEEK])
        middle = same[len(same) // 2]
        others = same[-2] if amount >= same[-1] else same[-1]
        limit = middle + CAP_SPREADS * max(spread, 0.06 * middle)
        if amount > limit and amount > 1.15 * others + 2:
            large.append((i, amount - middle, limit))
    places = {i for i, _, _ in large}
    return [entry for entry in large if not is_in_long_run(entry[0], places)]


def is_in_long_run(place: int, places: Container[int]) -> bool:
    """Whether an index is one of more than three in a row: a level, not a single charge."""
    first = last = place
    while first - 1 in places:
        first -= 1
    while last + 1 in places:
        last += 1
    return last - first >= LONG_RUN
