"""Daily costs, in memory."""

import math
from array import array
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime

from services.domain import (
    Category,
    CostChange,
    CostSeries,
    CostTable,
    DaySpan,
    Month,
    SourceName,
    SourceState,
    UsageHistory,
)

Cell = tuple[SourceName, str, str, str, Category | None, date]
"""(source, metric, account, service, category, day); service "" and None for totals."""


class MemoryCosts:
    """Implements ``services.ports.CostStore``: one list of (seen at, amount) for each cell."""

    def __init__(self) -> None:
        self._cells: dict[Cell, list[tuple[datetime, float]]] = {}
        self._detailed: dict[tuple[SourceName, str, str, date], datetime] = {}
        self._metrics: dict[tuple[SourceName, str, Month], str] = {}
        self._currencies: dict[SourceName, str] = {}
        self._names: dict[tuple[SourceName, str, Month], str] = {}
        self._states: dict[SourceName, SourceState] = {}

    def _put(self, cell: Cell, amount: float, at: datetime) -> None:
        source, metric, account, *_, day = cell
        self._metrics[source, account, Month.of(day)] = metric
        seen = self._cells.setdefault(cell, [])
        before = seen[-1][1] if seen else math.nan
        if not (before == amount or (math.isnan(before) and math.isnan(amount))):
            seen.append((at, amount))

    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        self._currencies[source] = table.currency
        for series in table.series:
            for day, amount in zip(table.span, series.amounts, strict=True):
                cell = (source, metric, series.account_id, "", None, day)
                if cell in self._cells or not math.isnan(amount):
                    self._put(cell, amount, seen_at)

    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        self._currencies[source] = table.currency
        read = {
            (source, metric, series.account_id, series.service, series.category, day): amount
            for series in table.series
            for day, amount in zip(table.span, series.amounts, strict=True)
        }
        for cell in list(self._cells):
            inside = cell[2] in accounts and cell[4] is not None and cell[5] in table.span
            if cell[:2] == (source, metric) and inside and cell not in read:
                self._put(cell, math.nan, seen_at)
        for cell, amount in read.items():
            self._put(cell, amount, seen_at)
        for account in accounts:
            for day in table.span:
                if (source, metric, account, day) not in self._detailed:
                    self._detailed[source, metric, account, day] = seen_at
                self._metrics[source, account, Month.of(day)] = metric

    def _known(self, cell: Cell, at: datetime | None) -> float:
        seen = self._cells[cell]
        if at is not None:
            # Of a day that was first seen later, what was seen first is the earliest known.
            at = max(at, self._first_seen(cell, at))
            seen = [(when, amount) for when, amount in seen if when <= at]
        return seen[-1][1] if seen else math.nan

    def _first_seen(self, cell: Cell, default: datetime) -> datetime:
        """When the cell's day was first read, whether it had an amount or not."""
        source, metric, account, _, _, day = cell
        return self._detailed.get((source, metric, account, day), default)

    def _table(
        self,
        source: SourceName,
        accounts: Sequence[str] | None,
        span: DaySpan,
        at: datetime | None,
    ) -> CostTable:
        rows: dict[tuple[str, str, Category | None], array[float]] = {}
        for cell in self._cells:
            of, metric, account, service, category, day = cell
            total = category is None
            if of != source or day not in span or total is not (accounts is None):
                continue
            if accounts is not None and account not in accounts:
                continue
            if self._metrics[source, account, Month.of(day)] != metric:
                continue
            amount = self._known(cell, at)
            if math.isnan(amount):
                continue
            into = rows.setdefault(
                (account, service, category), array("d", [math.nan]) * len(span)
            )
            into[span.index(day)] = amount
        months = set(span.months())
        names = {
            account: name
            for (of, account, month), name in self._names.items()
            if of == source and month in months and (accounts is None or account in accounts)
        }
        series = [CostSeries(*key, amounts) for key, amounts in sorted(rows.items(), key=str)]
        return CostTable(span, self._currencies.get(source, "USD"), series, names)

    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        return self._table(source, accounts, span, None)

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        return self._table(source, None, span, None)

    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        begin = datetime.min.replace(tzinfo=UTC)
        changes = []
        for cell, seen in self._cells.items():
            of, metric, account, service, category, day = cell
            wanted = of == source and account in accounts and day in span
            if not wanted or category is None:
                continue
            if self._metrics[source, account, Month.of(day)] != metric:
                continue
            first = self._first_seen(cell, begin)
            changes += [
                CostChange(account, service, category, day, at, amount)
                for at, amount in seen
                if at > first
            ]
        table = self._table(source, accounts, span, begin)
        return table, sorted(changes, key=lambda change: change.at)

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        touched = span.months()
        whole = DaySpan(touched[0].span.first, touched[-1].span.last)
        table, changes = await self.load_history(source, accounts, whole)
        usage = {None, Category.USAGE}
        begin, end = whole.index(span.first), whole.index(span.last) + 1
        histories = []
        for account in accounts:
            if not any((source, account, month) in self._metrics for month in touched):
                continue
            account_changes = [
                change
                for change in changes
                if change.account_id == account and change.category in usage
            ]
            amounts = {
                change.service: array("d", [math.nan]) * len(span) for change in account_changes
            } | {
                series.service: series.amounts[begin:end]
                for series in table.series
                if series.account_id == account and series.category in usage
            }
            histories.append(UsageHistory(account, span, amounts, account_changes))
        return histories

    async def save_names(
        self, source: SourceName, names: Mapping[str, str], months: Sequence[Month]
    ) -> None:
        for account, name in names.items():
            for month in months:
                if (source, account, month) in self._metrics:
                    self._names[source, account, month] = name

    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        months = {
            Month.of(day)
            for of, _, account, *_, day in self._cells
            if of == source and account in accounts
        }
        return sorted(months, reverse=True)

    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        last_days: dict[str, date] = {}
        for cell in self._cells:
            of, _, account, _, category, day = cell
            if of != source or category is not None or account not in accounts:
                continue
            if not math.isnan(self._known(cell, None)):
                last_days[account] = max(day, last_days.get(account, day))
        return last_days

    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        accounts = {account for of, _, account, _ in self._detailed if of == source}
        return {
            account
            for account in accounts
            if all(
                (source, metric, account, day) in self._detailed
                and self._metrics[source, account, Month.of(day)] == metric
                for day in span
            )
        }

    async def state(self, source: SourceName) -> SourceState:
        return self._states.get(source, SourceState(source=source))

    async def save_state(self, state: SourceState, fields: Collection[str] | None = None) -> None:
        stored = await self.state(state.source)
        chosen = SourceState.model_fields if fields is None else fields
        update = {name: getattr(state, name) for name in chosen}
        self._states[state.source] = stored.model_copy(update=update)
