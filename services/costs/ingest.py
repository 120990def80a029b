"""Keeps the stored costs of a source up to date."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime

import structlog

from services.analysis.tables import cut, last_day, with_silent
from services.analysis.windows import expected_data_through, needed_span
from services.costs.backfill import Backfill, Progress, ReadHistory, no_progress, without_end
from services.costs.reader import CostReader
from services.domain import UNATTRIBUTED, CostTable, DaySpan, SourceState
from services.domain.errors import CostSourceError
from services.ports import CostSource, CostStore

log = structlog.get_logger()

MONTHS_BACK = 15
"""How far back detection and the backtest look."""


class CostIngest:
    """The costs of one source: what is stored of them, and reading what is not."""

    def __init__(self, source: CostSource, store: CostStore, complete_after_hours: int) -> None:
        self._source = source
        self._store = store
        self._complete_after_hours = complete_after_hours
        self._reader = CostReader(source, store)
        self._backfill = Backfill(self._reader, complete_after_hours)

    def expected_through(self, now: datetime) -> date:
        """The last day that should be complete at an instant."""
        return expected_data_through(now, self._complete_after_hours)

    async def state(self) -> SourceState:
        return await self._reader.state()

    def metric_label(self, state: SourceState) -> str:
        """What the amounts are, by the source's name for the metric that was read."""
        return self._source.description.metric_label(state.metric)

    async def refresh(
        self, now: datetime, accounts: Sequence[str], progress: Progress = no_progress
    ) -> SourceState:
        """Read the current and the previous month of every account with costs again.

        AWS restates both until its bill is final, so having read a day before is not a
        reason to skip it. ``accounts`` are those that belong to teams. The new state, with the day
        through which data is complete, is stored last: a refresh that fails leaves the old one.
        Raises CostSourceError (IncompleteCostsError when the responses do not add up).
        """
        progress("costs", 0, 1)
        expected = expected_data_through(now, self._complete_after_hours)
        metric = await self._reader.metric(needed_span(expected))
        total, through = await self._total_through(metric, expected)
        unknown = await self._read_all(metric, total, accounts, now, progress)
        read = {
            "metric": metric,
            "currency": total.currency,
            "currency_stated": total.currency_stated,
            "data_through": through,
            "expected_through": expected,
            "refreshed_at": now,
            "unknown_categories": tuple(sorted(unknown)),
        }
        state = await self.state()
        if state.refreshed_at is None:
            read |= {"installed_at": now, "installed_through": through}
        state = state.model_copy(update=read)
        await self._store.save_state(state, read)
        log.info("costs_refreshed", data_through=str(through))
        return state

    async def refresh_accounts(self, now: datetime, accounts: Sequence[str]) -> None:
        """Read the newest costs of a few accounts; of all accounts when a new day is complete."""
        state = await self.state()
        expected = expected_data_through(now, self._complete_after_hours)
        if state.data_through is None or state.expected_through != expected:
            await self.refresh(now, accounts)
        else:
            await self._reader.read_accounts(now, accounts, needed_span(state.data_through))

    async def ensure(self, now: datetime, accounts: Sequence[str]) -> None:
        """Read what a report of these accounts needs and is not stored yet."""
        state = await self.state()
        if state.data_through is None or state.metric is None:
            await self.refresh(now, accounts)
            return
        newest = DaySpan(state.data_through, state.data_through)
        stored = await self._store.detailed(state.source, state.metric, newest)
        missing = [account for account in accounts if account not in stored]
        if missing:
            await self._reader.read_accounts(now, missing, needed_span(state.data_through))

    async def ensure_span(self, now: datetime, accounts: Sequence[str], span: DaySpan) -> None:
        """Read what is not stored of days that lie before those of a refresh."""
        state = await self.state()
        if state.metric is None:
            return
        stored = await self._store.detailed(state.source, state.metric, span)
        missing = [account for account in accounts if account not in stored]
        if missing:
            await self._reader.read_accounts(now, missing, span)

    async def ensure_all(
        self,
        now: datetime,
        accounts: Sequence[str],
        span: DaySpan,
        progress: Progress = no_progress,
    ) -> None:
        """Read a span for all accounts, with or without a team, unless refreshes cover it.

        Otherwise only the history of teams is read, and a consolidated report of those days
        would lack the other accounts.
        """
        state = await self.state()
        if state.data_through is None or span.first >= needed_span(state.data_through).first:
            return
        metric = await self._reader.metric(span)
        total = await self._source.total(metric, span)
        await self._read_all(metric, total, accounts, now, progress)

    async def backfill(
        self,
        now: datetime,
        accounts: Collection[str],
        progress: Progress = no_progress,
        may_go_on: Callable[[], bool] = without_end,
    ) -> ReadHistory:
        """Read the months before those of a refresh, newest first, where they are not stored.

        ``may_go_on`` is asked before each month. Raises CostSourceError.
        """
        known = sorted(set(accounts) - {UNATTRIBUTED})
        if not known:
            return ReadHistory(frozenset(), is_complete=True)
        return await self._backfill.run(
            now, known, MONTHS_BACK, progress=progress, may_go_on=may_go_on
        )

    async def backfill_all(self, now: datetime, accounts: Sequence[str], months: int) -> set[str]:
        """Like ``backfill``, but with every other account that had costs in one of these months.

        Returns all of them; accounts that have been closed since are among them.
        """
        history = await self._backfill.run(now, accounts, months, all_accounts=True)
        return set(history.accounts)

    async def save_detected(self, state: SourceState) -> None:
        """Store up to which day detection has run, and when."""
        await self._store.save_state(state, ["detected_through", "detected_at"])

    async def _read_all(
        self,
        metric: str,
        total: CostTable,
        accounts: Sequence[str],
        now: datetime,
        progress: Progress,
    ) -> set[str]:
        """Store the days of ``total`` for every account; returns the unknown charge categories.

        An amount that an earlier response had and this one lacks is no longer a cost. So stored
        accounts are read along with the others, or their old amounts would still be reported.
        """
        response = await self._reader.by_account(metric, total, accounts)
        earlier = await self._reader.stored_totals(total.span)
        stored = {series.account_id for series in earlier.series}
        by_account = with_silent(response, stored)
        await self._reader.save_totals(metric, by_account, now)
        unknown: set[str] = set()
        current = {series.account_id for series in response.series}
        to_read = sorted((current | stored | set(accounts)) - {UNATTRIBUTED})
        done = 0
        async for batch, table in self._reader.save_details(metric, by_account, to_read, now):
            unknown |= table.unknown_categories
            done += len(batch)
            progress("costs", done, len(to_read))
        await self._reader.save_unattributed(metric, by_account, now)
        nameless = current - set(accounts) - set(earlier.account_names) - {UNATTRIBUTED}
        await self._reader.save_names(metric, total.span, sorted(nameless))
        return unknown

    async def _total_through(self, metric: str, expected: date) -> tuple[CostTable, date]:
        """The ungrouped total over the days that reports need, and its last day with data."""
        span = needed_span(expected)
        while True:
            total = await self._source.total(metric, span)
            through = last_day(total)
            if through is None:
                raise self._no_costs(metric, span)
            needed = needed_span(through)
            if needed.first >= span.first:
                return cut(total, DaySpan(span.first, through)), through
            # Late data: the comparison moves back, and may need an earlier month.
            span = DaySpan(needed.first, through)

    def _no_costs(self, metric: str, span: DaySpan) -> CostSourceError:
        description = self._source.description
        label = description.metric_label(metric)
        named = metric if label == metric else f"{metric}, {label}"
        return CostSourceError(
            f"There are no costs from {span.first} to {span.last} ({named}). No report was created. "
            f"{description.missing_costs_help}",
            permanent=True,
        )
