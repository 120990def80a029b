"""Cost tables put together from stored months, one batch of documents at a time."""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.adapters.store.month_days import copy_month
from services.adapters.store.packing import Key, MonthOfCosts, empty, from_document, unpack
from services.domain import Category, CostSeries, CostTable, DaySpan, Month

SeriesOf = Callable[[MonthOfCosts], Mapping[Key, "array[float]"]]
"""Which series of a month go into the table."""


class LoadedCosts:
    """Costs by account, service and charge category."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._amounts: dict[tuple[str, Key], array[float]] = {}
        self._names: dict[str, str] = {}
        self._currency = "USD"

    def add(self, docs: Sequence[dict[str, Any]], series_of: SeriesOf) -> None:
        for doc in docs:
            month = from_document(doc)
            self._currency = month.currency
            if month.account_name:
                self._names[month.account_id] = month.account_name
            for key, amounts in series_of(month).items():
                into = self._amounts.setdefault((month.account_id, key), empty(len(self._span)))
                copy_month(self._span, month.month, amounts, into)

    def table(self) -> CostTable:
        series = [
            CostSeries(account, service, Category(category) if category else None, amounts)
            for (account, (service, category)), amounts in self._amounts.items()
        ]
        return CostTable(self._span, self._currency, series, self._names)


class LoadedTotals:
    """Daily totals by account."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._amounts: dict[str, array[float]] = {}
        self._names: dict[str, str] = {}
        self._currency = "USD"

    def add(self, docs: Sequence[dict[str, Any]]) -> None:
        for doc in docs:
            year, number = doc["month"].split("-")
            into = self._amounts.setdefault(doc["account_id"], empty(len(self._span)))
            copy_month(self._span, Month(int(year), int(number)), unpack(doc["totals"]), into)
            self._currency = doc["currency"]
            if doc.get("account_name"):
                self._names[doc["account_id"]] = doc["account_name"]

    def table(self) -> CostTable:
        series = [
            CostSeries(account, "", None, amounts)
            for account, amounts in sorted(self._amounts.items())
            if not all(map(math.isnan, amounts))
        ]
        return CostTable(self._span, self._currency, series, self._names)
