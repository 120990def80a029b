"""The audit trail: who changed what, when and through which interface."""

import secrets
from datetime import datetime

from services.domain import Actor, AuditEntry
from services.ports import AuditEntryStore


def new_entry_id() -> str:
    """A new random ID."""
    return secrets.token_hex(12)


class AuditTrail:
    """Records and reads changes."""

    def __init__(self, log: AuditEntryStore) -> None:
        self._log = log

    async def record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        now: datetime,
        *,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
        entry_id: str | None = None,
    ) -> AuditEntry:
        """Add an entry; ``before`` and ``after`` must not contain secrets.

        ``entry_id``: the entry's ID, if it was needed before the change, to offer undo.
        """
        entry = AuditEntry(
            id=entry_id or new_entry_id(),
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
        await self._log.append(entry)
        return entry

    async def newest(self, limit: int = 100, subject: str | None = None) -> list[AuditEntry]:
        """The newest entries; ``subject``: only those about one subject."""
        return await self._log.newest(limit, subject)

    async def get(self, entry_id: str) -> AuditEntry | None:
        """Return one entry; None if it does not exist."""
        return await self._log.get(entry_id)

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        """True for the first caller only."""
        return await self._log.mark_undone(entry_id, now)
