"""Which earlier report a run looks back on, and what it says of it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.domain import CostSeries, CostTable, DaySpan, Run, RunKind, SourceName
from services.domain.run_states import weekly_run_before
from services.reports.restatements import Restatements
from tests.fakes.store import MemoryStore
from tests.fakes.store.costs import MemoryCosts
from tests.makers import NAN, NOW, frozen, later, run, series, table, team
from tests.unit.basis import basis_of

ACCOUNT = team().aws_account_id
REPORTED = {
    "current_total": "100.00",
    "currency": "USD",
    "window": {"current": {"from": "2026-11-01", "to": "2026-11-14"}},
}


def weekly(period: str, hours: float, repeat: int = 1, **more: Any) -> Run:
    values = {
        "period": period,
        "repeat": repeat,
        "planned": True,
        "created_at": later(hours=hours),
    }
    return run(f"{period}#{repeat}", **{**values, **more})


RUNS = [weekly("2026-W46", 0), weekly("2026-W47", 24), weekly("2026-W48", 48)]


@pytest.mark.parametrize(
    ("asking", "expected"),
    [
        (weekly("2026-W49", 72), "2026-W48#1"),
        (weekly("2026-W48", 72, repeat=2), "2026-W48#1"),
        (weekly("2026-W48", 72, kind=RunKind.TEAM), "2026-W48#1"),
        # Made late, after the reports of later weeks:
        (weekly("2026-W47", 72, repeat=2), "2026-W47#1"),
        (weekly("2026-W46", 72, repeat=2), "2026-W46#1"),
        (weekly("2026-W40", 72), None),
        (RUNS[1], "2026-W46#1"),
        (RUNS[0], None),
    ],
)
def test_a_run_looks_back_on_the_week_before_its_own(asking: Run, expected: str | None) -> None:
    found = weekly_run_before([*RUNS, asking], asking.period, asking.created_at)
    assert (found.id if found else None) == expected


def test_runs_that_reported_nothing_are_passed_over() -> None:
    unplanned = weekly("2026-W47", 30, repeat=2, planned=False)
    daily = weekly("2026-W47", 31, kind=RunKind.DAILY)
    asking = weekly("2026-W48", 48)
    assert (
        weekly_run_before([*RUNS[:2], unplanned, daily], asking.period, asking.created_at)
        == RUNS[1]
    )


async def restated(through: date, *amounts: float, **preview: Any) -> Any:
    store = MemoryStore()
    await store.runs.begin(RUNS[1])
    report = frozen("w|t1", run_id=RUNS[1].ledger_id, preview={**REPORTED, **preview})
    await store.runs.freeze([report])
    totals = table(date(2026, 11, 1), series(amounts, ACCOUNT, "", None))
    await store.costs.save_totals("datadog", "m", totals, NOW)
    found = await Restatements(store.runs, store.costs).since_last(
        later(hours=48), basis_of(through), [team()]
    )
    return found.get("t1")


async def test_a_total_that_moved_by_more_than_one_percent_is_told() -> None:
    moved = await restated(date(2026, 11, 21), *[10.0] * 21)
    assert (moved.now, moved.reported, moved.percent) == (Decimal(140), Decimal(100), Decimal(40))
    assert moved.label == "1–14 Nov"
    assert moved.reported_on == later(hours=24).date()


async def test_a_total_that_moved_by_one_percent_is_not_told() -> None:
    assert await restated(date(2026, 11, 21), 101.0, *[0.0] * 20) is None
    assert await restated(date(2026, 11, 21), 101.01, *[0.0] * 20) is not None


async def test_an_earlier_report_is_not_held_against_days_that_are_not_at_hand() -> None:
    assert await restated(date(2026, 11, 12), *[10.0] * 12) is None  # late data
    assert await restated(date(2026, 10, 31), NAN) is None  # an earlier week
    january = {"window": {"current": {"from": "2026-01-01", "to": "2026-01-14"}}}
    assert await restated(date(2026, 11, 21), *[10.0] * 21, **january) is None


class Walked(list[CostSeries]):
    """A list that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[CostSeries]:
        self.times += 1
        return super().__iter__()


class WalkedCosts(MemoryCosts):
    walked: Walked

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        found = await super().load_totals(source, span)
        self.walked = Walked(found.series)
        return CostTable(found.span, found.currency, self.walked)


async def test_the_stored_costs_are_gone_through_once_however_many_teams_there_are() -> None:
    store, costs = MemoryStore(), WalkedCosts()
    await store.runs.begin(RUNS[1])
    teams = [team(number) for number in range(1, 41)]
    for one in teams:
        report = frozen(f"w|{one.id}", run_id=RUNS[1].ledger_id, team_id=one.id, preview=REPORTED)
        await store.runs.freeze([report])
        totals = series([10.0] * 21, one.aws_account_id, "", None)
        await costs.save_totals("datadog", "m", table(date(2026, 11, 1), totals), NOW)

    found = await Restatements(store.runs, costs).since_last(
        later(hours=48), basis_of(date(2026, 11, 21)), teams
    )

    assert len(found) == len(teams)
    assert costs.walked.times == 1


async def test_amounts_of_two_currencies_are_not_compared() -> None:
    assert await restated(date(2026, 11, 21), *[10.0] * 21, currency="EUR") is None


def reported_account(last: str, **more: Any) -> dict[str, Any]:
    window = {"current": {"from": "2026-11-01", "to": last}}
    return {"aws_account_id": ACCOUNT, "window": window, "state": "current", **more}


async def test_a_late_account_is_held_against_the_days_that_were_reported_of_it() -> None:
    """$100.00 were reported of ten days, though the others were reported through the 14th."""
    account = reported_account("2026-11-10", state="late")
    same = [10.0] * 21
    assert await restated(date(2026, 11, 21), *same, accounts=[account]) is None
    more = [11.0] * 10 + [10.0] * 11
    moved = await restated(date(2026, 11, 21), *more, accounts=[account])
    assert (moved.label, moved.now) == ("1–10 Nov", Decimal(110))


@pytest.mark.parametrize(
    "account",
    [
        reported_account("2026-11-14", state="silent"),
        reported_account("2026-11-14", state="left_out", window=None),
        reported_account("2026-11-14", aws_account_id="9" * 12),
    ],
    ids=["silent", "left out", "another account"],
)
async def test_what_was_not_reported_of_the_account_is_not_restated(account: Any) -> None:
    amounts = [20.0] * 21
    assert await restated(date(2026, 11, 21), *amounts, accounts=[account]) is None
    assert await restated(date(2026, 11, 21), *amounts) is not None
