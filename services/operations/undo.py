"""Undo: takes a change of the audit trail back, once, as long as nothing else has changed since.

Taking back is itself a change, and in the trail.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.alert_minimums import CHANGE_MINIMUM, AlertMinimums
from services.domain import Actor, AuditEntry
from services.domain.errors import ConflictError, NotFoundError
from services.teams.teams import Teams, facts_of

UNDOABLE = {"team.add", "team.change", "team.remove", "config.change", CHANGE_MINIMUM}
SECRETS = {"smtp_password", "smtp_password_set"}


def can_undo(entry: AuditEntry) -> bool:
    """Whether a change can be offered to be taken back."""
    secret = SECRETS & set(entry.after or {})
    return entry.action in UNDOABLE and entry.undone_at is None and not secret


class Undo:
    """Takes changes back."""

    def __init__(
        self, audit: AuditTrail, teams: Teams, config: Config, floors: AlertMinimums
    ) -> None:
        self._audit = audit
        self._teams = teams
        self._config = config
        self._floors = floors

    async def undo(self, entry_id: str, actor: Actor, now: datetime) -> AuditEntry:
        """The change that was taken back.

        Raises NotFoundError, or ConflictError when it cannot be taken back (any more). Doing it
        twice does it once: the second time there is nothing left to take back.
        """
        entry = await self._audit.get(entry_id)
        if entry is None:
            raise NotFoundError("This change is not in the history.")
        if entry.undone_at is not None:
            raise ConflictError("This change was undone already. See `history`.")
        if not can_undo(entry):
            raise ConflictError("This kind of change cannot be undone.")
        await self._take_back(entry, actor, now)
        await self._audit.mark_undone(entry_id, now)
        return entry

    async def _take_back(self, entry: AuditEntry, actor: Actor, now: datetime) -> None:
        if entry.action == "team.remove":
            await self._teams.restore(entry.subject, entry.before or {}, actor, now)
        elif entry.action == CHANGE_MINIMUM:
            await self._floors.restore(entry, actor, now)
        elif entry.action == "config.change":
            view = await self._config.view(now)
            current = {name: view.get(name) for name in entry.after or {}}
            _must_be_unchanged(current, entry.after or {})
            await self._config.change(entry.before or {}, actor, now)
        else:
            team = await self._teams.get(entry.subject)
            _must_be_unchanged(facts_of(team), entry.after or {})
            if entry.action == "team.add":
                await self._teams.remove(team.id, actor, now)
            else:
                await self._teams.change(team.id, entry.before or {}, actor, now)


def _must_be_unchanged(current: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if {name: _listed(current.get(name)) for name in after} != {
        name: _listed(value) for name, value in after.items()
    }:
        raise ConflictError("It was changed again since, so it cannot be undone. See `history`.")


def _listed(value: Any) -> Any:
    """Lists and tuples are the same to people; the store keeps lists."""
    return list(value) if isinstance(value, tuple) else value
