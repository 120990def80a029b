"""Teams in MongoDB."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, ahead, guarded, plain
from services.domain import Team
from services.domain.errors import ConflictError, NameTakenError
from services.domain.pasted import match_key

ORDER = ("name_key", "aws_account_id")
OWN_NAME = {"own_name": True}
"""Marks a team whose name no other team had when it was added or renamed.

The unique index over names is over these alone: earlier versions stored teams of one name, which
have no mark and stay as they are.
"""


class MongoTeams:
    """Implements ``services.ports.TeamStore``."""

    def __init__(self, db: Database) -> None:
        self._teams = db.teams

    @guarded
    async def list_teams(self, *, sample: bool) -> list[Team]:
        cursor = self._teams.find({"sample": sample})
        return [_team(doc) async for doc in cursor.sort([(name, ASCENDING) for name in ORDER])]

    @guarded
    async def page(
        self, *, sample: bool, after: tuple[str, str] | None = None, limit: int
    ) -> list[Team]:
        query: dict[str, Any] = {"sample": sample}
        if after is not None:
            query |= ahead(ORDER, after)
        cursor = self._teams.find(query).sort([(name, ASCENDING) for name in ORDER])
        return [_team(doc) async for doc in cursor.limit(limit)]

    @guarded
    async def of_accounts(self, accounts: Sequence[str], *, sample: bool) -> list[Team]:
        query = {"sample": sample, "aws_account_id": {"$in": list(accounts)}}
        return [_team(doc) async for doc in self._teams.find(query)]

    @guarded
    async def count(self, *, sample: bool) -> int:
        return await self._teams.count_documents({"sample": sample})

    @guarded
    async def any_real(self) -> bool:
        return await self._teams.find_one({"sample": False}, {"_id": 1}) is not None

    @guarded
    async def get(self, team_id: str) -> Team | None:
        doc = await self._teams.find_one({"_id": team_id})
        return _team(doc) if doc else None

    @guarded
    async def add(self, team: Team) -> None:
        await self._check_name(team)
        try:
            await self._teams.insert_one({**_doc(team), **OWN_NAME})
        except DuplicateKeyError as error:
            raise _taken(team, error) from error

    @guarded
    async def replace(self, team: Team) -> bool:
        version = {"_id": team.id, "version": team.version - 1}
        stored = await self._teams.find_one(version)
        if stored is None:
            return False
        doc = {**_doc(team), **{name: stored[name] for name in OWN_NAME if name in stored}}
        if name_key(stored["team_name"]) != doc["name_key"]:
            await self._check_name(team)
            doc |= OWN_NAME
        try:
            result = await self._teams.replace_one(version, doc)
        except DuplicateKeyError as error:
            raise _taken(team, error) from error
        return result.matched_count == 1

    async def _check_name(self, team: Team) -> None:
        """Raise NameTakenError if another team has the name, among them teams without ``OWN_NAME``.

        A team of that name that is stored after this has the mark, so that the unique index
        refuses the second of the two.
        """
        query = {"sample": team.sample, "name_key": name_key(team.team_name)}
        other = await self._teams.find_one(
            {**query, "_id": {"$ne": team.id}}, {"aws_account_id": 1}
        )
        if other is not None:
            raise _name_taken(f"AWS account {other['aws_account_id']}")

    @guarded
    async def remove(self, team_id: str) -> Team | None:
        doc = await self._teams.find_one_and_delete({"_id": team_id})
        return _team(doc) if doc else None

    @guarded
    async def seed_samples(self, teams: Sequence[Team]) -> None:
        if not teams:
            return
        await self._teams.bulk_write(
            [
                UpdateOne({"_id": team.id}, {"$setOnInsert": _doc(team)}, upsert=True)
                for team in teams
            ],
            ordered=False,
        )


def name_key(team_name: str) -> str:
    """What teams are sorted by and must differ in; MongoDB cannot fold text as Python does."""
    return match_key(team_name)


def _doc(team: Team) -> dict[str, Any]:
    doc = plain(team.model_dump(exclude={"id"}))
    return {"_id": team.id, **doc, "name_key": name_key(team.team_name)}


def _team(doc: dict[str, Any]) -> Team:
    for name in ("name_key", *OWN_NAME):
        doc.pop(name, None)
    return Team(id=doc.pop("_id"), **doc)


def _taken(team: Team, error: DuplicateKeyError) -> ConflictError:
    """The conflict with a team that was stored first."""
    if "name_key" in (error.details or {}).get("keyPattern", {}):
        return _name_taken("just added or renamed")
    return ConflictError(
        f"AWS account {team.aws_account_id} already belongs to another team. "
        "Change that team, or check the account ID."
    )


def _name_taken(whose: str) -> NameTakenError:
    return NameTakenError(
        f"Another team ({whose}) already has this name. Choose another name, or change that team."
    )
