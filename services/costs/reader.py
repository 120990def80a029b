"""Reads from a cost source, and rejects responses that do not add up.

The daily totals by account must add up to the ungrouped total, and the amounts by service to their
account, each day to the cent. A response that does not is requested again in smaller batches; if
that does not help, nothing is stored. Otherwise a source that silently drops groups would lead to
a report whose total is too small.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from services.analysis.tables import cut, details_off_by, joined, off_by, with_silent
from services.costs.query_batches import QueryBatches
from services.domain import (
    UNATTRIBUTED,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    SourceDescription,
    SourceState,
)
from services.domain.errors import IncompleteCostsError, ResponseTooLargeError
from services.ports import CostSource, CostStore


class CostReader:
    """Reads one source, and checks and stores what it reads."""

    def __init__(self, source: CostSource, store: CostStore) -> None:
        self.source = source
        self.store = store

    @property
    def description(self) -> SourceDescription:
        return self.source.description

    async def state(self) -> SourceState:
        return await self.store.state(self.description.name)

    async def metric(self, span: DaySpan) -> str:
        """The metric to read, as the source chooses it."""
        return await self.source.choose_metric(span, (await self.state()).metric)

    async def stored_totals(self, span: DaySpan) -> CostTable:
        return await self.store.load_totals(self.description.name, span)

    async def save_totals(self, metric: str, table: CostTable, now: datetime) -> None:
        await self.store.save_totals(self.description.name, metric, table, now)

    async def read_accounts(self, now: datetime, accounts: Sequence[str], span: DaySpan) -> None:
        """Read and store some accounts, checked against their own ungrouped total."""
        metric = await self.metric(span)
        total = await self.source.total(metric, span, accounts)
        by_account = with_silent(await self._in_batches(metric, span, accounts), accounts)
        await asyncio.to_thread(_require_sum, by_account, total, "the accounts")
        await self.save_totals(metric, by_account, now)
        async for _ in self.save_details(metric, by_account, accounts, now):
            pass

    async def by_account(
        self, metric: str, total: CostTable, accounts: Sequence[str]
    ) -> CostTable:
        """Daily totals of every account, which add up to ``total``.

        ``accounts`` are requested one batch after the other, with those that are stored, where one
        response cannot cover all accounts.
        """
        span = total.span
        # A second try, as costs may be restated between two responses.
        for _ in range(2):
            try:
                table = await self._all_accounts(metric, span)
            except ResponseTooLargeError:
                break
            if await asyncio.to_thread(off_by, table, total) is None:
                return table
            total = cut(await self.source.total(metric, span), span)
        stored = {series.account_id for series in (await self.stored_totals(span)).series}
        known = sorted((stored | set(accounts)) - {UNATTRIBUTED})
        table = await self._in_batches(metric, span, known)
        await asyncio.to_thread(_require_sum, table, total, "the known accounts")
        return table

    async def _all_accounts(self, metric: str, span: DaySpan) -> CostTable:
        """All accounts in one response, or over fewer days at a time where that is too large."""
        try:
            return await self.source.by_account(metric, span)
        except ResponseTooLargeError:
            if len(span) == 1:
                raise
        middle = span.first + timedelta(days=len(span) // 2)
        before = await self._all_accounts(metric, DaySpan(span.first, middle - timedelta(days=1)))
        after = await self._all_accounts(metric, DaySpan(middle, span.last))
        return joined(before, after)

    async def _in_batches(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily totals by account; each batch adds up to its own ungrouped total."""
        series: list[CostSeries] = []
        currency = "USD"
        batches = self._batches(accounts)
        while batch := batches.next():
            try:
                table = await self.source.by_account(metric, span, batch)
                total = await self.source.total(metric, span, batch)
            except ResponseTooLargeError as error:
                batches.halve(batch, error)
                continue
            if (mismatch := await asyncio.to_thread(off_by, table, total)) is not None:
                batches.halve(batch, IncompleteCostsError(mismatch))
                continue
            batches.succeeded()
            series += table.series
            currency = table.currency
        return CostTable(span, currency, series)

    async def save_details(
        self, metric: str, by_account: CostTable, accounts: Sequence[str], now: datetime
    ) -> AsyncIterator[tuple[list[str], CostTable]]:
        """Read and store amounts by service; yields each batch once it is stored.

        Each batch adds up to the totals of its accounts in ``by_account``.
        """
        name = self.description.name
        totals = {series.account_id: series for series in by_account.series}
        batches = self._batches(accounts)
        repeated: set[tuple[str, ...]] = set()
        while batch := batches.next():
            try:
                table = await self.source.by_service(metric, by_account.span, batch)
            except ResponseTooLargeError as error:
                batches.halve(batch, error)
                continue
            mismatch = await asyncio.to_thread(details_off_by, table, totals, batch)
            if mismatch is None:
                batches.succeeded()
                await self.store.save_details(name, metric, table, batch, now)
                yield batch, table
            elif tuple(batch) not in repeated:
                # Costs may have been restated between the two responses: read both once more.
                repeated.add(tuple(batch))
                response = await self.source.by_account(metric, by_account.span, batch)
                newer = with_silent(response, batch)
                totals |= {series.account_id: series for series in newer.series}
                await self.save_totals(metric, newer, now)
                batches.put_back(batch)
            else:
                batches.halve(batch, IncompleteCostsError(mismatch))

    async def save_unattributed(self, metric: str, by_account: CostTable, now: datetime) -> None:
        """Store costs without an account as one service: there is no account whose services could be read."""
        series = [
            CostSeries(UNATTRIBUTED, "Other", Category.USAGE, total.amounts)
            for total in by_account.series
            if total.account_id == UNATTRIBUTED
        ]
        if series:
            table = CostTable(by_account.span, by_account.currency, series)
            await self.store.save_details(
                self.description.name, metric, table, [UNATTRIBUTED], now
            )

    async def save_names(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> None:
        """Read and store the names of accounts, where the source has names."""
        if not self.description.has_account_names:
            return
        size = self.description.max_accounts_per_query
        for i in range(0, len(accounts), size):
            names = await self.source.account_names(metric, span, accounts[i : i + size])
            await self.store.save_names(self.description.name, names, span.months())

    def _batches(self, accounts: Sequence[str]) -> QueryBatches:
        return QueryBatches(accounts, self.description.max_accounts_per_query)


def _require_sum(table: CostTable, total: CostTable, groups: str) -> None:
    """Raises IncompleteCostsError unless the groups add up to the total."""
    mismatch = off_by(table, total)
    if mismatch is not None:
        raise IncompleteCostsError(mismatch.replace("the groups", groups))
