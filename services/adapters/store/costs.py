"""Daily costs by account and month, and what is known of a source.

Packing and unpacking the days of hundreds of accounts takes a while: it is done in threads, so
that the event loop goes on meanwhile.
"""

import asyncio
import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from pymongo import DESCENDING, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.adapters.store.client import DUPLICATE_KEY, Database, guarded, plain
from services.adapters.store.packing import (
    Key,
    MonthOfCosts,
    category_text,
    day_bits,
    document_id,
    empty,
    from_document,
    unpack,
)
from services.adapters.store.usage import LoadedUsage
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
from services.domain.errors import StoreUnavailableError
from services.runtime.batches import chunked
from services.runtime.compare_and_set import compare_and_set

MAX_ATTEMPTS = 8
DOCUMENTS_AT_ONCE = 500
UNTOTALED = {"totals": 0, "account_name": 0}
"""What detection reads of a month: all but these fields."""

Change = Callable[[MonthOfCosts], bool]
"""Changes a month in place; True when it is another than before."""
SeriesOf = Callable[[MonthOfCosts], Mapping[Key, "array[float]"]]
Write = ReplaceOne[dict[str, Any]]


class MongoCosts:
    """Implements ``services.ports.CostStore``."""

    def __init__(self, db: Database) -> None:
        self._history = db.cost_history
        self._states = db.source_states

    @guarded
    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        changes = await asyncio.to_thread(_totals_changes, table, seen_at)
        await self._apply(source, metric, table.currency, changes)

    @guarded
    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        changes = await asyncio.to_thread(_details_changes, table, accounts, seen_at)
        await self._apply(source, metric, table.currency, changes)

    async def _apply(
        self,
        source: SourceName,
        metric: str,
        currency: str,
        changes: Mapping[tuple[str, Month], Change],
    ) -> None:
        """Reads the documents, changes them, writes those that changed; again on a conflict."""
        remaining = list(changes)

        async def attempt() -> bool | None:
            nonlocal remaining
            conflicts: list[tuple[str, Month]] = []
            for i in range(0, len(remaining), DOCUMENTS_AT_ONCE):
                part = remaining[i : i + DOCUMENTS_AT_ONCE]
                conflicts += await self._apply_part(source, metric, currency, changes, part)
            remaining = conflicts
            return None if remaining else True

        await compare_and_set(
            attempt,
            StoreUnavailableError(
                "Costs are being stored by several processes at once. Try again in a minute."
            ),
            max_attempts=MAX_ATTEMPTS,
        )

    async def _apply_part(
        self,
        source: SourceName,
        metric: str,
        currency: str,
        changes: Mapping[tuple[str, Month], Change],
        part: Sequence[tuple[str, Month]],
    ) -> list[tuple[str, Month]]:
        ids = {document_id(source, account, month): (account, month) for account, month in part}
        docs = await self._history.find({"_id": {"$in": list(ids)}}).to_list(None)

        def changed() -> tuple[list[tuple[str, Month]], list[Write]]:
            stored = {doc["_id"]: from_document(doc) for doc in docs}
            whose, writes = [], []
            for _id, (account, month) in ids.items():
                held = stored.get(_id)
                if held is None or held.metric != metric:
                    # Another metric is another series of costs: it replaces, it is no revision.
                    version = held.version if held else 0
                    name = held.account_name if held else None
                    held = MonthOfCosts(
                        source,
                        account,
                        month,
                        metric,
                        currency,
                        account_name=name,
                        version=version,
                    )
                if changes[account, month](held):
                    held.currency = currency
                    whose.append((account, month))
                    writes.append(_write(held))
            return whose, writes

        return await self._written(*await asyncio.to_thread(changed))

    async def _written(
        self, whose: Sequence[tuple[str, Month]], writes: Sequence[Write]
    ) -> list[tuple[str, Month]]:
        """Compare-and-set on the version; the (account, month) of those that lost."""
        if not writes:
            return []
        try:
            await self._history.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            problems = error.details["writeErrors"]
            if any(problem["code"] != DUPLICATE_KEY for problem in problems):
                raise
            return [whose[problem["index"]] for problem in problems]
        return []

    @guarded
    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        return await self._load(source, accounts, span, lambda month: month.series)

    @guarded
    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        changes: list[CostChange] = []

        def first_seen(month: MonthOfCosts) -> "Mapping[Key, array[float]]":
            series, later = month.history()
            for at, (service, category), number, amount in later:
                day = month.month.span.first.replace(day=number)
                if day in span:
                    of = Category(category) if category else None
                    changes.append(CostChange(month.account_id, service, of, day, at, amount))
            return series

        table = await self._load(source, accounts, span, first_seen)
        return table, sorted(changes, key=lambda one: one.at)

    @guarded
    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        found = LoadedUsage(span)
        months = span.months()
        for part in chunked(accounts, max(DOCUMENTS_AT_ONCE // len(months), 1)):
            ids = [document_id(source, account, month) for month in months for account in part]
            docs = await self._history.find({"_id": {"$in": ids}}, UNTOTALED).to_list(None)
            await asyncio.to_thread(found.add, sorted(docs, key=itemgetter("month")))
        return await asyncio.to_thread(found.histories)

    async def _load(
        self,
        source: SourceName,
        accounts: Sequence[str],
        span: DaySpan,
        series_of: SeriesOf,
    ) -> CostTable:
        found = _Loaded(span)
        ids = [
            document_id(source, account, month) for account in accounts for month in span.months()
        ]
        for i in range(0, len(ids), DOCUMENTS_AT_ONCE):
            query = {"_id": {"$in": ids[i : i + DOCUMENTS_AT_ONCE]}}
            docs = await self._history.find(query).to_list(None)
            await asyncio.to_thread(found.add, docs, series_of)
        return await asyncio.to_thread(found.table)

    @guarded
    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        months = [str(month) for month in span.months()]
        fields = {"account_id": 1, "month": 1, "totals": 1, "account_name": 1, "currency": 1}
        query = {"source": source, "month": {"$in": months}}
        cursor = self._history.find(query, fields)
        found = _LoadedTotals(span)
        while docs := await cursor.to_list(DOCUMENTS_AT_ONCE):
            await asyncio.to_thread(found.add, docs)
        return await asyncio.to_thread(found.table)

    @guarded
    async def save_names(
        self, source: SourceName, names: Mapping[str, str], months: Sequence[Month]
    ) -> None:
        writes = [
            UpdateOne(
                {"_id": document_id(source, account, month)}, {"$set": {"account_name": name}}
            )
            for account, name in names.items()
            for month in months
        ]
        if writes:
            await self._history.bulk_write(writes, ordered=False)

    @guarded
    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        query = {"source": source, "account_id": {"$in": list(accounts)}}
        names = sorted(await self._history.distinct("month", query), reverse=True)
        return [Month(int(name[:4]), int(name[5:])) for name in names]

    @guarded
    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        found: dict[str, date] = {}
        for account in accounts:
            cursor = self._history.find(
                {"source": source, "account_id": account}, {"month": 1, "totals": 1}
            )
            async for doc in cursor.sort([("month", DESCENDING)]):
                known = [i for i, x in enumerate(unpack(doc["totals"]), 1) if not math.isnan(x)]
                if known:
                    year, number = doc["month"].split("-")
                    found[account] = date(int(year), int(number), known[-1])
                    break
        return found

    @guarded
    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        covered: dict[str, int] = {}
        months = span.months()
        for month in months:
            query = {
                "source": source,
                "month": str(month),
                "metric": metric,
                "covered": {"$bitsAllSet": day_bits(month_days(span, month))},
            }
            async for doc in self._history.find(query, {"account_id": 1}):
                covered[doc["account_id"]] = covered.get(doc["account_id"], 0) + 1
        return {account for account, number in covered.items() if number == len(months)}

    @guarded
    async def state(self, source: SourceName) -> SourceState:
        doc = await self._states.find_one({"_id": source})
        if doc is None:
            return SourceState(source=source)
        doc.pop("_id")
        return SourceState(source=source, **doc)

    @guarded
    async def save_state(self, state: SourceState) -> None:
        doc = plain(state.model_dump(exclude={"source"}))
        await self._states.replace_one({"_id": state.source}, doc, upsert=True)


class _Loaded:
    """A table that is put together document by document."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._found: dict[tuple[str, Key], array[float]] = {}
        self._names: dict[str, str] = {}
        self._currency = "USD"

    def add(self, docs: Sequence[dict[str, Any]], series_of: SeriesOf) -> None:
        for doc in docs:
            month = from_document(doc)
            self._currency = month.currency
            if month.account_name:
                self._names[month.account_id] = month.account_name
            for key, amounts in series_of(month).items():
                into = self._found.setdefault((month.account_id, key), empty(len(self._span)))
                copy_month(self._span, month.month, amounts, into)

    def table(self) -> CostTable:
        series = [
            CostSeries(account, service, Category(category) if category else None, amounts)
            for (account, (service, category)), amounts in self._found.items()
        ]
        return CostTable(self._span, self._currency, series, self._names)


class _LoadedTotals:
    """The same of the accounts' totals."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._found: dict[str, array[float]] = {}
        self._names: dict[str, str] = {}
        self._currency = "USD"

    def add(self, docs: Sequence[dict[str, Any]]) -> None:
        for doc in docs:
            year, number = doc["month"].split("-")
            into = self._found.setdefault(doc["account_id"], empty(len(self._span)))
            copy_month(self._span, Month(int(year), int(number)), unpack(doc["totals"]), into)
            self._currency = doc["currency"]
            if doc.get("account_name"):
                self._names[doc["account_id"]] = doc["account_name"]

    def table(self) -> CostTable:
        series = [
            CostSeries(account, "", None, amounts)
            for account, amounts in sorted(self._found.items())
            if not all(map(math.isnan, amounts))
        ]
        return CostTable(self._span, self._currency, series, self._names)


def _totals_changes(table: CostTable, seen_at: datetime) -> dict[tuple[str, Month], Change]:
    return {
        (series.account_id, month): _totals_change(
            days_of_month(table.span, month, series.amounts), seen_at
        )
        for series in table.series
        for month in table.span.months()
    }


def _details_changes(
    table: CostTable, accounts: Sequence[str], seen_at: datetime
) -> dict[tuple[str, Month], Change]:
    found: dict[tuple[str, Month], dict[Key, Mapping[int, float]]] = {
        (account, month): {} for account in accounts for month in table.span.months()
    }
    for series in table.series:
        key = (series.service, category_text(series.category))
        for month, days in by_month(table.span, series.amounts).items():
            found[series.account_id, month][key] = days
    return {
        (account, month): _details_change(details, month_days(table.span, month), seen_at)
        for (account, month), details in found.items()
    }


def _write(month: MonthOfCosts) -> Write:
    expected = month.version
    month.version += 1
    return ReplaceOne({"_id": month.id, "version": expected}, month.document(), upsert=True)


def month_days(span: DaySpan, month: Month) -> list[int]:
    """The days of the month (1–31) that lie in the span."""
    first = max(span.first, month.span.first)
    last = min(span.last, month.span.last)
    return list(range(first.day, last.day + 1))


def days_of_month(span: DaySpan, month: Month, amounts: "Sequence[float]") -> dict[int, float]:
    """The amounts of those days of a month that lie in the span, NaN where there is no data."""
    days = month_days(span, month)
    begin = (month.span.first.replace(day=days[0]) - span.first).days
    return dict(zip(days, amounts[begin : begin + len(days)], strict=True))


def by_month(span: DaySpan, amounts: "Iterable[float]") -> dict[Month, dict[int, float]]:
    """Amounts with data, by month and day of the month."""
    found: dict[Month, dict[int, float]] = {}
    for day, amount in zip(span, amounts, strict=True):
        if not math.isnan(amount):
            found.setdefault(Month.of(day), {})[day.day] = amount
    return found


def copy_month(span: DaySpan, month: Month, amounts: "array[float]", into: "array[float]") -> None:
    """Copies a month's slots into their places of a span."""
    days = month_days(span, month)
    if days:
        at = (month.span.first.replace(day=days[0]) - span.first).days
        into[at : at + len(days)] = amounts[days[0] - 1 : days[-1]]


def _totals_change(days: Mapping[int, float], at: datetime) -> Change:
    return lambda month: month.set_totals(days, at)


def _details_change(
    details: Mapping[Key, Mapping[int, float]], days: Sequence[int], at: datetime
) -> Change:
    return lambda month: month.set_details(details, days, at)
