"""Month-end forecast: what is there, plus the usual day for each day that is left.

The usual day is the median usage of the same weekday over the last four weeks. One-off charges
(fees, tax, credits, refunds) are counted where they happened and not repeated. The 80 % range
comes from how far the usual day was off in those weeks: with r days left and a standard
deviation s of the daily error, ± 1.2816 × s × √r widened by r × s / √n for the level's own
uncertainty over n days (normal approximation), and never less than 1 % of the rest.
"""

import math
import statistics
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.model import Category, CostSeries, DaySpan, Forecast, Month

FEWEST_DAYS = 14
DAYS_BACK = 28
Z80 = 1.2815515655446004
"""The 90th percentile of the standard normal: 10 % lie beyond each end."""
LEAST_SHARE = 0.01


def month_end(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> Forecast | None:
    """Net cost expected at the end of the month of ``data_through``, with its 80 % range.

    None with fewer than 14 days of usage in the last four weeks, and when the month is complete.
    """
    month = Month.of(data_through)
    left = DaySpan(data_through, month.span.last)
    last = span.index(data_through)
    recent = _recent_usage(series, last)
    if len(left) == 1 or len(recent) < FEWEST_DAYS:
        return None
    first = max((month.span.first - span.first).days, 0)
    so_far = math.fsum(
        x for one in series for x in one.amounts[first : last + 1] if not math.isnan(x)
    )
    usual = _usual_days(recent, data_through)
    rest = math.fsum(usual[day.weekday()] for day in list(left)[1:])
    spread = statistics.pstdev(
        [
            amount - usual[(data_through - timedelta(days=back)).weekday()]
            for back, amount in recent
        ]
    )
    days_left = len(left) - 1
    half = Z80 * math.hypot(
        spread * math.sqrt(days_left), days_left * spread / math.sqrt(len(recent))
    )
    half = max(half, LEAST_SHARE * abs(rest))
    return Forecast(
        month=str(month),
        amount=_money(so_far + rest),
        low=_money(so_far + rest - half),
        high=_money(so_far + rest + half),
    )


def _recent_usage(series: Sequence[CostSeries], last: int) -> list[tuple[int, float]]:
    """(days back, usage) of the days with data in the last four weeks."""
    found = []
    for back in range(min(DAYS_BACK, last + 1)):
        amounts = [
            one.amounts[last - back]
            for one in series
            if one.category in {Category.USAGE, None} and not math.isnan(one.amounts[last - back])
        ]
        if amounts:
            found.append((back, math.fsum(amounts)))
    return found


def _usual_days(recent: Sequence[tuple[int, float]], data_through: date) -> list[float]:
    """The median usage by weekday (Monday 0); the overall median where a weekday has no data."""
    overall = statistics.median(amount for _, amount in recent)
    by_weekday: list[list[float]] = [[] for _ in range(7)]
    for back, amount in recent:
        by_weekday[(data_through - timedelta(days=back)).weekday()].append(amount)
    return [statistics.median(amounts) if amounts else overall for amounts in by_weekday]


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 2)))
