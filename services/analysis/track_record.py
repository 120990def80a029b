"""How the month-end forecast has done: each closed month as it was forecast then, and as it came.

Causal: a forecast as of a day is made from the days up to it. Amounts restated since then are as
they are known now, so the record is that of the arithmetic, not of late data.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.figures import amount_over
from services.analysis.forecast import DAYS_BACK, month_end
from services.model import CostSeries, DaySpan, Forecast, Month, MonthForecast, TrackRecord

MONTHS = 6
HISTORY = timedelta(days=MONTHS * 31 + DAYS_BACK + 31)
"""So many days before a day say how its forecast has done."""
LEAST_BACK = 28
"""With fewer days before it, a past month would be forecast from less than this one is."""


def track_record(
    span: DaySpan, series: Sequence[CostSeries], data_through: date, months: int = MONTHS
) -> TrackRecord:
    """The record of an account's forecasts, from its daily amounts over as long a span as there is.

    Each month is forecast as of the day of the month of ``data_through``. Months that begin
    before the account has four weeks of data are left out.
    """
    begin = _first_day(span, series)
    found: list[MonthForecast] = []
    month = Month.of(data_through).before
    while begin is not None and len(found) < months and month.span.first >= span.first:
        as_of = month.span.first.replace(day=min(data_through.day, month.span.last.day))
        if as_of - timedelta(days=LEAST_BACK) < begin:
            break
        made = _made(span, series, as_of)
        if made is not None:
            found.append(MonthForecast(as_of, made, _net(span, series, month.span)))
        month = month.before
    return TrackRecord(tuple(found))


def _made(span: DaySpan, series: Sequence[CostSeries], as_of: date) -> Forecast | None:
    """The forecast of a past day, from no more than was there."""
    first = max(as_of - timedelta(days=DAYS_BACK + 31), span.first)
    begin, end = span.index(first), span.index(as_of) + 1
    cut = [
        CostSeries(one.account_id, one.service, one.category, one.amounts[begin:end])
        for one in series
    ]
    return month_end(DaySpan(first, as_of), cut, as_of)


def _net(span: DaySpan, series: Sequence[CostSeries], part: DaySpan) -> Decimal:
    begin = span.index(part.first)
    return sum((amount_over(one.amounts, begin, len(part)) for one in series), Decimal(0))


def _first_day(span: DaySpan, series: Sequence[CostSeries]) -> date | None:
    first = min(
        (i for one in series for i, x in enumerate(one.amounts) if not math.isnan(x)),
        default=None,
    )
    return None if first is None else span.first + timedelta(days=first)
