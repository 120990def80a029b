"""What detection reads of costs and anomalies, in memory and on MongoDB."""

import math
from datetime import date, timedelta

from services.domain import Category, DaySpan
from services.ports import Store
from tests.contract.test_rest_stores import anomaly
from tests.makers import NOW, later, series, table

A, B, C = "1" * 12, "2" * 12, "3" * 12
JAN_30 = date(2026, 1, 30)
DAY = timedelta(days=1)
NAN = math.nan


async def test_usage_is_as_it_was_first_seen_without_other_charges(any_store: Store) -> None:
    costs = any_store.costs
    first = table(
        JAN_30,
        series([1, 2, 3, 4]),
        series([5, NAN, NAN, 5], service="S3"),
        series([9, 9, 9, 9], category=Category.TAX),
        series([7, 7, 7, 7], account=B, service="Support", category=Category.FEE),
    )
    second = table(
        JAN_30,
        series([1, 2.5, 3, 4]),
        series([5, NAN, NAN, 5], service="S3"),
        series([9, 8, 9, 9], category=Category.TAX),
        series([NAN, NAN, 6, NAN], service="RDS"),
    )
    await costs.save_details("datadog", "m", first, [A, B], NOW)
    await costs.save_details("datadog", "m", second, [A], later(hours=1))

    span = DaySpan(JAN_30 + DAY, JAN_30 + 2 * DAY)
    found = {one.account_id: one for one in await costs.load_usage("datadog", [A, B, C], span)}

    assert found.keys() == {A, B}, "of an account without any month nothing is known"
    assert {name: list(map(str, row)) for name, row in found[A].usage.items()} == {
        "EC2": ["2.0", "3.0"],
        "S3": ["nan", "nan"],
        "RDS": ["nan", "nan"],
    }
    assert [
        (change.day, change.service, change.amount, change.at) for change in found[A].changes
    ] == [
        (JAN_30 + DAY, "EC2", 2.5, later(hours=1)),
        (JAN_30 + 2 * DAY, "RDS", 6.0, later(hours=1)),
    ]
    assert (found[B].usage, found[B].changes) == ({}, [])
    assert await costs.load_usage("sample", [A], span) == []


async def test_changes_of_days_before_the_span_are_returned_within_its_months(
    any_store: Store,
) -> None:
    costs = any_store.costs
    await costs.save_details("datadog", "m", table(JAN_30, series([1, 2, 3, 4])), [A], NOW)
    await costs.save_details(
        "datadog", "m", table(JAN_30, series([0, 2, 5, 4])), [A], later(hours=1)
    )
    last = DaySpan(JAN_30 + 3 * DAY, JAN_30 + 3 * DAY)
    (found,) = await costs.load_usage("datadog", [A], last)
    assert [(change.day, change.amount) for change in found.changes] == [(JAN_30 + 2 * DAY, 5.0)]
    assert list(found.usage["EC2"]) == [4.0]
    (whole,) = await costs.load_usage("datadog", [A], DaySpan(JAN_30, JAN_30 + 3 * DAY))
    assert [(change.day, change.amount) for change in whole.changes] == [
        (JAN_30, 0.0),
        (JAN_30 + 2 * DAY, 5.0),
    ]
    assert list(whole.usage["EC2"]) == [1.0, 2.0, 3.0, 4.0]


async def test_anomalies_in_some_states(any_store: Store) -> None:
    for name, account, status in (
        ("a", A, "open"),
        ("b", A, "accepted"),
        ("c", A, "ended"),
        ("d", B, "snoozed"),
        ("e", C, "open"),
    ):
        await any_store.anomalies.raise_once(anomaly(name, account_id=account, status=status))
    found = await any_store.anomalies.in_state("datadog", ["open", "accepted"], [A, B])
    assert sorted(one.id for one in found) == ["a", "b"]
    assert await any_store.anomalies.in_state("sample", ["open"], [A]) == []
