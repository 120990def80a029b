"""Reading costs: only what adds up is kept, in parts that shrink, and nothing is read twice."""

import random
from array import array
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.costs import CostIngest
from services.domain import UNATTRIBUTED, CostTable, DaySpan
from services.domain.errors import CostSourceError, IncompleteCostsError
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import NOW, cells, cells_known, later
from tests.servers.datadog import Cost, account_ids, random_costs

SPAN = DaySpan(date(2025, 8, 1), date(2026, 11, 23))
RECENT = DaySpan(date(2026, 9, 20), date(2026, 11, 23))
ACCOUNTS = account_ids(10, seed=1)
LINES = random_costs(ACCOUNTS, RECENT, seed=1, services=3)


def costs_of(source: FakeCosts, store: MemoryStore, per_query: int = 250) -> CostIngest:
    source.max_accounts_per_query = per_query
    return CostIngest(source, store.costs, 48)


def the_sum(lines: list[Cost], span: DaySpan, account: str | None = None) -> Decimal:
    return sum(
        (
            Decimal(repr(line.amount))
            for line in lines
            if line.day in span and account in {None, line.tags.get("aws_member_account_id")}
        ),
        Decimal(0),
    )


async def stored_sum(store: MemoryStore, span: DaySpan, account: str) -> Decimal:
    found = cells(await store.costs.load("datadog", [account], span))
    return sum((Decimal(repr(x)) for x in found.values()), Decimal(0))


async def test_a_refresh_stores_each_account_to_the_cent_and_says_how_far() -> None:
    source, store = FakeCosts(LINES), MemoryStore()

    state = await costs_of(source, store).refresh(NOW, ACCOUNTS)

    assert state.data_through == date(2026, 11, 21)
    assert state.metric == source.metric
    span = DaySpan(date(2026, 10, 1), date(2026, 11, 21))
    for account in ACCOUNTS:
        difference = await stored_sum(store, span, account) - the_sum(LINES, span, account)
        assert abs(difference) < Decimal("0.0001")
    assert await store.costs.state("datadog") == state


async def test_late_data_moves_the_end_back_and_keeps_the_days_that_reports_need() -> None:
    lines = [line for line in LINES if line.day <= date(2026, 11, 1)]
    source, store = FakeCosts(lines), MemoryStore()

    state = await costs_of(source, store).refresh(NOW, ACCOUNTS)

    assert state.data_through == date(2026, 11, 1)
    assert state.expected_through == date(2026, 11, 21)
    # Two closed months are compared then, so the month before the last is needed too.
    spans = [span for kind, span, _ in source.asked if kind == "by_account"]
    assert spans[0].first == date(2026, 9, 1)


async def test_accounts_without_a_team_are_read_too_and_named() -> None:
    stranger = "000000000042"
    lines = [
        *LINES,
        *(
            Cost(
                day,
                3.0,
                {
                    "aws_member_account_id": stranger,
                    "aws_member_account_name": "shop",
                    "aws_product": "ec2",
                    "chargecategory": "usage",
                },
            )
            for day in RECENT
        ),
    ]
    store = MemoryStore()
    await costs_of(FakeCosts(lines), store).refresh(NOW, ACCOUNTS)

    span = DaySpan(date(2026, 11, 1), date(2026, 11, 21))
    assert await stored_sum(store, span, stranger) == Decimal(63)
    assert (await store.costs.load_totals("datadog", span)).account_names == {stranger: "shop"}


async def test_costs_without_an_account_are_kept() -> None:
    day = date(2026, 11, 5)
    lines = [*LINES, Cost(day, 7.25, {"chargecategory": "tax", "aws_product": "ec2"})]
    store = MemoryStore()
    await costs_of(FakeCosts(lines), store).refresh(NOW, ACCOUNTS)
    assert await stored_sum(store, DaySpan(day, day), UNATTRIBUTED) == Decimal("7.25")


async def test_costs_that_the_source_dropped_are_removed_from_the_store() -> None:
    stranger, day = "000000000042", date(2026, 11, 5)
    tags = {"aws_product": "ec2", "chargecategory": "usage"}
    gone = [
        *(Cost(d, 3.0, {"aws_member_account_id": stranger, **tags}) for d in RECENT),
        Cost(day, 7.25, tags),  # of no account
        *(line for line in LINES if line.day == day),
    ]
    left = [line for line in LINES if line.day != day]
    source, store = FakeCosts([*left, *gone]), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:-1])

    source.costs = left
    await costs.refresh(later(hours=1), ACCOUNTS[:-1])

    span = DaySpan(date(2026, 10, 1), date(2026, 11, 21))
    everyone = [*ACCOUNTS, stranger, UNATTRIBUTED]
    stored = cells(await store.costs.load("datadog", everyone, span))
    totals = cells(await store.costs.load_totals("datadog", span))
    wanted = the_sum(left, span)
    for found in (stored, totals):
        assert abs(sum(map(Decimal, map(repr, found.values()))) - wanted) < Decimal("0.0001")
        assert {cell[0] for cell in found} == set(ACCOUNTS)
        assert day not in {cell[3] for cell in found}


async def test_earlier_days_are_read_for_all_accounts_and_days_at_hand_are_not_read_again() -> (
    None
):
    summer = DaySpan(date(2026, 6, 1), date(2026, 7, 5))
    lines = [*LINES, *random_costs(ACCOUNTS, summer, seed=2, services=2)]
    source, store = FakeCosts(lines), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:3])
    source.asked.clear()

    await costs.ensure_all(NOW, ACCOUNTS[:3], DaySpan(date(2026, 10, 1), date(2026, 11, 7)))
    assert source.asked == []

    await costs.ensure_all(NOW, ACCOUNTS[:3], summer)
    for account in ACCOUNTS:
        difference = await stored_sum(store, summer, account) - the_sum(lines, summer, account)
        assert abs(difference) < Decimal("0.0001")


@pytest.mark.parametrize("kind", ["by_account", "by_service"])
async def test_a_silently_shortened_answer_never_becomes_a_report(kind: str) -> None:
    source, store = FakeCosts(LINES), MemoryStore()
    source.spoil = lambda asked, table: (
        replace(table, series=table.series[:-1]) if asked == kind else table
    )
    with pytest.raises(IncompleteCostsError, match="incomplete"):
        await costs_of(source, store).refresh(NOW, ACCOUNTS)
    assert (await store.costs.state("datadog")).data_through is None


async def test_a_dropped_group_of_half_a_cent_a_day_is_noticed() -> None:
    tags = {"aws_member_account_id": "9" * 12, "aws_product": "ec2", "chargecategory": "usage"}
    lines = [*LINES, *(Cost(day, 0.004, tags) for day in RECENT)]
    source = FakeCosts(lines)
    source.spoil = lambda kind, table: replace(
        table, series=[one for one in table.series if one.account_id != "9" * 12]
    )
    with pytest.raises(IncompleteCostsError):
        await costs_of(source, MemoryStore()).refresh(NOW, ACCOUNTS)


@pytest.mark.parametrize("per_query", [3, 250])
async def test_a_limit_of_groups_is_worked_around_with_smaller_parts(per_query: int) -> None:
    store = MemoryStore()

    def limited(asked: str, table: CostTable) -> CostTable:
        most = {"by_account": 6, "by_service": 12}.get(asked)
        return replace(table, series=table.series[:most])

    source = FakeCosts(LINES, spoil=limited)
    await costs_of(source, store, per_query).refresh(NOW, ACCOUNTS)

    span = DaySpan(date(2026, 10, 1), date(2026, 11, 21))
    for account in ACCOUNTS:
        difference = await stored_sum(store, span, account) - the_sum(LINES, span, account)
        assert abs(difference) < Decimal("0.0001")


async def test_too_large_answers_are_halved_and_the_size_is_kept() -> None:
    source, store = FakeCosts(LINES, max_accounts=3), MemoryStore()
    await costs_of(source, store).refresh(NOW, ACCOUNTS)

    asked = [
        len(accounts) for kind, _, accounts in source.asked if kind == "by_service" and accounts
    ]
    assert asked == [10, 5, 2, 2, 2, 2, 2]


async def test_an_account_that_is_too_large_alone_is_an_error() -> None:
    source = FakeCosts(LINES)

    def spoil(kind: str, table: CostTable) -> CostTable:
        if kind != "by_service":
            return table
        return replace(
            table,
            series=[
                replace(one, amounts=array("d", [x * 1.01 for x in one.amounts]))
                for one in table.series
            ],
        )

    source.spoil = spoil
    with pytest.raises(IncompleteCostsError, match="services of account"):
        await costs_of(source, MemoryStore()).refresh(NOW, ACCOUNTS)


async def test_costs_restated_between_two_answers_are_requested_again() -> None:
    source, store = FakeCosts(list(LINES)), MemoryStore()
    done = [False]

    def spoil(kind: str, table: CostTable) -> CostTable:
        if kind == "by_account" and not done[0]:
            done[0] = True
            extra = replace(LINES[-1], amount=50.0)
            source.costs.append(extra)
        return table

    source.spoil = spoil
    await costs_of(source, store).refresh(NOW, ACCOUNTS)

    span = DaySpan(date(2026, 10, 1), date(2026, 11, 21))
    for account in ACCOUNTS:
        difference = await stored_sum(store, span, account) - the_sum(source.costs, span, account)
        assert abs(difference) < Decimal("0.0001")


async def test_a_restated_day_is_read_again_and_its_earlier_value_kept() -> None:
    source, store = FakeCosts(list(LINES)), MemoryStore()
    await costs_of(source, store).refresh(NOW, ACCOUNTS)
    day = date(2026, 10, 3)
    place = next(i for i, line in enumerate(source.costs) if line.day == day)
    account = source.costs[place].tags["aws_member_account_id"]
    before = await stored_sum(store, DaySpan(day, day), account)
    source.costs[place] = replace(source.costs[place], amount=source.costs[place].amount + 100)

    await costs_of(source, store).refresh(later(days=1), ACCOUNTS)

    assert await stored_sum(store, DaySpan(day, day), account) - before == pytest.approx(100)
    known = await cells_known(store.costs, account, DaySpan(day, day), NOW)
    assert sum(known.values()) == pytest.approx(float(before))


async def test_no_costs_at_all_is_an_error_with_its_cure() -> None:
    lines = [line for line in LINES if line.day < date(2026, 9, 30)]
    with pytest.raises(CostSourceError, match="no costs") as caught:
        await costs_of(FakeCosts(lines), MemoryStore()).refresh(NOW, ACCOUNTS)
    assert caught.value.permanent
    assert "(aws.cost.net.amortized, net amortized)" in str(caught.value)
    assert str(caught.value).endswith("Check the costs in memory.")


async def test_the_metric_of_the_first_fetch_is_kept() -> None:
    source, store = FakeCosts(LINES), MemoryStore()
    await costs_of(source, store).refresh(NOW, ACCOUNTS)
    source.metric = "another"
    state = await costs_of(source, store).refresh(later(days=1), ACCOUNTS)
    assert state.metric == "aws.cost.net.amortized"
    source.configured_metric = "set.by.hand"
    state = await costs_of(source, store).refresh(later(days=2), ACCOUNTS)
    assert state.metric == "set.by.hand"


async def test_a_preview_reads_only_what_is_missing() -> None:
    source, store = FakeCosts(LINES), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:5])
    source.asked.clear()

    await costs.ensure(NOW, ACCOUNTS)
    assert source.asked == []

    newcomer = "000000000077"
    await costs.ensure(NOW, [*ACCOUNTS, newcomer])
    assert {accounts for _, _, accounts in source.asked} == {(newcomer,)}


async def test_the_history_is_filled_newest_first_and_resumed() -> None:
    lines = random_costs(ACCOUNTS[:2], SPAN, seed=2, services=2)
    source, store = FakeCosts(lines), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:2])
    source.asked.clear()
    broken = [0]

    def spoil(kind: str, table: CostTable) -> CostTable:
        broken[0] += 1
        if broken[0] == 14:
            raise CostSourceError("away", permanent=False)
        return table

    source.spoil = spoil
    with pytest.raises(CostSourceError):
        await costs.backfill(NOW, ACCOUNTS[:2])
    first = [span.first for kind, span, _ in source.asked if kind == "by_service"]
    assert first == sorted(first, reverse=True)
    source.asked.clear()
    await costs.backfill(NOW, ACCOUNTS[:2])

    again = [span.first for kind, span, _ in source.asked if kind == "by_service"]
    months = [date(2026, 9, 1), date(2026, 8, 1), date(2025, 9, 1)]
    assert set(first[:-1]).isdisjoint(again)
    assert {*first, *again} >= set(months)
    assert min(again) == date(2025, 9, 1)
    source.asked.clear()
    await costs.backfill(NOW, ACCOUNTS[:2])
    assert source.asked == []


async def test_the_history_ends_where_the_source_keeps_none() -> None:
    lines = random_costs(ACCOUNTS[:1], SPAN, seed=2, services=1)
    source, store = FakeCosts(lines, oldest=date(2026, 7, 1)), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:1])
    await costs.backfill(NOW, ACCOUNTS[:1])
    source.asked.clear()
    await costs.backfill(NOW, ACCOUNTS[:1])
    assert source.asked == []
    assert (await store.costs.state("datadog")).oldest_month == "2026-07"


async def test_no_more_history_is_requested_than_the_source_declares() -> None:
    lines = random_costs(ACCOUNTS[:1], SPAN, seed=2, services=1)
    source, store = FakeCosts(lines, history_months=4), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:1])
    source.asked.clear()

    await costs.backfill(NOW, ACCOUNTS[:1])

    assert {span.first for kind, span, _ in source.asked if kind == "by_service"} == {
        date(2026, 9, 1),
        date(2026, 8, 1),
    }


async def test_other_permanent_errors_do_not_end_the_history() -> None:
    source, store = FakeCosts(random_costs(ACCOUNTS[:1], SPAN, seed=2, services=1)), MemoryStore()
    costs = costs_of(source, store)
    await costs.refresh(NOW, ACCOUNTS[:1])

    def refused(kind: str, table: CostTable) -> CostTable:
        raise CostSourceError("the retention of keys is over", permanent=True)

    source.spoil = refused
    with pytest.raises(CostSourceError):
        await costs.backfill(NOW, ACCOUNTS[:1])
    assert (await store.costs.state("datadog")).oldest_month is None


async def test_a_source_without_account_names_is_not_asked_for_names() -> None:
    tags = {"aws_member_account_name": "shop", "aws_product": "ec2", "chargecategory": "usage"}
    lines = [Cost(day, 3.0, {"aws_member_account_id": ACCOUNTS[0], **tags}) for day in RECENT]
    span = DaySpan(date(2026, 11, 1), date(2026, 11, 21))
    named = {}
    for has_names in (True, False):
        store = MemoryStore()
        source = FakeCosts(lines, has_account_names=has_names)
        await costs_of(source, store).refresh(NOW, [])
        named[has_names] = (await store.costs.load_totals("datadog", span)).account_names
    assert named == {True: {ACCOUNTS[0]: "shop"}, False: {}}


@pytest.mark.parametrize("day", [1, 2, 3, 4, 28, 31])
async def test_any_day_of_the_month_stores_what_its_reports_need(day: int) -> None:
    now = datetime(2026, 10, day, 9, tzinfo=UTC) + timedelta(days=3)
    span = DaySpan(date(2026, 7, 1), now.date())
    lines = random_costs(ACCOUNTS[:2], span, seed=day, services=2)
    random.Random(day).shuffle(lines)
    store = MemoryStore()
    state = await costs_of(FakeCosts(lines), store).refresh(now, ACCOUNTS[:2])
    assert state.data_through == date(2026, 10, day)
    previous = date(2026, 8, 1) if day < 3 else date(2026, 9, 1)
    needed = DaySpan(previous, date(2026, 10, day))
    assert await store.costs.detailed("datadog", str(state.metric), needed) == set(ACCOUNTS[:2])


async def test_a_thousand_accounts_need_no_more_than_twelve_calls() -> None:
    accounts = account_ids(1000, seed=5)
    lines = random_costs(accounts, DaySpan(date(2026, 11, 15), date(2026, 11, 21)), services=2)
    source = FakeCosts(lines)
    await costs_of(source, MemoryStore()).refresh(NOW, accounts)
    assert (
        len([kind for kind, *_ in source.asked if kind != "rest"]) <= 11
    )  # and one for the metric
