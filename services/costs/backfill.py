"""Reads the history of costs, month by month, from the newest to the oldest."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from services.analysis.tables import only, spending, with_silent
from services.analysis.windows import expected_data_through, needed_span
from services.costs.reader import CostReader
from services.domain import UNATTRIBUTED, Month
from services.domain.errors import CostHistoryEndsError

log = structlog.get_logger()

MONTHS_OF_A_REFRESH = 2


class Backfill:
    """Reads the months before those of a refresh; resumes where it stopped."""

    def __init__(self, reader: CostReader, complete_after_hours: int) -> None:
        self._reader = reader
        self._complete_after_hours = complete_after_hours

    async def run(
        self, now: datetime, accounts: Sequence[str], months: int, *, all_accounts: bool
    ) -> set[str]:
        """Read ``months`` back, or as far as the source keeps costs.

        Returns ``accounts``, and with ``all_accounts`` every other one that had costs.
        """
        known = set(accounts)
        state = await self._reader.state()
        if state.metric is None:
            return known
        months = min(months, self._reader.description.history_months or months)
        month = Month.of(
            needed_span(expected_data_through(now, self._complete_after_hours)).first
        ).before
        for _ in range(months - MONTHS_OF_A_REFRESH):
            if state.oldest_month is not None and str(month) < state.oldest_month:
                break
            try:
                known |= await self._read_month(
                    state.metric, month, known, now, all_accounts=all_accounts
                )
            except CostHistoryEndsError:
                await self._remember_end(month)
                break
            month = month.before
        return known

    async def _remember_end(self, month: Month) -> None:
        """Store that the source has nothing of ``month``, so that it is not asked every day."""
        state = await self._reader.state()
        await self._reader.store.save_state(
            state.model_copy(update={"oldest_month": str(month.next)})
        )

    async def _read_month(
        self, metric: str, month: Month, known: set[str], now: datetime, *, all_accounts: bool
    ) -> set[str]:
        """Read what is not stored of a month; returns the accounts that were found on the way."""
        source, store = self._reader.source, self._reader.store
        stored = await store.detailed(self._reader.description.name, metric, month.span)
        others: set[str] = set()
        if all_accounts:
            others = spending(await self._reader.stored_totals(month.span)) - {UNATTRIBUTED}
            # Costs without an account are stored after those of all accounts, and only then: they
            # tell that the month was read in full.
            if UNATTRIBUTED not in stored:
                return await self._read_whole_month(metric, month, known | others, stored, now)
        missing = sorted((known | others) - stored)
        if missing:
            await source.wait_for_rate_limit()
            await self._reader.read_accounts(now, missing, month.span)
            log.info("costs_backfilled", month=str(month), accounts=len(missing))
        return others

    async def _read_whole_month(
        self, metric: str, month: Month, known: set[str], stored: set[str], now: datetime
    ) -> set[str]:
        """Read a month of every account that is not stored; returns the accounts with costs."""
        reader = self._reader
        await reader.source.wait_for_rate_limit()
        total = await reader.source.total(metric, month.span)
        by_account = await reader.by_account(metric, total, sorted(known))
        accounts = known | (spending(by_account) - {UNATTRIBUTED})
        missing = sorted(accounts - stored)
        to_store = with_silent(only(by_account, {*missing, UNATTRIBUTED}), missing)
        await reader.save_totals(metric, to_store, now)
        async for _ in reader.save_details(metric, to_store, missing, now):
            pass
        # Last, and also when there are none: see _read_month.
        await reader.save_unattributed(metric, with_silent(to_store, [UNATTRIBUTED]), now)
        log.info("costs_backfilled", month=str(month), accounts=len(missing))
        return accounts
