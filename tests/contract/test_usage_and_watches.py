"""What detection reads of costs, and what it keeps, on memory and on MongoDB."""

import math
from datetime import date, timedelta

import pytest

from services.adapters.store import MongoStore
from services.model import Category, DaySpan, KeptWatch, Month
from services.ports import Store
from tests.contract.test_rest_stores import anomaly
from tests.makers import NOW, later, series, table

A, B, C = "1" * 12, "2" * 12, "3" * 12
JAN_30 = date(2026, 1, 30)
DAY = timedelta(days=1)
JANUARY, FEBRUARY = Month(2026, 1), Month(2026, 2)
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
    assert [(one.day, one.service, one.amount, one.at) for one in found[A].changes] == [
        (JAN_30 + DAY, "EC2", 2.5, later(hours=1)),
        (JAN_30 + 2 * DAY, "RDS", 6.0, later(hours=1)),
    ]
    assert [(one.month, one.metric, one.covered) for one in found[A].months] == [
        ("2026-01", "m", 1 << 29 | 1 << 30),
        ("2026-02", "m", 0b11),
    ]
    assert (found[B].usage, found[B].changes) == ({}, [])
    assert await costs.load_usage("sample", [A], span) == []


async def test_changes_of_days_before_the_span_are_told_within_its_months(
    any_store: Store,
) -> None:
    costs = any_store.costs
    await costs.save_details("datadog", "m", table(JAN_30, series([1, 2, 3, 4])), [A], NOW)
    await costs.save_details(
        "datadog", "m", table(JAN_30, series([0, 2, 5, 4])), [A], later(hours=1)
    )
    last = DaySpan(JAN_30 + 3 * DAY, JAN_30 + 3 * DAY)
    (found,) = await costs.load_usage("datadog", [A], last)
    assert [(one.day, one.amount) for one in found.changes] == [(JAN_30 + 2 * DAY, 5.0)]
    assert list(found.usage["EC2"]) == [4.0]
    (whole,) = await costs.load_usage("datadog", [A], DaySpan(JAN_30, JAN_30 + 3 * DAY))
    assert [(one.day, one.amount) for one in whole.changes] == [
        (JAN_30, 0.0),
        (JAN_30 + 2 * DAY, 5.0),
    ]
    assert list(whole.usage["EC2"]) == [1.0, 2.0, 3.0, 4.0]


async def test_writes_grow_with_every_change_and_with_nothing_else(any_store: Store) -> None:
    costs = any_store.costs

    async def writes(first: Month = JANUARY, last: Month = FEBRUARY) -> dict[str, int]:
        return await costs.writes("datadog", [A, B], first, last)

    assert await writes() == {}
    saved = table(JAN_30, series([1, 2, 3, 4]))
    await costs.save_details("datadog", "m", saved, [A], NOW)
    before = await writes()
    assert before.keys() == {A}
    await costs.save_details("datadog", "m", saved, [A], later(hours=1))
    assert await writes() == before
    january, february = await writes(JANUARY, JANUARY), await writes(FEBRUARY, FEBRUARY)
    assert before[A] == january[A] + february[A]
    changed = table(JAN_30, series([1, 2, 3.5, 4]))
    await costs.save_details("datadog", "m", changed, [A], later(hours=2))
    assert await writes(JANUARY, JANUARY) == january
    assert (await writes(FEBRUARY, FEBRUARY))[A] > february[A]
    empty = DaySpan(JAN_30 - 9 * DAY, JAN_30 - 9 * DAY)
    await costs.save_details("datadog", "m", table(empty.first, series([NAN])), [A], NOW)
    assert (await writes(JANUARY, JANUARY))[A] > january[A], "a day that is known is a change"
    assert await costs.writes("sample", [A], JANUARY, FEBRUARY) == {}


def watch(account: str, *, settled: bool = True, state: bytes = b"\x00\xff") -> KeptWatch:
    return KeptWatch(account, JAN_30, "detection 1", '{"months":[]}', state, settled)


async def test_a_watch_is_there_once_it_is_settled_by_who_made_it(any_store: Store) -> None:
    watches = any_store.watches
    await watches.keep("datadog", [watch(A), watch(B, settled=False)], "maker 1", NOW)
    assert await watches.of("datadog", [A, B, C]) == {A: watch(A)}
    assert await watches.of("sample", [A]) == {}

    await watches.keep("datadog", [watch(A, settled=False, state=b"2")], "maker 2", NOW)
    await watches.settle("datadog", [A, B, C], "maker 1")
    assert await watches.of("datadog", [A, B]) == {B: watch(B)}
    await watches.settle("datadog", [A], "maker 2")
    assert await watches.of("datadog", [A, B]) == {A: watch(A, state=b"2"), B: watch(B)}
    await watches.keep("datadog", [], "maker 3", NOW)


SPOILT: dict[str, object] = {
    "state": b"\x00",
    "basis": '{"months":[],"more":1}',
    "through": "soon",
    "made_with": None,
    "account_id": B,
    "check": 1,
}


@pytest.mark.parametrize("name", SPOILT)
async def test_a_damaged_watch_is_as_if_it_had_never_been(store: MongoStore, name: str) -> None:
    kept = store._db.watches
    await store.watches.keep("datadog", [watch(A), watch(C)], "maker", NOW)
    for update in ({"$set": {name: SPOILT[name]}}, {"$set": {name: 7}}, {"$unset": {name: ""}}):
        await kept.update_one({"_id": f"datadog|{A}"}, update)
        assert await store.watches.of("datadog", [A, B, C]) == {C: watch(C)}
    await store.watches.keep("datadog", [watch(A)], "maker", NOW)
    assert (await store.watches.of("datadog", [A]))[A] == watch(A)


async def test_a_watch_that_is_too_large_is_not_kept(store: MongoStore) -> None:
    large = watch(A, state=bytes(17_000_000))
    await store.watches.keep("datadog", [large, watch(B)], "maker", NOW)
    assert await store.watches.of("datadog", [A, B]) == {B: watch(B)}


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
