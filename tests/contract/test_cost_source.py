"""What every cost source promises, whichever it is; ``cost_sources.py`` says which there are."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.domain import UNATTRIBUTED, Category, CostTable, DaySpan
from services.ports import CostSource
from tests.contract.cost_sources import ACCOUNTS, SOURCES, WINDOW, SourceCase
from tests.makers import cells

NOBODY = "000000000001"


@pytest.fixture(params=SOURCES, ids=[case.name for case in SOURCES])
def case(request: pytest.FixtureRequest) -> SourceCase:
    chosen: SourceCase = request.param
    return chosen


@pytest.fixture
async def source(case: SourceCase, tmp_path: Path) -> AsyncIterator[CostSource]:
    async with case.open(tmp_path) as opened:
        yield opened


async def metric_of(source: CostSource) -> str:
    return await source.choose_metric(WINDOW, None)


def total_of(costs: CostTable) -> Decimal:
    return sum((Decimal(repr(amount)) for amount in cells(costs).values()), Decimal(0))


async def test_accounts_and_services_add_up_to_the_total(
    source: CostSource, case: SourceCase
) -> None:
    metric, accounts = await metric_of(source), case.accounts[:5]

    total = await source.total(metric, WINDOW, accounts)
    by_account = await source.by_account(metric, WINDOW, accounts)
    by_service = await source.by_service(metric, WINDOW, accounts)

    assert total_of(total) > 0
    assert abs(total_of(total) - total_of(by_account)) < Decimal("0.0001")
    assert abs(total_of(total) - total_of(by_service)) < Decimal("0.0001")
    assert {series.account_id for series in by_account.series} <= set(accounts)
    assert {series.account_id for series in by_service.series} <= set(accounts)


async def test_the_ungrouped_total_covers_every_account(source: CostSource) -> None:
    metric = await metric_of(source)
    total = await source.total(metric, WINDOW)
    by_account = await source.by_account(metric, WINDOW)

    (only,) = total.series
    assert (only.account_id, only.service, only.category) == ("", "", None)
    assert abs(total_of(total) - total_of(by_account)) < Decimal("0.0001")
    assert all(series.service == "" and series.category is None for series in by_account.series)


async def test_each_series_has_an_amount_for_every_day_and_one_key(
    source: CostSource, case: SourceCase
) -> None:
    by_service = await source.by_service(await metric_of(source), WINDOW, case.accounts[:5])

    keys = [(series.account_id, series.service, series.category) for series in by_service.series]
    assert len(keys) == len(set(keys))
    assert all(len(series.amounts) == len(WINDOW) for series in by_service.series)
    assert {series.category for series in by_service.series} >= {Category.USAGE, Category.TAX}
    assert not any(all(map(math.isnan, series.amounts)) for series in by_service.series)


async def test_a_span_gives_the_same_amounts_as_its_days(
    source: CostSource, case: SourceCase
) -> None:
    metric, accounts = await metric_of(source), case.accounts[:5]
    whole = cells(await source.by_service(metric, WINDOW, accounts))
    single: dict[tuple[str, str, str, date], float] = {}
    for day in WINDOW:
        single |= cells(await source.by_service(metric, DaySpan(day, day), accounts))
    assert whole == pytest.approx(single)


async def test_no_data_gives_no_series(source: CostSource, case: SourceCase) -> None:
    metric = await metric_of(source)
    if case.holds_costs:  # the sample has costs for any account
        assert (await source.total(metric, WINDOW, [NOBODY])).series == []
    long_ago = DaySpan(date(2019, 1, 1), date(2019, 1, 3))
    assert (await source.total(metric, long_ago)).series == []
    assert await source.account_names(metric, WINDOW, [NOBODY]) == {}


async def test_costs_without_tags_are_kept_apart_and_not_lost(
    source: CostSource, case: SourceCase
) -> None:
    if not case.holds_costs:
        return  # nothing of the sample is without an account
    metric = await metric_of(source)
    by_account = await source.by_account(metric, WINDOW)
    amounts = {series.account_id: series.amounts for series in by_account.series}
    assert list(amounts[UNATTRIBUTED])[4] == 12.5
    details = await source.by_service(metric, WINDOW, [ACCOUNTS[0]])
    other = [series for series in details.series if series.service == "Other"]
    assert [list(series.amounts) for series in other] == [[1.0] * 7]


async def test_a_source_describes_itself_and_keeps_to_what_is_stored(source: CostSource) -> None:
    description, metric = source.description, await metric_of(source)

    assert source.description == description
    assert description.metric_label(metric) != metric
    assert description.missing_costs_help == "" or description.missing_costs_help.endswith(".")
    assert await source.choose_metric(WINDOW, metric) == metric


async def test_a_source_that_works_says_so(source: CostSource) -> None:
    assert await source.check(datetime(2026, 11, 6, tzinfo=UTC))
    await source.wait_for_rate_limit()
