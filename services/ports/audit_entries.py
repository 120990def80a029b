"""The audit trail's entries."""

from datetime import datetime
from typing import Protocol

from services.domain import AuditEntry


class AuditEntryStore(Protocol):
    """Who changed what; append only."""

    async def append(self, entry: AuditEntry) -> None:
        """Stores an entry, once for its id."""
        ...

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        """Newest first; ``subject``: only those of one thing."""
        ...

    async def get(self, entry_id: str) -> AuditEntry | None: ...

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        """True for the first caller only."""
        ...
