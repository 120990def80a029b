"""Reads the history of costs, month by month, from the newest to the oldest."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from services.analysis.tables import only, spending, with_silent
from services.analysis.windows import expected_data_through, needed_span
from services.costs.reader import CostReader
from services.domain import UNATTRIBUTED, HistoryProgress, Month
from services.domain.errors import CostHistoryEndsError

log = structlog.get_logger()

MONTHS_OF_A_REFRESH = 2
Progress = Callable[[str, int, int], None]
"""Called with (step, items done, items in total)."""
STEP = "cost history"


def no_progress(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def without_end() -> bool:
    """Whatever is being read may take as long as it takes."""
    return True


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """What reading the history came to."""

    accounts: frozenset[str]
    """The accounts that were asked for, and those that were found on the way."""
    added: frozenset[str] = frozenset()
    """The accounts of which something was read."""
    is_complete: bool = False


@dataclass(slots=True)
class MonthsRead:
    """The reading of some months, as far as it has come."""

    now: datetime
    months: Sequence[Month]
    """All that are to be read, newest first."""
    known: set[str]
    """The accounts whose costs are read."""
    added: set[str] = field(default_factory=set)
    """Those of which something was read."""
    done: int = 0
    """How many of the months are stored."""
    all_accounts: bool = False
    """Whether every account that had costs is read."""


class Backfill:
    """Reads the months before those of a refresh; resumes where it stopped."""

    def __init__(self, reader: CostReader, complete_after_hours: int) -> None:
        self._reader = reader
        self._complete_after_hours = complete_after_hours
        # A run and the background want the same months after the start: the second finds them stored.
        self._reading = asyncio.Lock()

    async def run(
        self,
        now: datetime,
        accounts: Sequence[str],
        months: int,
        *,
        all_accounts: bool = False,
        progress: Progress = no_progress,
        may_go_on: Callable[[], bool] = without_end,
    ) -> ReadHistory:
        """Read ``months`` back, or as far as the source keeps costs.

        ``all_accounts``: also of every other account that had costs. ``may_go_on`` is asked before
        each month.
        """
        async with self._reading:
            state = await self._reader.state()
            if state.metric is None:
                return ReadHistory(frozenset(accounts))
            wanted = self._months_before(now, months, state.oldest_month or "")
            read = MonthsRead(now, wanted, set(accounts), all_accounts=all_accounts)
            if not state.has_history:
                progress(STEP, 0, len(wanted))
                if state.history is None:
                    await self._save_progress(read)
            for month in wanted:
                if not may_go_on():
                    await self._save_progress(read)
                    return ReadHistory(frozenset(read.known), frozenset(read.added))
                if not await self._has_month(state.metric, month, read, progress):
                    break
            if read.added or not state.has_history:
                read.done = len(wanted)
                await self._save_progress(read)
                progress(STEP, read.done, len(wanted))
        return ReadHistory(frozenset(read.known), frozenset(read.added), is_complete=True)

    async def _has_month(
        self, metric: str, month: Month, read: "MonthsRead", progress: Progress
    ) -> bool:
        """Read what is not stored of a month; False when the source keeps nothing that old."""
        try:
            found, added = await self._read_month(metric, month, read)
        except CostHistoryEndsError:
            await self._remember_end(month)
            return False
        read.known |= found
        read.added |= added
        read.done += 1
        if added:
            await self._save_progress(read)
            progress(STEP, read.done, len(read.months))
        return True

    def _months_before(self, now: datetime, count: int, oldest: str) -> list[Month]:
        """The months before those of a refresh, newest first, as far as the source has any."""
        count = min(count, self._reader.description.history_months or count)
        refreshed = needed_span(expected_data_through(now, self._complete_after_hours))
        month = Month.of(refreshed.first)
        months = []
        for _ in range(count - MONTHS_OF_A_REFRESH):
            month = month.before
            months.append(month)
        return [month for month in months if str(month) >= oldest]

    async def _save_progress(self, read: "MonthsRead") -> None:
        state = await self._reader.state()
        history = HistoryProgress(months_read=read.done, months=len(read.months), read_at=read.now)
        await self._reader.store.save_state(
            state.model_copy(update={"history": history}), ["history"]
        )

    async def _remember_end(self, month: Month) -> None:
        """Store that the source has nothing of ``month``, so that it is not asked every day."""
        state = await self._reader.state()
        await self._reader.store.save_state(
            state.model_copy(update={"oldest_month": str(month.next)}), ["oldest_month"]
        )

    async def _read_month(
        self, metric: str, month: Month, read: "MonthsRead"
    ) -> tuple[set[str], set[str]]:
        """Read what is not stored of a month.

        Returns the accounts that were found on the way, and those of which something was read.
        """
        known, now = read.known, read.now
        source, store = self._reader.source, self._reader.store
        stored = await store.detailed(self._reader.description.name, metric, month.span)
        others: set[str] = set()
        if read.all_accounts:
            others = spending(await self._reader.stored_totals(month.span)) - {UNATTRIBUTED}
            # Costs without an account are stored after those of all accounts, and only then: they
            # tell that the month was read in full.
            if UNATTRIBUTED not in stored:
                found = await self._read_whole_month(metric, month, known | others, stored, now)
                return found, found - stored
        missing = sorted((known | others) - stored)
        if missing:
            await source.wait_for_rate_limit()
            await self._reader.read_accounts(now, missing, month.span)
            log.info("costs_backfilled", month=str(month), accounts=len(missing))
        return others, set(missing)

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
