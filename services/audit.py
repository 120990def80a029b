"""The audit trail: who changed what, when and through which door."""

import secrets
from datetime import datetime

from services.model import Actor, AuditEntry
from services.ports import AuditLog


class Audit:
    """Writes the trail."""

    def __init__(self, log: AuditLog) -> None:
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
    ) -> AuditEntry:
        """Adds an entry; ``before`` and ``after`` hold no secrets."""
        entry = AuditEntry(
            id=secrets.token_hex(12),
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
        """The newest entries; ``subject``: only those of one thing."""
        return await self._log.newest(limit, subject)
