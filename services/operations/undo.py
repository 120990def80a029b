"""Undoes a change from the audit trail, once, unless the same thing was changed again since.

Undoing is itself a change, which the audit trail records. What undoing means is declared by the
capability that made the change.
"""

from collections.abc import Mapping
from datetime import datetime

from services.administration import AuditTrail, UndoChange
from services.domain import Actor, AuditEntry
from services.domain.errors import ConflictError, NotFoundError

SECRETS = {"smtp_password", "smtp_password_set"}


class Undo:
    """Undoes changes."""

    def __init__(self, audit: AuditTrail, undos: Mapping[str, UndoChange]) -> None:
        """``undos``: by the action that an audit entry names."""
        self._audit = audit
        self._undos = undos

    def can_undo(self, entry: AuditEntry) -> bool:
        """Whether undo can be offered for a change.

        The audit trail contains no secrets, so there is no former password to restore.
        """
        changed_secrets = SECRETS & set(entry.after or {})
        return entry.action in self._undos and entry.undone_at is None and not changed_secrets

    async def undo(self, entry_id: str, actor: Actor, now: datetime) -> AuditEntry:
        """Undo a change and return its entry.

        Raises NotFoundError, or ConflictError if it cannot be undone or was undone already.
        """
        entry = await self._audit.get(entry_id)
        if entry is None:
            raise NotFoundError("This change is not in the history.")
        if entry.undone_at is not None:
            raise ConflictError("This change was undone already. See `history`.")
        if not self.can_undo(entry):
            raise ConflictError("This kind of change cannot be undone.")
        await self._undos[entry.action](entry, actor, now)
        await self._audit.mark_undone(entry_id, now)
        return entry
