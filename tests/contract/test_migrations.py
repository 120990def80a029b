"""Stored data moves from version to version, on a real MongoDB."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.adapters.store import MongoStore
from services.adapters.store.client import Database, plain
from services.adapters.store.migrations import STEPS, migrate
from services.domain import Actor, Alert
from services.domain.errors import NameTakenError, SettingsError
from tests.makers import NOW, run, team


async def one(db: Database, collection: str, key: object) -> dict[str, Any]:
    found = await db[collection].find_one({"_id": key})
    assert found is not None
    return dict(found)


async def before_versions(store: MongoStore) -> Database:
    """The database as if no step had ever been done."""
    await store._db.meta.delete_many({})
    return store._db


async def add_b(db: Database) -> None:
    await db.things.update_many({"b": {"$exists": False}}, {"$set": {"b": 1}})


async def count(db: Database) -> None:
    await db.things.update_many({}, [{"$set": {"c": {"$add": ["$a", "$b"]}}}])


async def test_old_data_is_brought_up_to_date_step_by_step_and_once(store: MongoStore) -> None:
    db = await before_versions(store)
    await db.things.insert_one({"_id": 1, "a": 2})
    assert await migrate(db, (add_b,)) == 2
    assert await migrate(db, (add_b, count)) == 3
    assert await migrate(db, (add_b, count)) == 3
    assert await db.things.find_one({"_id": 1}) == {"_id": 1, "a": 2, "b": 1, "c": 3}


async def test_a_step_that_breaks_is_done_again_at_the_next_start(store: MongoStore) -> None:
    async def broken(db: Database) -> None:
        await add_b(db)
        raise ConnectionError

    db = await before_versions(store)
    await db.things.insert_one({"_id": 1, "a": 2})
    with pytest.raises(ConnectionError):
        await migrate(db, (broken, count))
    assert await migrate(db, (add_b, count)) == 3
    assert (await one(db, "things", 1))["c"] == 3


async def test_processes_that_start_together_end_at_the_same_version(store: MongoStore) -> None:
    db = await before_versions(store)
    await db.things.insert_one({"_id": 1, "a": 2})
    found = await asyncio.gather(*(migrate(db, (add_b, count)) for _ in range(5)))
    assert set(found) == {3}
    assert (await one(db, "meta", "schema"))["version"] == 3


async def test_data_of_a_newer_agent_is_refused_and_left_alone(store: MongoStore) -> None:
    db = store._db
    newer = 2 + len(STEPS)
    await db.meta.update_one({"_id": "schema"}, {"$set": {"version": newer}})
    with pytest.raises(SettingsError, match="newer agent"):
        await store.prepare()
    assert (await one(db, "meta", "schema"))["version"] == newer


async def test_runs_and_cards_of_before_can_be_closed_and_changed(store: MongoStore) -> None:
    old = run(planned=True).model_dump(exclude={"id", "plan", "openings"})
    lease = {"owner": None, "token": 0, "until": None}
    await store._db.runs.insert_one({"_id": "r", **plain(old), "lease": lease})
    card = Alert(
        id="a|c",
        subject="a",
        source="datadog",
        conversation_id="c",
        created_at=NOW,
        updated_at=NOW,
    )
    await store._db.alerts.insert_one(
        {"_id": card.id, **plain(card.model_dump(exclude={"id", "fence"}))}
    )
    await before_versions(store)
    await store.prepare()
    token = await store.runs.lease("r", "w", NOW, timedelta(minutes=1))
    assert token is not None
    assert await store.runs.close("r", token, 0, expired=False, now=NOW)
    assert await store.alerts.replace(card) is not None


async def test_the_old_field_door_of_an_actor_becomes_its_interface(store: MongoStore) -> None:
    db = await before_versions(store)
    doors = {"c": "cli", "r": "rest", "t": "chat", "s": "clock"}
    for collection, field in (("audit", "actor"), ("runs", "requested_by")):
        for key, door in doors.items():
            actor = {"door": door, "name": "Ana", "id": "a"}
            await db[collection].insert_one({"_id": key, field: actor, "subject": "t"})
    await db.api_keys.insert_one({"_id": "k", "created_by": {"door": "cli", "name": "", "id": ""}})
    # As when a process was killed after it had changed a document.
    renamed = {"interface": "scheduler", "name": "", "id": ""}
    await db.runs.insert_one({"_id": "done", "requested_by": renamed})

    await asyncio.gather(*(STEPS[2](db) for _ in range(3)))
    await STEPS[2](db)

    for collection, field in (("audit", "actor"), ("runs", "requested_by")):
        for key, interface in {**doors, "s": "scheduler"}.items():
            document = await one(db, collection, key)
            assert document == {
                "_id": key,
                field: {"interface": interface, "name": "Ana", "id": "a"},
                "subject": "t",
            }
            Actor.model_validate(document[field])
    assert (await one(db, "api_keys", "k"))["created_by"]["interface"] == "cli"
    assert (await one(db, "runs", "done"))["requested_by"] == renamed


async def test_teams_get_the_key_that_they_are_sorted_by(store: MongoStore) -> None:
    db = await before_versions(store)
    for number, name in ((1, "STRASSE"), (2, "beta"), (3, "Alpha")):
        await store.teams.add(team(number, team_name=name))
    await db.teams.update_many({}, {"$unset": {"name_key": 1, "own_name": 1}})
    await db.audit.create_index([("at", -1)])

    await asyncio.gather(*(STEPS[3](db) for _ in range(3)))

    assert (await one(db, "teams", "t1"))["name_key"] == "strasse"
    found = await store.teams.page(sample=False, limit=10)
    assert [team.team_name for team in found] == ["Alpha", "beta", "STRASSE"]
    assert "at_-1" not in await db.audit.index_information()
    assert (await one(db, "teams", "t1"))["version"] == 1


async def test_stored_states_of_detection_are_dropped(store: MongoStore) -> None:
    db = await before_versions(store)
    await db["watches"].insert_one({"_id": "datadog|123", "state": b"7"})
    for _ in range(2):  # as a process may be killed between the step and the version
        await STEPS[1](db)
    assert "watches" not in await db.list_collection_names()
    await store.prepare()
    assert "watches" not in await db.list_collection_names()


async def test_teams_of_one_name_of_before_stay_and_get_one_key(store: MongoStore) -> None:
    db = await before_versions(store)
    for number, name in ((1, "Cafe\u0301"), (2, "Café"), (3, "Other")):
        old = plain(team(number, team_name=name).model_dump(exclude={"id"}))
        await db.teams.insert_one({"_id": f"t{number}", **old, "name_key": name.casefold()})

    await asyncio.gather(*(store.prepare() for _ in range(3)))

    assert [(await one(db, "teams", f"t{i}"))["name_key"] for i in (1, 2)] == ["café", "café"]
    assert await store.teams.replace(team(1, team_name="Cafe\u0301", version=2))
    with pytest.raises(NameTakenError):
        await store.teams.add(team(4, team_name="CAFÉ"))
    with pytest.raises(NameTakenError):
        await store.teams.replace(team(3, team_name="Café", version=2))
    assert await store.teams.replace(team(2, team_name="Bar", version=2))
