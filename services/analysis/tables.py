"""Tables of daily costs: joined, cut, and checked against their totals.

Two sums are equal when they differ by less than people could see: half a cent on a day, and half
a cent over all days together.
"""

import math
from array import array
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from datetime import date

from services.domain import CostSeries, CostTable, DaySpan

HALF_A_CENT = 0.005
RELATIVE = 1e-9
"""In addition, for what floating point loses in very large sums."""


def last_day(total: CostTable) -> date | None:
    """The last day with any data."""
    days = [
        day
        for series in total.series
        for day, amount in zip(total.span, series.amounts, strict=True)
        if not math.isnan(amount)
    ]
    return max(days, default=None)


def cut(table: CostTable, span: DaySpan) -> CostTable:
    """The part of a table within a span with the same first day."""
    series = [
        CostSeries(entry.account_id, entry.service, entry.category, entry.amounts[: len(span)])
        for entry in table.series
    ]
    return replace(table, span=span, series=series)


def joined(before: CostTable, after: CostTable) -> CostTable:
    """Join two tables of adjoining spans."""
    gap_before, gap_after = ([math.nan] * len(table.span) for table in (before, after))
    early = {entry.account_id: entry.amounts for entry in before.series}
    late = {entry.account_id: entry.amounts for entry in after.series}
    series = [
        CostSeries(
            account,
            "",
            None,
            array("d", [*early.get(account, gap_before), *late.get(account, gap_after)]),
        )
        for account in {**early, **late}
    ]
    return CostTable(DaySpan(before.span.first, after.span.last), after.currency, series)


def with_silent(table: CostTable, accounts: Iterable[str]) -> CostTable:
    """Add a series without data for each of ``accounts`` that the table lacks."""
    held = {entry.account_id for entry in table.series}
    silent = [
        CostSeries(account, "", None, array("d", [math.nan]) * len(table.span))
        for account in sorted(set(accounts) - held)
    ]
    return replace(table, series=[*table.series, *silent])


def only(table: CostTable, accounts: Container[str]) -> CostTable:
    """Keep only these accounts."""
    return replace(table, series=[entry for entry in table.series if entry.account_id in accounts])


def spending(table: CostTable) -> set[str]:
    """Accounts with costs on any day."""
    return {
        entry.account_id
        for entry in table.series
        if any(x != 0 and not math.isnan(x) for x in entry.amounts)
    }


def off_by(table: CostTable, total: CostTable) -> str | None:
    """Describe how the groups miss the ungrouped total; None when each day adds up to the cent."""
    sums = _daily_sum([entry.amounts for entry in table.series], len(table.span))
    totals = _daily_sum([entry.amounts for entry in total.series], len(table.span))
    return _mismatch("the groups", table, sums, totals)


def details_off_by(
    table: CostTable, totals: dict[str, CostSeries], accounts: Sequence[str]
) -> str | None:
    """Describe how the services of an account miss its total; None when all accounts add up."""
    days = len(table.span)
    by_account: dict[str, list[array[float]]] = {account: [] for account in accounts}
    for series in table.series:
        if series.account_id not in by_account:
            return f"The cost data contains account {series.account_id}, which was not requested."
        by_account[series.account_id].append(series.amounts)
    for account, rows in by_account.items():
        wanted = _daily_sum([totals[account].amounts] if account in totals else [], days)
        groups = f"the services of account {account}"
        if (off := _mismatch(groups, table, _daily_sum(rows, days), wanted)) is not None:
            return off
    return None


def _daily_sum(rows: "Sequence[array[float]]", days: int) -> list[float]:
    return [math.fsum(row[i] for row in rows if not math.isnan(row[i])) for i in range(days)]


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= HALF_A_CENT + RELATIVE * max(abs(a), abs(b))


def _mismatch(
    groups: str, table: CostTable, sums: Sequence[float], totals: Sequence[float]
) -> str | None:
    """Name the first day whose sum is not its total, or else all days together."""
    span = table.span
    ending = "No report was created. The source may be restating costs: try again later."
    for day, amount, expected in zip(span, sums, totals, strict=True):
        if not _same(amount, expected):
            return (
                f"The cost data is incomplete: on {day} {groups} add up to {amount:,.2f} "
                f"{table.currency}, but the total is {expected:,.2f}. {ending}"
            )
    amount, expected = math.fsum(sums), math.fsum(totals)
    if _same(amount, expected):
        return None
    return (
        f"The cost data is incomplete: from {span.first} to {span.last} {groups} add up to "
        f"{amount:,.4f} {table.currency}, but the total is {expected:,.4f}. {ending}"
    )
