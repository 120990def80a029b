"""How changes of teams are undone."""

from collections.abc import Mapping
from datetime import datetime

from services.administration import UndoChange, check_unchanged
from services.domain import Actor, AuditEntry
from services.teams.team_fields import facts_of
from services.teams.teams import Teams


def undos(teams: Teams) -> Mapping[str, UndoChange]:
    """The undo of each action on teams."""

    async def undo_add(entry: AuditEntry, actor: Actor, now: datetime) -> None:
        check_unchanged(facts_of(await teams.get(entry.subject)), entry)
        await teams.remove(entry.subject, actor, now)

    async def undo_change(entry: AuditEntry, actor: Actor, now: datetime) -> None:
        check_unchanged(facts_of(await teams.get(entry.subject)), entry)
        await teams.change(entry.subject, entry.before or {}, actor, now)

    async def undo_removal(entry: AuditEntry, actor: Actor, now: datetime) -> None:
        await teams.restore(entry.subject, entry.before or {}, actor, now)

    return {"team.add": undo_add, "team.change": undo_change, "team.remove": undo_removal}
