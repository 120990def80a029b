"""What Datadog's answers can be, and what is made of each."""

import json
import math
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from aiohttp import web

from services.adapters.datadog import DatadogSource
from services.adapters.datadog.bodies import RawResponse
from services.adapters.datadog.client import _named_wait
from services.domain import UNATTRIBUTED, Category, DaySpan
from services.domain.errors import CostHistoryEndsError, CostSourceError, ResponseTooLargeError
from tests.makers import cells
from tests.servers.datadog import (
    Cost,
    FakeDatadog,
    account_ids,
    cut_off,
    once,
    random_costs,
)

SPAN = DaySpan(date(2026, 10, 30), date(2026, 11, 3))
ACCOUNTS = account_ids(4, seed=3)
COSTS = random_costs(ACCOUNTS, SPAN, seed=4)
METRIC = "aws.cost.net.amortized"
DATE, STAMP = "Wed, 21 Oct 2026 07:28:00 GMT", 1792567680

pytestmark = pytest.mark.usefixtures("_quick_retries")


@pytest.fixture
async def server() -> AsyncIterator[FakeDatadog]:
    async with FakeDatadog(list(COSTS)) as found:
        yield found


@pytest.fixture
async def source(server: FakeDatadog) -> AsyncIterator[DatadogSource]:
    found = DatadogSource(server.settings())
    yield found
    await found.aclose()


async def the_truth(server: FakeDatadog) -> dict[Any, float]:
    fresh = DatadogSource(server.settings())
    try:
        return cells(await fresh.by_service(METRIC, SPAN, ACCOUNTS))
    finally:
        await fresh.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        once(429, headers={"X-RateLimit-Reset": "0"}),
        once(429, headers={"X-RateLimit-Reset": "not a number"}),
        once(429, headers={"X-RateLimit-Reset": "inf"}),
        once(500),
        once(502, "<html>bad gateway</html>"),
        once(503, "", headers={"Retry-After": "0"}),
        once(504),
        once(200, "<html>maintenance</html>"),
        once(200, {"errors": ["timeout while fetching"], "data": None}),
        once(200, {"errors": [{"title": "x", "detail": "y"}], "data": {"attributes": {}}}),
        once(200, {"data": None}),
        cut_off,
    ],
    ids=[
        *(
            "429",
            "429 without seconds",
            "429 for ever",
            "500",
            "502 page",
            "503",
            "504",
            "200 page",
        ),
        *("200 with errors", "200 with error objects", "200 without data", "cut off"),
    ],
)
async def test_what_may_pass_is_asked_again_until_it_is_whole(
    server: FakeDatadog, source: DatadogSource, fault: Any
) -> None:
    wanted = await the_truth(server)
    server.faults.append(fault)
    server.calls = 0

    assert cells(await source.by_service(METRIC, SPAN, ACCOUNTS)) == wanted
    assert server.calls == 2


async def test_a_200_with_errors_beside_data_is_rejected(
    server: FakeDatadog, source: DatadogSource
) -> None:
    def half(request: web.Request, query: str) -> web.Response:
        body = {
            "errors": ["query timed out on one shard"],
            "data": {"attributes": {"series": [], "times": [], "values": []}},
        }
        return web.json_response(body)

    wanted = await the_truth(server)
    server.faults.append(half)
    assert cells(await source.by_service(METRIC, SPAN, ACCOUNTS)) == wanted


async def test_the_wait_that_a_rate_limit_names_is_respected(server: FakeDatadog) -> None:
    source = DatadogSource(server.settings())
    told: list[float | bool] = []
    client = source._client
    keep = client._wait_before_retry

    def spy(error: Exception) -> bool | float:
        told.append(keep(error))
        return 0.0

    client._wait_before_retry = spy  # type: ignore[method-assign]
    server.faults.append(once(429, headers={"X-RateLimit-Reset": "37", "Retry-After": "5"}))
    await source.total(METRIC, SPAN)
    await source.aclose()

    assert told
    assert isinstance(told[0], float)
    assert 37.0 <= told[0] <= 38.0


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"X-RateLimit-Reset": f"{STAMP + 37}", "Date": DATE}, 37.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:37 GMT", "Date": DATE}, 37.0),
        ({"X-RateLimit-Reset": "0", "Retry-After": "37"}, 37.0),
        ({"X-RateLimit-Reset": f"{STAMP - 37}", "Date": DATE}, None),
        ({"X-RateLimit-Reset": "0"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "inf"}, None),
    ],
    ids=["stamp", "date", "zero and seconds", "past stamp", "zero", "nan", "inf"],
)
def test_the_wait_is_read_in_each_form(headers: dict[str, str], waits: float | None) -> None:
    assert _named_wait(RawResponse(429, httpx.Headers(headers), bytearray())) == waits


@pytest.mark.parametrize(
    ("reset", "when"),
    [("3590", "in 60 minutes"), (f"{STAMP + 3590}", "in 60 minutes")],
    ids=["seconds", "stamp"],
)
async def test_a_wait_longer_than_the_patience_ends_with_words(
    server: FakeDatadog, reset: str, when: str
) -> None:
    source = DatadogSource(server.settings(), max_wait_seconds=60)
    server.faults.append(once(429, headers={"X-RateLimit-Reset": reset, "Date": DATE}))
    with pytest.raises(CostSourceError, match=f"rate limit.* Try again {when}.") as caught:
        await source.total(METRIC, SPAN)
    await source.aclose()
    assert not caught.value.permanent
    assert server.calls == 1


async def test_the_rate_budget_is_noted(server: FakeDatadog, source: DatadogSource) -> None:
    headers = {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "7",
        "X-RateLimit-Reset": "0",
    }
    server.faults.append(once(500, headers=headers))
    server.faults.append(once(429, headers=headers))
    await source.total(METRIC, SPAN)
    client = source._client
    assert client.rate_remaining is None
    server.faults.append(once(429, headers=headers))
    client._note_rate(headers)
    assert client.rate_remaining == pytest.approx(0.07)
    await source.wait_for_rate_limit()


@pytest.mark.parametrize(
    ("reset", "seconds"), [(f"{STAMP + 2}", 2.0), ("nan", 0.0), ("9e18", 3600.0), ("9999", 3600.0)]
)
async def test_background_reading_never_sleeps_longer_than_a_rate_period(
    source: DatadogSource, reset: str, seconds: float
) -> None:
    few = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "3", "Date": DATE}
    source._client._note_rate({**few, "X-RateLimit-Reset": reset})
    assert source._client.rate_resets_in_seconds == seconds


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": "c" * 32}, "DATADOG_API_KEY"),
        ({"app_key": "c" * 40}, "DATADOG_APP_KEY"),
    ],
    ids=["api key", "application key"],
)
async def test_a_refused_key_is_not_tried_again_and_is_named(
    server: FakeDatadog, settings: dict[str, str], words: str
) -> None:
    source = DatadogSource(server.settings(**settings))
    with pytest.raises(CostSourceError, match=words) as caught:
        await source.total(METRIC, SPAN)
    await source.aclose()
    assert caught.value.permanent
    assert server.calls == 1
    assert "c" * 32 not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (once(403, {"errors": ["Failed permission authorization checks"]}), "scope"),
        (once(403, "<html>blocked by proxy</html>"), "network team"),
        (once(400, {"errors": ["no such metric"]}), "DATADOG_COST_METRIC"),
        (once(404, "nothing here"), "DATADOG_SITE"),
        (once(301, "", headers={"Location": "https://elsewhere"}), "DATADOG_SITE"),
    ],
    ids=["scope", "proxy", "query", "address", "redirect"],
)
async def test_a_permanent_error_names_its_fix(
    server: FakeDatadog, source: DatadogSource, fault: Any, words: str
) -> None:
    server.faults.append(fault)
    with pytest.raises(CostSourceError, match=words) as caught:
        await source.total(METRIC, SPAN)
    assert caught.value.permanent
    assert server.calls == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_days_beyond_retention_are_distinguished_from_a_bad_query(
    server: FakeDatadog, source: DatadogSource, status: int
) -> None:
    words = "Queries ending outside the retention date are invalid"
    server.faults.append(once(status, {"errors": [words]}))
    with pytest.raises(CostHistoryEndsError, match="no longer keeps") as caught:
        await source.total(METRIC, SPAN)
    assert caught.value.permanent
    server.faults.append(once(403, {"errors": ["the retention of this key is over"]}))
    with pytest.raises(CostSourceError) as refused:
        await source.total(METRIC, SPAN)
    assert not isinstance(refused.value, CostHistoryEndsError)


async def test_too_large_and_twice_cut_off_ask_for_fewer_accounts(
    server: FakeDatadog, source: DatadogSource
) -> None:
    server.faults.append(once(400, {"errors": ["result set too large"]}))
    with pytest.raises(ResponseTooLargeError):
        await source.by_service(METRIC, SPAN, ACCOUNTS)
    server.faults += [cut_off, cut_off]
    with pytest.raises(ResponseTooLargeError):
        await source.by_service(METRIC, SPAN, ACCOUNTS)
    server.faults += [cut_off, cut_off]
    assert (await source.by_service(METRIC, SPAN, ACCOUNTS[:1])).series


async def test_an_unavailable_server_is_named() -> None:
    async with FakeDatadog([]) as server:
        settings = server.settings()
    source = DatadogSource(settings)
    with pytest.raises(CostSourceError, match="DATADOG_API_URL") as caught:
        await source.total(METRIC, SPAN)
    await source.aclose()
    assert not caught.value.permanent


async def test_without_any_data_the_fix_is_named(server: FakeDatadog) -> None:
    server.costs = []
    source = DatadogSource(server.settings())
    with pytest.raises(CostSourceError, match="Cloud Cost Management"):
        await source.choose_metric(SPAN, None)
    await source.aclose()


async def test_the_net_metric_comes_first_and_the_plain_one_second(server: FakeDatadog) -> None:
    server.metric = "aws.cost.amortized"
    source = DatadogSource(server.settings())
    assert await source.choose_metric(SPAN, None) == "aws.cost.amortized"
    await source.aclose()
    set_by_hand = DatadogSource(server.settings(cost_metric="custom.cost"))
    assert await set_by_hand.choose_metric(SPAN, None) == "custom.cost"
    assert await set_by_hand.choose_metric(SPAN, METRIC) == "custom.cost"
    await set_by_hand.aclose()


async def test_amounts_without_a_charge_category_are_distinguished_by_cost_type(
    server: FakeDatadog, source: DatadogSource
) -> None:
    types = {
        "Usage": Category.USAGE,
        "SavingsPlanNegation": Category.USAGE,
        "Credit": Category.CREDIT,
        "Refund": Category.REFUND,
        "Tax": Category.TAX,
        "RIFee": Category.FEE,
        "Brand New": Category.USAGE,
    }
    server.costs = [
        Cost(
            SPAN.first,
            10.0,
            {"aws_member_account_id": ACCOUNTS[0], "aws_product": name, "aws_cost_type": name},
        )
        for name in types
    ]
    found = await source.by_service(METRIC, SPAN, ACCOUNTS[:1])

    assert {one.service: one.category for one in found.series} == types
    assert found.unknown_categories == frozenset({"Brand New"})


def with_unit(unit: Any) -> Callable[[dict[str, Any]], None]:
    def edit(answer: dict[str, Any]) -> None:
        for one in answer["data"]["attributes"]["series"]:
            one["unit"] = unit

    return edit


@pytest.mark.parametrize(
    ("unit", "currency", "scale"),
    [
        ([{"family": "currency", "name": "euro", "scale_factor": 1.0}, None], "EUR", 1.0),
        ([{"family": "currency", "name": "cent", "scale_factor": 0.01}, None], "USD", 0.01),
        ([{"family": "currency", "name": "cent", "scale_factor": None}, None], "USD", 0.01),
        ([{"short_name": "¢"}, None], "USD", 0.01),
        ([{"family": "currency", "name": "microdollars", "scale_factor": 1e-6}], "USD", 1e-6),
        ([{"family": "currency", "name": "micro dollar"}, None], "USD", 1e-6),
        ([{"family": "currency", "name": "penny"}, None], "GBP", 0.01),
        ([{"family": "currency", "name": "Dollars"}, None], "USD", 1.0),
        ([{"family": "currency", "name": "CHF"}], "CHF", 1.0),
        ([None, None], "USD", 1.0),
        (None, "USD", 1.0),
    ],
    ids=[
        *("euro", "cent", "cent without scale", "short cent", "microdollars", "micro dollar"),
        *("penny", "plural", "franc", "nulls", "none"),
    ],
)
async def test_units_are_read_and_scaled(
    server: FakeDatadog, source: DatadogSource, unit: Any, currency: str, scale: float
) -> None:
    plain = await the_truth(server)
    server.edit = with_unit(unit)

    found = await source.by_service(METRIC, SPAN, ACCOUNTS)

    assert found.currency == currency
    assert found.currency_stated
    assert cells(found) == pytest.approx({key: x * scale for key, x in plain.items()})


async def test_a_currency_that_is_stated_nowhere_is_assumed_and_reported(
    server: FakeDatadog, source: DatadogSource
) -> None:
    server.unit = None
    server.costs = [
        Cost(SPAN.first, 1.0, {"aws_member_account_id": ACCOUNTS[0], "chargecategory": "usage"})
    ]
    found = await source.total(METRIC, SPAN)
    assert (found.currency, found.currency_stated) == ("USD", False)


async def test_a_metric_without_a_currency_is_refused(
    server: FakeDatadog, source: DatadogSource
) -> None:
    server.edit = with_unit([{"family": "bytes", "name": "byte", "scale_factor": 1.0}, None])
    with pytest.raises(CostSourceError, match="not money"):
        await source.total(METRIC, SPAN)


async def test_several_currencies_cannot_be_added_up(
    server: FakeDatadog, source: DatadogSource
) -> None:
    def mixed(answer: dict[str, Any]) -> None:
        for i, one in enumerate(answer["data"]["attributes"]["series"]):
            one["unit"] = [{"family": "currency", "name": ("dollar", "euro")[i % 2]}, None]

    server.edit = mixed
    with pytest.raises(CostSourceError, match="several currencies"):
        await source.by_account(METRIC, SPAN)


async def test_sparse_times_null_points_and_stray_stamps_are_put_in_their_places(
    server: FakeDatadog, source: DatadogSource
) -> None:
    def sparse(answer: dict[str, Any]) -> None:
        day = 86_400_000
        first = 1793318400000  # 30 October 2026
        answer["data"]["attributes"] = {
            "series": [{"group_tags": [], "unit": None}],
            "times": [first + 3 * day, first - day, first, first + day],
            "values": [[4.0, 999.0, 1.0, None]],
        }

    server.edit = sparse
    server.unit = None
    found = await source.total(METRIC, SPAN)
    amounts = list(found.series[0].amounts)
    assert [None if math.isnan(x) else x for x in amounts] == [1.0, None, None, 4.0, None]


async def test_an_answer_with_fewer_rows_than_series_is_none(
    server: FakeDatadog, source: DatadogSource
) -> None:
    wanted = await the_truth(server)

    def short(request: web.Request, query: str) -> web.Response:
        body = {"data": {"attributes": {"series": [{}, {}], "times": [], "values": [[]]}}}
        return web.Response(text=json.dumps(body), content_type="application/json")

    server.faults.append(short)
    assert cells(await source.by_service(METRIC, SPAN, ACCOUNTS)) == wanted


async def test_a_row_with_missing_days_is_rejected(
    server: FakeDatadog, source: DatadogSource
) -> None:
    def shorten(answer: dict[str, Any]) -> None:
        answer["data"]["attributes"]["values"][0].pop()

    server.edit = shorten
    with pytest.raises(CostSourceError, match="incomplete"):
        await source.total(METRIC, SPAN)


async def test_an_account_tag_that_no_query_can_ask_for_counts_as_no_account(
    server: FakeDatadog, source: DatadogSource
) -> None:
    odd = ("shared (legacy), other", "1} by {x", "a" * 65)
    tags = {"chargecategory": "usage"}
    server.costs = [Cost(SPAN.first, 1.0, {"aws_member_account_id": id_, **tags}) for id_ in odd]
    server.costs.append(Cost(SPAN.first, 2.0, {"aws_member_account_id": "0" * 12, **tags}))
    found = cells(await source.by_account(METRIC, SPAN))
    assert found == {
        (UNATTRIBUTED, "", "", SPAN.first): 3.0,
        ("0" * 12, "", "", SPAN.first): 2.0,
    }


async def test_keys_and_scopes_can_be_checked(server: FakeDatadog, source: DatadogSource) -> None:
    text = await source.check(datetime(2026, 11, 5, tzinfo=UTC))
    assert "keys and scopes work" in text
    assert METRIC in text
