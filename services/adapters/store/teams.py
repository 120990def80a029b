"""Teams in MongoDB."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.adapters.store.client import Database, ahead, guarded, plain
from services.domain import Team
from services.domain.errors import ConflictError

ORDER = ("name_key", "aws_account_id")


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
        try:
            await self._teams.insert_one(_doc(team))
        except DuplicateKeyError as error:
            raise _taken(team) from error

    @guarded
    async def replace(self, team: Team) -> bool:
        try:
            result = await self._teams.replace_one(
                {"_id": team.id, "version": team.version - 1}, _doc(team)
            )
        except DuplicateKeyError as error:
            raise _taken(team) from error
        return result.matched_count == 1

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
    """The key that teams are sorted by; stored, because MongoDB cannot fold case as Python does."""
    return team_name.casefold()


def _doc(team: Team) -> dict[str, Any]:
    doc = plain(team.model_dump(exclude={"id"}))
    return {"_id": team.id, **doc, "name_key": name_key(team.team_name)}


def _team(doc: dict[str, Any]) -> Team:
    doc.pop("name_key", None)
    return Team(id=doc.pop("_id"), **doc)


def _taken(team: Team) -> ConflictError:
    return ConflictError(
        f"AWS account {team.aws_account_id} already belongs to another team. "
        "Change that team, or check the account ID."
    )
