"""Whether what an earlier report said is still true."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from services.domain import (
    CostSeries,
    CostTable,
    DataState,
    DaySpan,
    Month,
    Restatement,
    RunKind,
    Team,
    cents,
    moved,
    percent_moved,
)
from services.domain.formatting import day_range
from services.domain.run_states import weekly_run_before
from services.ports import CostStore, RunStore
from services.reports.basis import Basis

MIN_PERCENT, MIN_AMOUNT = Decimal(1), Decimal(1)
"""A reported total must have moved by more than both, in percent and in money, to be mentioned."""


class Restatements:
    """Compares the totals of the last weekly run with the costs as they are known now."""

    def __init__(self, runs: RunStore, costs: CostStore) -> None:
        self._runs = runs
        self._costs = costs

    async def since_last(
        self, at: datetime, basis: Basis, teams: Sequence[Team]
    ) -> dict[str, Restatement]:
        """By team ID, the totals of the last weekly run before ``at`` that are different now."""
        runs = await self._runs.list_runs(basis.source, kind=RunKind.WEEKLY)
        earlier = weekly_run_before(runs, basis.period, at)
        if earlier is None:
            return {}
        accounts = {team.id: team.aws_account_id for team in teams}
        totals = series_by_account(await self._costs.load_totals(basis.source, basis.span))
        restatements = {}
        async for team_id, preview in self._runs.team_previews(earlier.ledger_id):
            account = accounts.get(team_id)
            span = _reported_span(preview, account)
            if account is None or span is None or not _is_comparable(preview, span, basis):
                continue
            restatement = restatement_of(
                Decimal(str(preview["current_total"])),
                total_of(totals.get(account, ()), basis.span, span),
                span,
                earlier.created_at.date(),
            )
            if restatement is not None:
                restatements[team_id] = restatement
        return restatements


def restatement_of(
    reported: Decimal, now: Decimal, span: DaySpan, reported_on: date
) -> Restatement | None:
    """The restatement of a total that has moved, as printed; None when it moved too little."""
    percent = percent_moved(now, reported)
    # From zero there is no percentage, but any move is more than 1% of it.
    is_small = percent is not None and abs(percent) <= MIN_PERCENT
    if is_small or abs(moved(now, reported)) <= MIN_AMOUNT:
        return None
    return Restatement(
        label=_label(span),
        reported_on=reported_on,
        reported=reported,
        now=cents(now),
        percent=percent,
    )


def series_by_account(table: CostTable) -> dict[str, list[CostSeries]]:
    """The series of each account, grouped once so that finding them needs no search."""
    series_of: dict[str, list[CostSeries]] = {}
    for series in table.series:
        series_of.setdefault(series.account_id, []).append(series)
    return series_of


def total_of(account_series: Sequence[CostSeries], loaded: DaySpan, span: DaySpan) -> Decimal:
    """The exact sum of an account's daily totals over a span inside the one that is loaded."""
    begin = loaded.index(span.first)
    return sum(
        (
            Decimal(repr(amount))
            for series in account_series
            for amount in series.amounts[begin : begin + len(span)]
            if not math.isnan(amount)
        ),
        Decimal(0),
    )


def _is_comparable(preview: Mapping[str, Any], span: DaySpan, basis: Basis) -> bool:
    """Whether all days of an earlier report are loaded now, in the same currency."""
    is_inside = basis.span.first <= span.first and span.last <= basis.span.last
    return is_inside and preview["currency"] == basis.state.currency


def _reported_span(preview: Mapping[str, Any], account_id: str | None) -> DaySpan | None:
    """The days of the reported total; None if it was of another account, or not reported as such.

    A late account was reported over its own days. A silent one was reported without a total of
    the window. Reports of earlier versions have no list of accounts.
    """
    window = preview["window"]
    if "accounts" in preview:
        entries = [entry for entry in preview["accounts"] if entry["aws_account_id"] == account_id]
        if not entries or entries[0]["state"] == DataState.SILENT or not entries[0]["window"]:
            return None
        window = entries[0]["window"]
    current = window["current"]
    return DaySpan(date.fromisoformat(current["from"]), date.fromisoformat(current["to"]))


def _label(span: DaySpan) -> str:
    month = Month.of(span.first)
    return f"{span.first:%B}" if month.span == span else day_range(span.first, span.last)
