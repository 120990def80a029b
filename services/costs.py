"""Reads costs from the source into the store, and believes no answer that does not add up.

The daily totals by account must add up to the ungrouped total, and the amounts by service to
their account, each day to the cent. An answer that does not is asked for again in smaller parts;
if that does not help, nothing is reported.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime, timedelta

import structlog

from services.analysis.tables import (
    cut,
    details_off_by,
    joined,
    last_day,
    off_by,
    only,
    spending,
    with_silent,
)
from services.analysis.windows import expected_data_through, needed_span
from services.errors import AnswerTooLargeError, CostSourceError, IncompleteCostsError
from services.model import (
    UNATTRIBUTED,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    Month,
    SourceState,
)
from services.parts import Parts
from services.ports import CostSource, CostStore

log = structlog.get_logger()

Progress = Callable[[str, int, int], None]
MONTHS_BACK = 15


def _quiet(what: str, done: int, total: int) -> None:
    pass


class Costs:
    """The costs of one source, read and checked."""

    def __init__(
        self,
        source: CostSource,
        store: CostStore,
        accounts_per_query: int,
        complete_after_hours: int,
    ) -> None:
        self._source = source
        self._store = store
        self._per_query = accounts_per_query
        self._hours = complete_after_hours

    async def state(self) -> SourceState:
        """What is known of the source."""
        return await self._store.state(self._source.name)

    async def refresh(
        self, now: datetime, accounts: Sequence[str], progress: Progress = _quiet
    ) -> SourceState:
        """Reads the current and the previous month of all accounts with costs again.

        ``accounts`` are those known to belong to teams. The new state, with the day through
        which data is complete, is stored last: a refresh that fails leaves the old one. Raises
        CostSourceError (IncompleteCostsError when the answers do not add up).
        """
        progress("costs", 0, 1)
        expected = expected_data_through(now, self._hours)
        metric = await self._metric(needed_span(expected))
        total, through = await self._total_through(metric, expected)
        unknown = await self._read_all(metric, total, accounts, now, progress)
        state = (await self.state()).model_copy(
            update={
                "metric": metric,
                "currency": total.currency,
                "currency_stated": total.currency_stated,
                "data_through": through,
                "expected_through": expected,
                "refreshed_at": now,
                "unknown_categories": tuple(sorted(unknown)),
            }
        )
        await self._store.save_state(state)
        log.info("costs_refreshed", data_through=str(through))
        return state

    async def ensure_all(
        self, now: datetime, accounts: Sequence[str], span: DaySpan, progress: Progress = _quiet
    ) -> None:
        """Reads a span of all accounts, with a team or without, if refreshes do not cover it.

        Only the history of teams is read otherwise, so that a consolidated report of those days
        would lack the others.
        """
        state = await self.state()
        if state.data_through is None or span.first >= needed_span(state.data_through).first:
            return
        metric = await self._metric(span)
        total = await self._source.total(metric, span)
        await self._read_all(metric, total, accounts, now, progress)

    async def _read_all(
        self,
        metric: str,
        total: CostTable,
        accounts: Sequence[str],
        now: datetime,
        progress: Progress,
    ) -> set[str]:
        """Stores the days of ``total`` for every account; the unknown charge categories.

        What an earlier answer held and this one does not is no cost any more: accounts that are
        known from earlier are read with the others, or their old amounts would be reported on.
        """
        found = await self._by_account(metric, total, accounts)
        earlier = await self._stored_totals(total.span)
        known = {series.account_id for series in earlier.series}
        by_account = with_silent(found, known)
        await self._store.save_totals(self._source.name, metric, by_account, now)
        unknown: set[str] = set()
        spending = {series.account_id for series in found.series}
        wanted = sorted((spending | known | set(accounts)) - {UNATTRIBUTED})
        done = 0
        async for part, table in self._details(metric, by_account, wanted, now):
            await self._store.save_details(self._source.name, metric, table, part, now)
            unknown |= table.unknown_categories
            done += len(part)
            progress("costs", done, len(wanted))
        await self._save_unattributed(metric, by_account, now)
        nameless = spending - set(accounts) - set(earlier.account_names) - {UNATTRIBUTED}
        await self._learn_names(metric, total.span, sorted(nameless))
        return unknown

    async def ensure(self, now: datetime, accounts: Sequence[str]) -> None:
        """Reads what a report of these accounts needs and is not stored yet, and only that."""
        state = await self.state()
        if state.data_through is None or state.metric is None:
            await self.refresh(now, accounts)
            return
        newest = DaySpan(state.data_through, state.data_through)
        there = await self._store.detailed(self._source.name, state.metric, newest)
        missing = [account for account in accounts if account not in there]
        if missing:
            await self.read_accounts(now, missing, needed_span(state.data_through))

    async def refresh_accounts(self, now: datetime, accounts: Sequence[str]) -> None:
        """Reads the newest costs of a few accounts, as ``refresh`` would."""
        state = await self.state()
        expected = expected_data_through(now, self._hours)
        if state.data_through is None or state.expected_through != expected:
            await self.refresh(now, accounts)
        else:
            await self.read_accounts(now, accounts, needed_span(state.data_through))

    async def read_accounts(self, now: datetime, accounts: Sequence[str], span: DaySpan) -> None:
        """Reads some accounts over a span, checked against their own ungrouped total."""
        metric = await self._metric(span)
        total = await self._source.total(metric, span, accounts)
        by_account = with_silent(await self._in_parts(metric, span, accounts), accounts)
        await asyncio.to_thread(_must_add_up, by_account, total, "the accounts")
        await self._store.save_totals(self._source.name, metric, by_account, now)
        async for part, table in self._details(metric, by_account, accounts, now):
            await self._store.save_details(self._source.name, metric, table, part, now)

    async def ensure_span(self, now: datetime, accounts: Sequence[str], span: DaySpan) -> None:
        """Reads a span that lies before what refreshes cover, where it is not stored yet."""
        state = await self.state()
        if state.metric is None:
            return
        there = await self._store.detailed(self._source.name, state.metric, span)
        missing = [account for account in accounts if account not in there]
        if missing:
            await self.read_accounts(now, missing, span)

    async def backfill(
        self, now: datetime, accounts: Sequence[str], months: int = MONTHS_BACK
    ) -> None:
        """Reads the months before those of a refresh, newest first; goes on where it was left.

        Stops for good at the month before which the source keeps nothing.
        """
        if accounts:
            await self._read_back(now, accounts, months, whole=False)

    async def backfill_all(self, now: datetime, accounts: Sequence[str], months: int) -> set[str]:
        """As ``backfill``, with every other account that had costs in one of these months.

        Returns all of them: one that was closed since is among them.
        """
        return await self._read_back(now, accounts, months, whole=True)

    async def _read_back(
        self, now: datetime, accounts: Sequence[str], months: int, *, whole: bool
    ) -> set[str]:
        """Reads months back; the accounts, those that were found on the way among them."""
        wanted = set(accounts)
        state = await self.state()
        if state.metric is None:
            return wanted
        month = Month.of(needed_span(expected_data_through(now, self._hours)).first).before
        for _ in range(months - 2):
            if state.oldest_month is not None and str(month) < state.oldest_month:
                break
            try:
                wanted |= await self._read_month(state.metric, month, wanted, now, whole=whole)
            except CostSourceError as error:
                if not error.permanent or "retention" not in str(error):
                    raise
                await self._store.save_state(
                    (await self.state()).model_copy(update={"oldest_month": str(month.next)})
                )
                break
            month = month.before
        return wanted

    async def _read_month(
        self, metric: str, month: Month, wanted: set[str], now: datetime, *, whole: bool
    ) -> set[str]:
        """Reads what is missing of a month; with ``whole``, the other accounts with costs too.

        Costs without an account are stored only with those of all accounts, so where they are
        stored, all others are.
        """
        there = await self._store.detailed(self._source.name, metric, month.span)
        found: set[str] = set()
        if whole:
            found = spending(await self._stored_totals(month.span)) - {UNATTRIBUTED}
            if UNATTRIBUTED not in there:
                return await self._read_whole(metric, month, wanted | found, there, now)
        missing = sorted((wanted | found) - there)
        if missing:
            await self._source.rest()
            await self.read_accounts(now, missing, month.span)
            log.info("costs_backfilled", month=str(month), accounts=len(missing))
        return found

    async def _read_whole(
        self, metric: str, month: Month, wanted: set[str], there: set[str], now: datetime
    ) -> set[str]:
        """Reads a month of all accounts but those that are ``there``; the accounts with costs."""
        await self._source.rest()
        total = await self._source.total(metric, month.span)
        by_account = await self._by_account(metric, total, sorted(wanted))
        found = wanted | (spending(by_account) - {UNATTRIBUTED})
        missing = sorted(found - there)
        kept = with_silent(only(by_account, {*missing, UNATTRIBUTED}), missing)
        await self._store.save_totals(self._source.name, metric, kept, now)
        async for part, table in self._details(metric, kept, missing, now):
            await self._store.save_details(self._source.name, metric, table, part, now)
        # Last, and even when there are none: they tell that the month is there.
        await self._save_unattributed(metric, with_silent(kept, [UNATTRIBUTED]), now)
        log.info("costs_backfilled", month=str(month), accounts=len(missing))
        return found

    async def _metric(self, span: DaySpan) -> str:
        """Chosen at the first fetch and kept; a configured one always wins."""
        state = await self.state()
        configured = self._source.configured_metric
        if configured is not None or state.metric is None:
            return configured or await self._source.choose_metric(span)
        return state.metric

    async def _total_through(self, metric: str, expected: date) -> tuple[CostTable, date]:
        """The ungrouped total over the days that reports need, and its last day with data."""
        span = needed_span(expected)
        while True:
            total = await self._source.total(metric, span)
            through = last_day(total)
            if through is None:
                raise CostSourceError(
                    f"There are no costs from {span.first} to {span.last} in {metric}. No report "
                    "was made. Check in Datadog that Cloud Cost Management still gets data, and "
                    "DATADOG_COST_METRIC.",
                    permanent=True,
                )
            needed = needed_span(through)
            if needed.first >= span.first:
                return cut(total, DaySpan(span.first, through)), through
            span = DaySpan(needed.first, through)

    async def _by_account(
        self, metric: str, total: CostTable, accounts: Sequence[str]
    ) -> CostTable:
        """Daily totals of every account, adding up to the ungrouped total."""
        span = total.span
        for _ in range(2):  # costs may be restated between two answers
            try:
                table = await self._all_accounts(metric, span)
            except AnswerTooLargeError:
                break
            if await asyncio.to_thread(off_by, table, total) is None:
                return table
            total = cut(await self._source.total(metric, span), span)
        known = {series.account_id for series in (await self._stored_totals(span)).series}
        wanted = sorted((known | set(accounts)) - {UNATTRIBUTED})
        table = await self._in_parts(metric, span, wanted)
        await asyncio.to_thread(_must_add_up, table, total, "the known accounts")
        return table

    async def _all_accounts(self, metric: str, span: DaySpan) -> CostTable:
        """All accounts in one answer, or in answers over fewer days where one is too large."""
        try:
            return await self._source.by_account(metric, span)
        except AnswerTooLargeError:
            if len(span) == 1:
                raise
        middle = span.first + timedelta(days=len(span) // 2)
        before = await self._all_accounts(metric, DaySpan(span.first, middle - timedelta(days=1)))
        after = await self._all_accounts(metric, DaySpan(middle, span.last))
        return joined(before, after)

    async def _stored_totals(self, span: DaySpan) -> CostTable:
        return await self._store.load_totals(self._source.name, span)

    async def _in_parts(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily totals by account, asked for in parts that are halved when too large."""
        series: list[CostSeries] = []
        currency = "USD"
        parts = Parts(accounts, self._per_query)
        while part := parts.next():
            try:
                table = await self._source.by_account(metric, span, part)
                part_total = await self._source.total(metric, span, part)
            except AnswerTooLargeError as error:
                parts.halve(part, error)
                continue
            if (off := await asyncio.to_thread(off_by, table, part_total)) is not None:
                parts.halve(part, IncompleteCostsError(off))
                continue
            parts.answered(part)
            series += table.series
            currency = table.currency
        return CostTable(span, currency, series)

    async def _details(
        self, metric: str, by_account: CostTable, accounts: Sequence[str], now: datetime
    ) -> AsyncIterator[tuple[list[str], CostTable]]:
        """Amounts by service, part by part, each adding up to the accounts' totals."""
        totals = {series.account_id: series for series in by_account.series}
        parts = Parts(accounts, self._per_query)
        asked_again: set[tuple[str, ...]] = set()
        while part := parts.next():
            try:
                table = await self._source.by_service(metric, by_account.span, part)
            except AnswerTooLargeError as error:
                parts.halve(part, error)
                continue
            off = await asyncio.to_thread(details_off_by, table, totals, part)
            if off is None:
                parts.answered(part)
                yield part, table
            elif tuple(part) not in asked_again:
                # Costs may have been restated between the two answers: ask for both once more.
                asked_again.add(tuple(part))
                answer = await self._source.by_account(metric, by_account.span, part)
                again = with_silent(answer, part)
                totals |= {series.account_id: series for series in again.series}
                await self._store.save_totals(self._source.name, metric, again, now)
                parts.put_back(part)
            else:
                parts.halve(part, IncompleteCostsError(off))

    async def _save_unattributed(self, metric: str, by_account: CostTable, now: datetime) -> None:
        """Costs without an account have no services that could be asked for."""
        series = [
            CostSeries(UNATTRIBUTED, "Other", Category.USAGE, one.amounts)
            for one in by_account.series
            if one.account_id == UNATTRIBUTED
        ]
        if series:
            table = CostTable(by_account.span, by_account.currency, series)
            await self._store.save_details(self._source.name, metric, table, [UNATTRIBUTED], now)

    async def _learn_names(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> None:
        """Names of accounts without a team."""
        for i in range(0, len(accounts), self._per_query):
            part = accounts[i : i + self._per_query]
            names = await self._source.account_names(metric, span, part)
            await self._store.save_names(self._source.name, names, span.months())


def _must_add_up(table: CostTable, total: CostTable, what: str) -> None:
    off = off_by(table, total)
    if off is not None:
        raise IncompleteCostsError(off.replace("the groups", what))
