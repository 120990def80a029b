"""Data migrations: a version in the database, and a step from each version to the next.

Steps are idempotent, as two processes may run them at once and either may be killed halfway. The
version is raised by compare-and-set when a step is done.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from pymongo import ReturnDocument
from pymongo.errors import OperationFailure

from services.adapters.store.client import Database
from services.adapters.store.teams import name_key
from services.domain.errors import SettingsError

log = structlog.get_logger()

FIRST = 1
Step = Callable[[Database], Awaitable[None]]


async def _count_changes(db: Database) -> None:
    """Give runs their plan and number of openings, and alerts a fence."""
    await db.runs.update_many({"openings": None}, {"$set": {"plan": 0, "openings": 0}})
    await db.alerts.update_many({"fence": None}, {"$set": {"fence": 0}})


async def _drop_watches(db: Database) -> None:
    """Drop the state of detection, which replays history instead.

    Dropping a collection that does not exist is not an error in MongoDB, so this may be repeated.
    """
    await db["watches"].drop()


ACTOR_FIELDS = (("audit", "actor"), ("runs", "requested_by"), ("api_keys", "created_by"))
"""Each collection that stores actors, and the field that holds one."""


async def _rename_door(db: Database) -> None:
    """An actor's ``door`` becomes its ``interface``, and the door ``clock`` the ``scheduler``.

    Each document changes in one update that no longer matches it afterward. So the step may be
    killed between two documents and resumed, and several processes may run it at once.
    """
    for collection, actor in ACTOR_FIELDS:
        door = f"{actor}.door"
        await db[collection].update_many(
            {door: {"$exists": True}},
            [
                {
                    "$set": {
                        f"{actor}.interface": {
                            "$cond": [{"$eq": [f"${door}", "clock"]}, "scheduler", f"${door}"]
                        }
                    }
                },
                {"$unset": door},
            ],
        )


REPLACED_INDEXES = (
    ("anomalies", "source_1_raised_at_-1"),
    ("runs", "source_1_created_at_-1"),
    ("runs", "source_1_state_1"),
    ("audit", "at_-1"),
    ("audit", "subject_1_at_-1"),
)
"""Each collection and an index of it that a longer one has replaced."""
MISSING = {26, 27}
"""NamespaceNotFound and IndexNotFound."""


async def _add_name_keys(db: Database) -> None:
    """Teams get the key that they are sorted by; indexes that longer ones replace are dropped."""
    async for team in db.teams.find({"name_key": None}, {"team_name": 1}):
        # The name too: a team that another process renames meanwhile has its key already.
        await db.teams.update_one(
            {"_id": team["_id"], "team_name": team["team_name"]},
            {"$set": {"name_key": name_key(team["team_name"])}},
        )
    for collection, index in REPLACED_INDEXES:
        try:
            await db[collection].drop_index(index)
        except OperationFailure as error:
            if error.code not in MISSING:
                raise


async def _match_name_keys(db: Database) -> None:
    """The key of a name becomes that of all names that look the same, not only in their case."""
    async for team in db.teams.find({}, {"team_name": 1, "name_key": 1}):
        if team.get("name_key") != (key := name_key(team["team_name"])):
            # The name too: a team that another process renames meanwhile has its key already.
            await db.teams.update_one(
                {"_id": team["_id"], "team_name": team["team_name"]}, {"$set": {"name_key": key}}
            )


STEPS: tuple[Step, ...] = (
    _count_changes,
    _drop_watches,
    _rename_door,
    _add_name_keys,
    _match_name_keys,
)
"""Step i migrates version i + 1 to version i + 2. Only ever append."""
KEY = "schema"


async def migrate(db: Database, steps: Sequence[Step] = STEPS) -> int:
    """Migrate the data to the newest version and return that version.

    A database without a version is new, or older than versions are: both count as the first.
    Raises SettingsError for data of a newer agent, which this one must not write.
    """
    newest = FIRST + len(steps)
    version = await _version(db)
    if version > newest:
        raise SettingsError(
            "The data in MongoDB was written by a newer agent "
            f"(data version {version}; this agent supports {newest}). "
            "Start the newer agent, or restore a backup."
        )
    while version < newest:
        await steps[version - FIRST](db)
        await db.meta.update_one(
            {"_id": KEY, "version": version}, {"$set": {"version": version + 1}}
        )
        version += 1
        log.info("data_migrated", version=version)
    return version


async def _version(db: Database) -> int:
    stored: dict[str, Any] = await db.meta.find_one_and_update(
        {"_id": KEY},
        {"$setOnInsert": {"version": FIRST}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return int(stored["version"])
