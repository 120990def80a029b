"""How accurate the month-end forecast was: each closed month as forecast then, and as it ended.

A forecast as of a day is made from the days up to it. Amounts restated since then are as they are
known now, so the record measures the arithmetic, not late data. Months that had no forecast, as
there was no honest range, count in no record.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from services.analysis.figures import amount_over
from services.analysis.forecast import month_end
from services.domain import CostSeries, DaySpan, Month, MonthForecast, TrackRecord

MONTHS = 6


def track_record(span: DaySpan, series: Sequence[CostSeries], data_through: date) -> TrackRecord:
    """The record of an account's forecasts, from its daily amounts over the longest span available.

    Each of the last months is forecast as of the day of the month of ``data_through``.
    """
    forecasts: list[MonthForecast] = []
    month = Month.of(data_through)
    for _ in range(MONTHS):
        month = month.before
        if month.span.first < span.first:
            break
        as_of = month.span.first.replace(day=min(data_through.day, month.span.last.day))
        forecast = month_end(span, series, as_of)
        if forecast is not None:
            forecasts.append(MonthForecast(forecast, _net(span, series, month.span)))
    return TrackRecord(tuple(forecasts))


def _net(span: DaySpan, series: Sequence[CostSeries], part: DaySpan) -> Decimal:
    begin = span.index(part.first)
    return sum((amount_over(s.amounts, begin, len(part)) for s in series), Decimal(0))
