"""How accurate the month-end forecast was: each closed month as forecast then, and as it ended.

A forecast as of a day is made from the days up to it. Amounts restated since then are as they are
known now, so the record measures the arithmetic, not late data.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.figures import amount_over
from services.analysis.forecast import DAYS_BACK, month_end
from services.domain import CostSeries, DaySpan, Forecast, Month, MonthForecast, TrackRecord

MONTHS = 6
HISTORY = timedelta(days=MONTHS * 31 + DAYS_BACK + 31)
"""How many days before a day show the accuracy of its forecast."""
MIN_HISTORY_DAYS = 28
"""With fewer days before it, a past month would be forecast from less than this month is."""


def track_record(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> TrackRecord:
    """The record of an account's forecasts, from its daily amounts over the longest span available.

    Each month is forecast as of the day of the month of ``data_through``. Months that begin
    before the account has four weeks of data are left out.
    """
    begin = _first_day(span, series)
    forecasts: list[MonthForecast] = []
    month = Month.of(data_through).before
    while begin is not None and len(forecasts) < MONTHS and month.span.first >= span.first:
        as_of = month.span.first.replace(day=min(data_through.day, month.span.last.day))
        if as_of - timedelta(days=MIN_HISTORY_DAYS) < begin:
            break
        forecast = _forecast(span, series, as_of)
        if forecast is not None:
            forecasts.append(MonthForecast(forecast, _net(span, series, month.span)))
        month = month.before
    return TrackRecord(tuple(forecasts))


def _forecast(span: DaySpan, series: Sequence[CostSeries], as_of: date) -> Forecast | None:
    """The forecast as of a past day, from no more than was known then."""
    first = max(as_of - timedelta(days=DAYS_BACK + 31), span.first)
    begin, end = span.index(first), span.index(as_of) + 1
    past = [CostSeries(s.account_id, s.service, s.category, s.amounts[begin:end]) for s in series]
    return month_end(DaySpan(first, as_of), past, as_of)


def _net(span: DaySpan, series: Sequence[CostSeries], part: DaySpan) -> Decimal:
    begin = span.index(part.first)
    return sum((amount_over(s.amounts, begin, len(part)) for s in series), Decimal(0))


def _first_day(span: DaySpan, series: Sequence[CostSeries]) -> date | None:
    first = min(
        (i for s in series for i, amount in enumerate(s.amounts) if not math.isnan(amount)),
        default=None,
    )
    return None if first is None else span.first + timedelta(days=first)
