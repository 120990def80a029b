"""The stored daily costs as rows, newest day first, page by page.

The order (day, newest first, then account ID) never changes, so a page can say where the next
one begins, whatever is stored in between.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from services.analysis.history import cost_rows
from services.costs.ingest import CostIngest
from services.domain import SAMPLE, CostRow, DaySpan, Month, SourceName, Team
from services.ports import CostStore
from services.runtime.batches import chunked
from services.teams import Teams

ACCOUNTS_PER_QUERY = 200
"""Accounts whose month is held in memory together."""

Position = tuple[date, str]
"""Day and account ID of a row."""


class CostRowReader:
    """Reads pages of rows of the teams' accounts."""

    def __init__(
        self, costs: CostIngest, store: CostStore, teams: Teams, source: SourceName
    ) -> None:
        self._costs = costs
        self._store = store
        self._teams = teams
        self._source = source
        self._reading = asyncio.Lock()

    async def page(
        self,
        now: datetime,
        *,
        team_id: str | None = None,
        first: date | None = None,
        last: date | None = None,
        after: Position | None = None,
        limit: int = 100,
    ) -> list[CostRow]:
        """At most ``limit`` rows of complete days within ``first`` to ``last``, after ``after``.

        Costs are read from the source only where none are stored: at the very beginning, and of a
        team that is named. Raises NotFoundError for an unknown team, CostSourceError.
        """
        teams = await self._teams.list() if team_id is None else [await self._teams.get(team_id)]
        by_account = {team.aws_account_id: team for team in teams}
        accounts = sorted(by_account)
        if not accounts:
            return []
        through, currency, metric = await self._through(now, accounts, always=team_id is not None)
        end = min(day for day in (through, last, after and after[0]) if day is not None)
        rows: list[CostRow] = []
        for month in await self._store.months(self._source, accounts):
            days = _within(month, first, end)
            if days is not None and len(rows) < limit:
                missing = limit - len(rows)
                rows += await self._of_month(days, by_account, after, missing, (currency, metric))
        return rows

    async def _through(
        self, now: datetime, accounts: Sequence[str], *, always: bool
    ) -> tuple[date, str, str]:
        """(last complete day, currency, metric)."""
        state = await self._costs.state()
        if state.data_through is None or always:
            async with self._reading:
                await self._costs.ensure(now, accounts)
            state = await self._costs.state()
        metric = self._costs.metric_label(state)
        return state.data_through or now.date(), state.currency, metric

    async def _of_month(
        self,
        days: DaySpan,
        teams: Mapping[str, Team],
        after: Position | None,
        limit: int,
        unit: tuple[str, str],
    ) -> list[CostRow]:
        """``unit``: (currency, metric)."""
        rows: list[CostRow] = []
        for stretch in _stretches(days, len(teams), limit):
            for accounts in chunked(sorted(teams), ACCOUNTS_PER_QUERY):
                if after is not None and stretch.first == after[0] and accounts[-1] <= after[1]:
                    continue
                table = await self._store.load(self._source, accounts, stretch)
                sample = self._source == SAMPLE
                batch_rows = cost_rows(stretch, table.series, teams, unit, sample=sample)
                rows += [row for row in batch_rows if after is None or _is_after(row, after)]
                if len(rows) >= limit:
                    return rows[:limit]
        return rows


def _within(month: Month, first: date | None, last: date) -> DaySpan | None:
    begin = max(month.span.first, first or month.span.first)
    end = min(month.span.last, last)
    return DaySpan(begin, end) if begin <= end else None


def _stretches(days: DaySpan, accounts: int, limit: int) -> Iterator[DaySpan]:
    """The days in stretches that hold about a page, newest first; single days of many accounts."""
    length = 1 if accounts > ACCOUNTS_PER_QUERY else limit // accounts + 1
    end = days.last
    while end >= days.first:
        begin = max(days.first, end - timedelta(days=length - 1))
        yield DaySpan(begin, end)
        end = begin - timedelta(days=1)


def _is_after(row: CostRow, position: Position) -> bool:
    day, account = position
    return row.day < day or (row.day == day and row.aws_account_id > account)
