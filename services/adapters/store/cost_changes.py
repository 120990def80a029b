"""What a cost table changes in stored months: one update per account and month."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.adapters.store.month_days import by_month, days_of_month, month_days
from services.adapters.store.packing import Key, MonthOfCosts, category_text
from services.domain import CostTable, Month

MonthUpdate = Callable[[MonthOfCosts], bool]
"""Changes a month in place; True when anything is different afterwards.

A function rather than a new month, so that it can be applied again to what another process has
written in the meantime.
"""
MonthUpdates = dict[tuple[str, Month], MonthUpdate]
"""By account and month."""


def totals_updates(table: CostTable, seen_at: datetime) -> MonthUpdates:
    return {
        (series.account_id, month): _totals_update(
            days_of_month(table.span, month, series.amounts), seen_at
        )
        for series in table.series
        for month in table.span.months()
    }


def details_updates(table: CostTable, accounts: Sequence[str], seen_at: datetime) -> MonthUpdates:
    details_by_month: dict[tuple[str, Month], dict[Key, Mapping[int, float]]] = {
        (account, month): {} for account in accounts for month in table.span.months()
    }
    for series in table.series:
        key = (series.service, category_text(series.category))
        for month, days in by_month(table.span, series.amounts).items():
            details_by_month[series.account_id, month][key] = days
    return {
        (account, month): _details_update(details, month_days(table.span, month), seen_at)
        for (account, month), details in details_by_month.items()
    }


def _totals_update(days: Mapping[int, float], at: datetime) -> MonthUpdate:
    return lambda month: month.set_totals(days, at)


def _details_update(
    details: Mapping[Key, Mapping[int, float]], days: Sequence[int], at: datetime
) -> MonthUpdate:
    return lambda month: month.set_details(details, days, at)
