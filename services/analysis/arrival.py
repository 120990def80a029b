"""Whether an account's costs still arrive, and which of its days are compared."""

import math
from array import array
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta

from services.analysis.windows import comparison_window, own_window
from services.domain import CostSeries, CostTable, DataState, DaySpan, Window

REGULAR_DAYS, REGULAR_OF = 25, 28
"""An account is regular if it had costs on 25 of the 28 days up to its last day with costs.

Only then is a gap news: an account with one charge on the 1st of each month has a gap every day.
"""
MIN_REGULAR_DAYS = 2
"""Where fewer than 28 days are loaded before the last one, the same share, but not of one day."""
WEEK = 7
MAX_LATE_DAYS = 7
"""Days without costs up to which a regular account is late; after more, it is silent."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far an account's costs have arrived."""

    state: DataState
    window: Window
    """What is compared; nothing is, if the account is left out."""
    through: date
    """The last day to compare: of a late account, its last day with costs."""


def arrival(days: Collection[date], loaded: DaySpan) -> Arrival:
    """The arrival of an account with costs on ``days`` of those loaded, which end on the last complete one.

    A late account is compared over its own days, both sides alike, so that a day that has not
    arrived is never a fall.
    """
    window = comparison_window(loaded.last)
    state = _state(days, loaded)
    if state is not DataState.LATE:
        return Arrival(state, window, loaded.last)
    own = own_window(window, max(days))
    if own is None:
        return Arrival(DataState.LEFT_OUT, window, max(days))
    return Arrival(state, own, max(days))


def with_late_days(table: CostTable, data_through: date) -> CostTable:
    """Fill the missing days of late accounts with those of the week before.

    So the sum of all accounts, from which a month is forecast, does not fall where one is late.
    The table has one series for each account and ends on ``data_through``.
    """
    return replace(
        table, series=[_filled(table.span, entry, data_through) for entry in table.series]
    )


def _filled(span: DaySpan, entry: CostSeries, data_through: date) -> CostSeries:
    days = [day for day, x in zip(span, entry.amounts, strict=True) if not math.isnan(x)]
    if _state(days, DaySpan(span.first, data_through)) is not DataState.LATE:
        return entry
    amounts = array("d", entry.amounts)
    for i in range(span.index(max(days)) + 1, span.index(data_through) + 1):
        amounts[i] = amounts[i - WEEK]
    return replace(entry, amounts=amounts)


def _state(days: Collection[date], loaded: DaySpan) -> DataState:
    if not days:
        return DataState.SILENT
    last = max(days)
    missing = (loaded.last - last).days
    if not missing or not _is_regular(days, DaySpan(loaded.first, last)):
        return DataState.CURRENT
    return DataState.LATE if missing <= MAX_LATE_DAYS else DataState.SILENT


def _is_regular(days: Collection[date], loaded: DaySpan) -> bool:
    begin = max(loaded.first, loaded.last - timedelta(days=REGULAR_OF - 1))
    number = sum(day >= begin for day in days)
    length = len(DaySpan(begin, loaded.last))
    return number >= MIN_REGULAR_DAYS and number * REGULAR_OF >= REGULAR_DAYS * length
