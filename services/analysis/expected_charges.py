"""Which fees, taxes, and credits the rest of a month brings, if they still come."""

from collections.abc import Sequence

from services.analysis.daily_costs import RECENT_DAYS, WEEK, DailyCosts, Rest

MIN_DAILY_DAYS = 14
"""Days with amounts among 28, or five of the last week, that make a charge a daily one."""
MIN_DAYS_IN_WEEK = 5
MAX_PAUSE = 3
"""A daily charge that has not come for so many days has ended; a weekend is no end."""


def expected_charges(costs: DailyCosts, rest: Rest) -> tuple[float, float]:
    """All charges of the rest of a month, and the credits among them (negative)."""
    total = credits_to_come = 0.0
    for amounts in costs.charges:
        expected = _expected(amounts, costs, rest)
        total += expected
        credits_to_come += min(expected, 0.0)
    return total, credits_to_come


def _expected(amounts: Sequence[float], costs: DailyCosts, rest: Rest) -> float:
    now = rest.after + 1
    week = amounts[max(now - WEEK, 0) : now]
    recent = amounts[max(now - RECENT_DAYS, 0) : now]
    if sum(map(bool, recent)) >= MIN_DAILY_DAYS or sum(map(bool, week)) >= MIN_DAYS_IN_WEEK:
        return sum(week) / len(week) * rest.days if any(week[-MAX_PAUSE:]) else 0.0
    return _monthly(amounts, costs, rest)


def _monthly(amounts: Sequence[float], costs: DailyCosts, rest: Rest) -> float:
    """What came on the same days of last month, and also of the month before if that is known."""
    if rest.month == 0:
        return 0.0
    this, before = costs.months[rest.month], costs.months[rest.month - 1]
    days = rest.after + 1 - this.first
    came_before = any(amounts[max(before.first, 0) : max(before.first + days, 0)])
    if came_before and not any(amounts[max(this.first, 0) : rest.after + 1]):
        return 0.0  # it came by this day last month, and has not come this month: it has ended
    total = 0.0
    for day in rest.to_come:
        last = costs.same_day_before(day, rest.month)
        if last >= 0 and amounts[last]:
            earlier = costs.same_day_before(last, rest.month - 1)
            if earlier < 0 or amounts[earlier]:
                total += amounts[last]
    return total
