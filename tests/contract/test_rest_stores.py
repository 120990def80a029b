"""The store's ports that REST pages and keys stand on, on memory and on MongoDB."""

from datetime import date
from decimal import Decimal

import pytest

from services.domain import Actor, Anomaly, ApiKey, Month
from services.domain.errors import ConflictError
from services.ports import Store
from tests.makers import NOW, later, run, series, table

A, B = "1" * 12, "2" * 12


def key(number: int = 1, **more: object) -> ApiKey:
    values = {
        "id": f"key0000{number}",
        "name": f"Key {number}",
        "scopes": ("read", "write"),
        "secret_sha256": f"{number:064x}",
        "created_at": later(minutes=number),
        "created_by": Actor(interface="cli", name="test"),
    }
    return ApiKey.model_validate({**values, **more})


def anomaly(name: str, **more: object) -> Anomaly:
    values = {
        "id": name,
        "kind": "spike",
        "source": "datadog",
        "account_id": A,
        "service": "EC2",
        "start": date(2026, 11, 20),
        "excess": Decimal("10.5"),
        "raised_at": NOW,
        "updated_at": NOW,
    }
    return Anomaly.model_validate({**values, **more})


async def test_a_key_that_was_ever_stored_is_never_forgotten(any_store: Store) -> None:
    keys = any_store.api_keys
    assert not await keys.any_ever()
    second, first = key(2, expires_at=later(days=1)), key(1)
    await keys.add(second)
    await keys.add(first)
    assert await keys.list_keys() == [first, second]
    assert await keys.get(second.id) == second
    assert await keys.get("nothing0") is None
    with pytest.raises(ConflictError):
        await keys.add(first.model_copy(update={"name": "another"}))

    for number in (1, 2):
        await keys.revoke(f"key0000{number}", later(hours=number))
    assert await keys.any_ever()


async def test_a_key_is_revoked_once_and_none_is_not(any_store: Store) -> None:
    keys = any_store.api_keys
    await keys.add(key())
    first = await keys.revoke("key00001", later(hours=1))
    again = await keys.revoke("key00001", later(hours=2))
    assert first == again == key(revoked_at=later(hours=1))
    assert await keys.revoke("nothing0", NOW) is None


async def test_the_last_use_of_a_key_never_goes_back(any_store: Store) -> None:
    keys = any_store.api_keys
    await keys.add(key())
    for hours in (1, 3, 2):
        await keys.touch("key00001", later(hours=hours))
    assert await keys.get("key00001") == key(last_used_at=later(hours=3))
    await keys.touch("nothing0", NOW)


async def test_pages_of_anomalies_neither_repeat_nor_miss_one(any_store: Store) -> None:
    anomalies = any_store.anomalies
    made = [
        anomaly(
            f"a{i}",
            account_id=A if i % 2 else B,
            status="ended" if i % 3 == 0 else "open",
            # Some were raised at the same instant: then the id decides.
            raised_at=later(hours=i // 3),
        )
        for i in range(10)
    ]
    for one in [*made[5:], *made[:5], anomaly("other", source="sample")]:
        await anomalies.raise_once(one)
    wanted = sorted(made, key=lambda one: (one.raised_at, one.id), reverse=True)

    found: list[Anomaly] = []
    while page := await anomalies.page(
        "datadog",
        after=(found[-1].raised_at, found[-1].id) if found else None,
        limit=3,
    ):
        assert len(page) <= 3
        found += page
        assert len(found) <= len(made)

    assert found == wanted
    ended = await anomalies.page("datadog", status="ended")
    assert ended == [one for one in wanted if one.status == "ended"]
    of_all = await anomalies.page("datadog", without=[A])
    assert of_all
    assert A not in {anomaly.account_id for anomaly in of_all}
    assert await anomalies.page("datadog", accounts=[A], without=[A]) == []
    of_a = await anomalies.page("datadog", accounts=[A], status="open")
    assert of_a == [one for one in wanted if one.status == "open" and one.account_id == A]
    assert await anomalies.page("datadog", accounts=[]) == []


async def test_pages_of_runs_neither_repeat_nor_miss_one(any_store: Store) -> None:
    runs = any_store.runs
    made = [run(f"r{i}", created_at=later(hours=i // 2)) for i in range(7)]
    for one in made:
        await runs.begin(one)
    first = await runs.list_runs("datadog", limit=3)
    last = first[-1]
    rest = await runs.list_runs("datadog", after=(last.created_at, last.id))
    assert [one.id for one in first + rest] == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]


async def test_the_months_with_costs_are_known(any_store: Store) -> None:
    costs = any_store.costs
    assert await costs.months("datadog", [A]) == []
    saved = table(date(2026, 1, 30), series([1, 2, 3, 4]), series([5, 6, 7, 8], account=B))
    await costs.save_details("datadog", "m", saved, [A, B], NOW)
    later_on = table(date(2026, 4, 1), series([1], account=B))
    await costs.save_details("datadog", "m", later_on, [B], NOW)
    assert await costs.months("datadog", [A]) == [Month(2026, 2), Month(2026, 1)]
    assert (await costs.months("datadog", [A, B]))[0] == Month(2026, 4)
    assert await costs.months("sample", [A, B]) == []
