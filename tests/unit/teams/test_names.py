"""No two teams get names that look the same; those that an earlier version stored keep working."""

import unicodedata
from collections.abc import Awaitable, Callable

import pytest

from services.administration.audit_trail import AuditTrail
from services.domain import Actor
from services.domain.errors import NameTakenError
from services.operations.undo import Undo
from services.teams import Namesakes, Teams, namesakes, rows_of_list, undos
from tests.fakes.store import MemoryStore
from tests.makers import NOW, team

ACTOR = Actor(interface="chat")
FREE = "9" * 12
DECOMPOSED = unicodedata.normalize("NFD", "Café Süd")
SPELLINGS = ["Café Süd", "CAFÉ SÜD", DECOMPOSED, "Café\u00a0 Süd", "Ca\u200bfé Süd", " café süd "]
"""What nobody can tell from the name that is stored: as typed, pasted, and sent by another system."""


class World:
    """The team "Café Süd", and another one, "Search"."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        audit = AuditTrail(self.store.audit_entries)
        self.teams = Teams(self.store.teams, audit, source="datadog")
        self.undo = Undo(audit, undos(self.teams))
        self.store.teams.teams = {
            "t1": team(1, team_name="Café Süd"),
            "t2": team(2, team_name="Search"),
        }

    async def names(self) -> list[str]:
        return [team.team_name for team in await self.teams.list()]


async def add(world: World, name: str) -> object:
    body = {"team_name": name, "aws_account_id": FREE, "team_email": "a@example.org"}
    return await world.teams.add(body, ACTOR, NOW)


async def rename(world: World, name: str) -> object:
    return await world.teams.change("t2", {"team_name": name}, ACTOR, NOW)


async def undo_removal(world: World, name: str) -> object:
    await world.teams.change("t2", {"team_name": "Away"}, ACTOR, NOW)
    await world.teams.remove("t1", ACTOR, NOW, entry_id="removal")
    await world.teams.change("t2", {"team_name": name}, ACTOR, NOW)
    return await world.undo.undo("removal", ACTOR, NOW)


async def undo_rename(world: World, name: str) -> object:
    await world.teams.change("t1", {"team_name": "Away"}, ACTOR, NOW, entry_id="rename")
    await world.teams.change("t2", {"team_name": name}, ACTOR, NOW)
    return await world.undo.undo("rename", ACTOR, NOW)


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("way", [add, rename, undo_removal, undo_rename])
async def test_a_name_that_looks_like_another_teams_is_refused(
    way: Callable[[World, str], Awaitable[object]], name: str
) -> None:
    world = World()
    with pytest.raises(NameTakenError):
        await way(world, name)
    assert namesakes(await world.teams.list()) == []


@pytest.mark.parametrize("name", SPELLINGS)
async def test_an_import_refuses_it_in_the_dry_run_and_for_good(name: str) -> None:
    rows, _ = rows_of_list(
        [
            {"team_name": name, "aws_account_id": FREE, "team_email": "a@example.org"},
            {"team_name": "New", "aws_account_id": "8" * 12, "team_email": "a@example.org"},
            {"team_name": "NEW", "aws_account_id": "7" * 12, "team_email": "a@example.org"},
            {"team_name": name.upper(), "aws_account_id": "000000000002"},
        ]
    )
    world = World()
    for dry_run in (True, False):
        result = await world.teams.import_rows(rows, ACTOR, NOW, dry_run=dry_run)
        assert [(problem.line, problem.field) for problem in result.failed] == [
            (1, "team_name"),
            (3, "team_name"),
            (4, "team_name"),
        ]
        assert "AWS account 000000000001" in result.failed[0].reason
        assert "line 2" in result.failed[1].reason
        assert result.created == 1
    assert await world.names() == ["Café Süd", "New", "Search"]


async def test_a_team_may_write_its_own_name_in_another_way() -> None:
    world = World()
    await world.teams.change("t1", {"team_name": "CAFÉ SÜD"}, ACTOR, NOW)
    assert await world.names() == ["CAFÉ SÜD", "Search"]


async def test_teams_of_one_name_keep_working_and_get_no_third() -> None:
    world = World()
    world.store.teams.teams["t3"] = team(3, team_name="café süd")
    (same,) = namesakes(await world.teams.list())
    assert same == Namesakes("Café Süd", ("000000000001", "000000000003"))
    assert same.advice == (
        "2 teams are named “Café Süd” (AWS account 000000000001 and AWS account 000000000003). "
        "Commands by name have to ask which one is meant: rename one with edit team 000000000003."
    )

    await world.teams.change("t3", {"team_email": "new@example.org"}, ACTOR, NOW)
    await world.teams.change("t3", {"team_name": "Café Süd"}, ACTOR, NOW)
    rows, _ = rows_of_list(
        [{"team_name": "Café Süd", "aws_account_id": f"{i:012d}"} for i in (1, 3)]
    )
    result = await world.teams.import_rows(rows, ACTOR, NOW, dry_run=False)
    assert (result.unchanged, result.failed) == (2, [])
    with pytest.raises(NameTakenError):
        await add(world, "Café Süd")
    await world.teams.change("t3", {"team_name": "Café Nord"}, ACTOR, NOW)
    assert namesakes(await world.teams.list()) == []
