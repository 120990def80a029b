"""Daily costs by account and month, and the state of each source.

A document holds one account's month: with one document per day, 1,000 accounts would write 31
times as many. Packing and unpacking hundreds of them takes long enough to be done in threads, so
that the event loop keeps answering.
"""

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from pymongo import DESCENDING, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.adapters.store.client import DUPLICATE_KEY, Database, guarded, plain
from services.adapters.store.cost_changes import MonthUpdates, details_updates, totals_updates
from services.adapters.store.cost_tables import LoadedCosts, LoadedTotals, SeriesOf
from services.adapters.store.month_days import month_days
from services.adapters.store.packing import (
    Key,
    MonthOfCosts,
    day_bits,
    document_id,
    from_document,
    unpack,
)
from services.adapters.store.usage import LoadedUsage
from services.domain import (
    Category,
    CostChange,
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

if TYPE_CHECKING:
    from array import array

MAX_ATTEMPTS = 8
BATCH_SIZE = 500
"""Documents per query or bulk write: memory stays bounded however many accounts there are."""
WITHOUT_TOTALS = {"totals": 0, "account_name": 0}
"""The projection for detection, which reads services only."""

AccountMonth = tuple[str, Month]
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
        updates = await asyncio.to_thread(totals_updates, table, seen_at)
        await self._apply(source, metric, table.currency, updates)

    @guarded
    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        updates = await asyncio.to_thread(details_updates, table, accounts, seen_at)
        await self._apply(source, metric, table.currency, updates)

    async def _apply(
        self, source: SourceName, metric: str, currency: str, updates: MonthUpdates
    ) -> None:
        """Read the documents, update them, write those that changed; again after a conflict."""
        remaining = list(updates)

        async def attempt() -> bool | None:
            nonlocal remaining
            conflicts: list[AccountMonth] = []
            for batch in chunked(remaining, BATCH_SIZE):
                conflicts += await self._apply_batch(source, metric, currency, updates, batch)
            remaining = conflicts
            return None if remaining else True

        await compare_and_set(
            attempt,
            StoreUnavailableError(
                "Several processes are storing costs at once. Try again in a minute."
            ),
            max_attempts=MAX_ATTEMPTS,
        )

    async def _apply_batch(
        self,
        source: SourceName,
        metric: str,
        currency: str,
        updates: MonthUpdates,
        batch: Sequence[AccountMonth],
    ) -> list[AccountMonth]:
        ids = {document_id(source, account, month): (account, month) for account, month in batch}
        docs = await self._history.find({"_id": {"$in": list(ids)}}).to_list(None)

        def prepare_writes() -> tuple[list[AccountMonth], list[Write]]:
            stored = {doc["_id"]: from_document(doc) for doc in docs}
            changed, writes = [], []
            for _id, (account, month) in ids.items():
                costs = stored.get(_id)
                if costs is None or costs.metric != metric:
                    # Another metric counts other costs: its amounts replace the stored ones and
                    # are not revisions of them.
                    costs = MonthOfCosts(
                        source,
                        account,
                        month,
                        metric,
                        currency,
                        account_name=costs.account_name if costs else None,
                        version=costs.version if costs else 0,
                    )
                if updates[account, month](costs):
                    costs.currency = currency
                    changed.append((account, month))
                    writes.append(_write(costs))
            return changed, writes

        return await self._write_all(*await asyncio.to_thread(prepare_writes))

    async def _write_all(
        self, changed: Sequence[AccountMonth], writes: Sequence[Write]
    ) -> list[AccountMonth]:
        """Write by compare-and-set on the version; return the (account, month) of lost writes."""
        if not writes:
            return []
        try:
            # One unordered bulk write: replacing 500 documents one by one takes about 20 times
            # the CPU of the driver, and more than 25 times as long.
            await self._history.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            problems = error.details["writeErrors"]
            # The filter holds the version that was read. When it has moved on, the upsert inserts
            # the same ``_id`` again, and MongoDB reports a lost race as a duplicate key.
            if any(problem["code"] != DUPLICATE_KEY for problem in problems):
                raise
            return [changed[problem["index"]] for problem in problems]
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
            series, later_changes = month.history()
            for at, (service, stored_category), day_of_month, amount in later_changes:
                day = month.month.span.first.replace(day=day_of_month)
                if day in span:
                    category = Category(stored_category) if stored_category else None
                    changes.append(
                        CostChange(month.account_id, service, category, day, at, amount)
                    )
            return series

        table = await self._load(source, accounts, span, first_seen)
        return table, sorted(changes, key=attrgetter("at"))

    @guarded
    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        usage = LoadedUsage(span)
        months = span.months()
        for batch in chunked(accounts, max(BATCH_SIZE // len(months), 1)):
            ids = [document_id(source, account, month) for month in months for account in batch]
            docs = await self._history.find({"_id": {"$in": ids}}, WITHOUT_TOTALS).to_list(None)
            await asyncio.to_thread(usage.add, sorted(docs, key=itemgetter("month")))
        return await asyncio.to_thread(usage.histories)

    async def _load(
        self,
        source: SourceName,
        accounts: Sequence[str],
        span: DaySpan,
        series_of: SeriesOf,
    ) -> CostTable:
        costs = LoadedCosts(span)
        ids = [
            document_id(source, account, month) for account in accounts for month in span.months()
        ]
        for batch in chunked(ids, BATCH_SIZE):
            docs = await self._history.find({"_id": {"$in": list(batch)}}).to_list(None)
            await asyncio.to_thread(costs.add, docs, series_of)
        return await asyncio.to_thread(costs.table)

    @guarded
    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        months = [str(month) for month in span.months()]
        fields = {"account_id": 1, "month": 1, "totals": 1, "account_name": 1, "currency": 1}
        query = {"source": source, "month": {"$in": months}}
        cursor = self._history.find(query, fields)
        totals = LoadedTotals(span)
        while docs := await cursor.to_list(BATCH_SIZE):
            await asyncio.to_thread(totals.add, docs)
        return await asyncio.to_thread(totals.table)

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
        days: dict[str, date] = {}
        for account in accounts:
            cursor = self._history.find(
                {"source": source, "account_id": account}, {"month": 1, "totals": 1}
            )
            async for doc in cursor.sort([("month", DESCENDING)]):
                totals = enumerate(unpack(doc["totals"]), 1)
                days_with_data = [day for day, total in totals if not math.isnan(total)]
                if days_with_data:
                    year, number = doc["month"].split("-")
                    days[account] = date(int(year), int(number), days_with_data[-1])
                    break
        return days

    @guarded
    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        months_covered: dict[str, int] = {}
        months = span.months()
        for month in months:
            query = {
                "source": source,
                "month": str(month),
                "metric": metric,
                "covered": {"$bitsAllSet": day_bits(month_days(span, month))},
            }
            async for doc in self._history.find(query, {"account_id": 1}):
                account = doc["account_id"]
                months_covered[account] = months_covered.get(account, 0) + 1
        return {account for account, number in months_covered.items() if number == len(months)}

    @guarded
    async def state(self, source: SourceName) -> SourceState:
        doc = await self._states.find_one({"_id": source})
        if doc is None:
            return SourceState(source=source)
        doc.pop("_id")
        return SourceState(source=source, **doc)

    @guarded
    async def save_state(self, state: SourceState, fields: Collection[str] | None = None) -> None:
        chosen = None if fields is None else set(fields)
        doc = plain(state.model_dump(include=chosen, exclude={"source"}))
        await self._states.update_one({"_id": state.source}, {"$set": doc}, upsert=True)


def _write(costs: MonthOfCosts) -> Write:
    version_read = costs.version
    costs.version += 1
    return ReplaceOne({"_id": costs.id, "version": version_read}, costs.document(), upsert=True)
