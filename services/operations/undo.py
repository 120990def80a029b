"""Undoes a change from the audit trail, once, unless the same thing was changed again since.

Undoing is itself a change, which the audit trail records.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.administration import AuditTrail, Config
from services.anomalies import CHANGE_MINIMUM, AlertMinimums
from services.domain import Actor, AuditEntry
from services.domain.errors import ConflictError, NotFoundError
from services.teams import Teams, facts_of

UNDOABLE = {"team.add", "team.change", "team.remove", "config.change", CHANGE_MINIMUM}
SECRETS = {"smtp_password", "smtp_password_set"}


def can_undo(entry: AuditEntry) -> bool:
    """Whether undo can be offered for a change.

    The audit trail contains no secrets, so there is no former password to restore.
    """
    changed_secrets = SECRETS & set(entry.after or {})
    return entry.action in UNDOABLE and entry.undone_at is None and not changed_secrets


class Undo:
    """Undoes changes."""

    def __init__(
        self, audit: AuditTrail, teams: Teams, config: Config, alert_minimums: AlertMinimums
    ) -> None:
        self._audit = audit
        self._teams = teams
        self._config = config
        self._alert_minimums = alert_minimums

    async def undo(self, entry_id: str, actor: Actor, now: datetime) -> AuditEntry:
        """Undo a change and return its entry.

        Raises NotFoundError, or ConflictError if it cannot be undone or was undone already.
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
            await self._alert_minimums.restore(entry, actor, now)
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
    """Make tuples comparable with the lists that come back from the store."""
    return list(value) if isinstance(value, tuple) else value
