"""Storage of the audit trail."""

from datetime import datetime
from typing import Protocol

from services.domain import AuditEntry


class AuditEntryStore(Protocol):
    """The audit trail, append-only."""

    async def append(self, entry: AuditEntry) -> None:
        """Store an entry; a repeated ID stores nothing."""
        ...

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        """The newest entries, newest first; ``subject``: only those about one subject."""
        ...

    async def get(self, entry_id: str) -> AuditEntry | None: ...

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        """True for the first caller only."""
        ...
