"""The cost source's port, on memory, on the sample, and on a server that answers like Datadog."""

import math
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from services.adapters.datadog import DatadogSource
from services.adapters.sample import SampleSource
from services.model import UNATTRIBUTED, Category, CostTable, DaySpan
from services.ports import CostSource
from tests.fakes.costs import FakeCosts
from tests.makers import cells
from tests.servers.datadog import Cost, FakeDatadog, account_ids, random_costs

SPAN = DaySpan(date(2026, 9, 25), date(2026, 11, 20))
WINDOW = DaySpan(date(2026, 10, 28), date(2026, 11, 3))
ACCOUNTS = account_ids(7, seed=2)
LINES = [
    *random_costs(ACCOUNTS, SPAN, seed=11),
    Cost(date(2026, 11, 1), 12.5, {"chargecategory": "tax", "aws_product": "ec2"}),
    *(
        Cost(day, 1.0, {"aws_member_account_id": ACCOUNTS[0], "chargecategory": "usage"})
        for day in WINDOW
    ),
]


@pytest.fixture(params=["fake", "sample", "datadog"])
async def source(request: pytest.FixtureRequest) -> AsyncIterator[CostSource]:
    if request.param == "fake":
        yield FakeCosts(LINES)
    elif request.param == "sample":
        yield SampleSource()
    else:
        async with FakeDatadog(LINES, seed=5) as server:
            found = DatadogSource(server.settings())
            yield found
            await found.aclose()


async def metric_of(source: CostSource) -> str:
    return await source.choose_metric(WINDOW)


def some_accounts(source: CostSource) -> list[str]:
    return source.accounts[:5] if isinstance(source, SampleSource) else ACCOUNTS[:5]


def total_of(costs: CostTable) -> Decimal:
    return sum((Decimal(repr(amount)) for amount in cells(costs).values()), Decimal(0))


async def test_accounts_and_services_add_up_to_the_total(source: CostSource) -> None:
    metric, accounts = await metric_of(source), some_accounts(source)

    total = await source.total(metric, WINDOW, accounts)
    by_account = await source.by_account(metric, WINDOW, accounts)
    by_service = await source.by_service(metric, WINDOW, accounts)

    assert abs(total_of(total) - total_of(by_account)) < Decimal("0.0001")
    assert abs(total_of(total) - total_of(by_service)) < Decimal("0.0001")
    assert {one.account_id for one in by_account.series} <= set(accounts)
    assert {one.account_id for one in by_service.series} <= set(accounts)


async def test_the_ungrouped_total_covers_every_account(source: CostSource) -> None:
    metric = await metric_of(source)
    total = await source.total(metric, WINDOW)
    by_account = await source.by_account(metric, WINDOW)

    (only,) = total.series
    assert (only.account_id, only.service, only.category) == ("", "", None)
    assert abs(total_of(total) - total_of(by_account)) < Decimal("0.0001")
    assert all(one.service == "" and one.category is None for one in by_account.series)


async def test_each_series_has_a_place_for_every_day_and_one_key(source: CostSource) -> None:
    by_service = await source.by_service(await metric_of(source), WINDOW, some_accounts(source))

    keys = [(one.account_id, one.service, one.category) for one in by_service.series]
    assert len(keys) == len(set(keys))
    assert all(len(one.amounts) == len(WINDOW) for one in by_service.series)
    assert {one.category for one in by_service.series} >= {Category.USAGE, Category.TAX}
    assert not any(all(map(math.isnan, one.amounts)) for one in by_service.series)


async def test_a_span_gives_the_same_amounts_as_its_days(source: CostSource) -> None:
    metric, accounts = await metric_of(source), some_accounts(source)
    whole = cells(await source.by_service(metric, WINDOW, accounts))
    single: dict[tuple[str, str, str, date], float] = {}
    for day in WINDOW:
        single |= cells(await source.by_service(metric, DaySpan(day, day), accounts))
    assert whole == pytest.approx(single)


async def test_no_data_gives_no_series(source: CostSource) -> None:
    metric = await metric_of(source)
    nobody = "000000000001"
    if not isinstance(source, SampleSource):  # which has costs for any account
        assert (await source.total(metric, WINDOW, [nobody])).series == []
    long_ago = DaySpan(date(2019, 1, 1), date(2019, 1, 3))
    assert (await source.total(metric, long_ago)).series == []
    assert await source.account_names(metric, WINDOW, [nobody]) == {}


async def test_costs_without_tags_are_kept_apart_and_not_lost() -> None:
    async with FakeDatadog(LINES) as server:
        for source in (FakeCosts(LINES), DatadogSource(server.settings())):
            by_account = await source.by_account(server.metric, WINDOW)
            found = {one.account_id: one.amounts for one in by_account.series}
            assert list(found[UNATTRIBUTED])[4] == 12.5
            details = await source.by_service(server.metric, WINDOW, [ACCOUNTS[0]])
            other = [one for one in details.series if one.service == "Other"]
            assert [list(one.amounts) for one in other] == [[1.0] * 7]
            await source.aclose()
