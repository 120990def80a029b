"""The audit trail, in memory."""

from datetime import datetime

from services.domain import (
    AuditEntry,
)


class MemoryAuditEntries:
    """Implements ``services.ports.AuditEntryStore``."""

    def __init__(self) -> None:
        self.entries: dict[str, AuditEntry] = {}

    async def append(self, entry: AuditEntry) -> None:
        self.entries.setdefault(entry.id, entry)

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        matches = [entry for entry in self.entries.values() if subject in {None, entry.subject}]
        return sorted(matches, key=lambda entry: (entry.at, entry.id), reverse=True)[:limit]

    async def get(self, entry_id: str) -> AuditEntry | None:
        return self.entries.get(entry_id)

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        entry = self.entries.get(entry_id)
        if entry is None or entry.undone_at is not None:
            return False
        self.entries[entry_id] = entry.model_copy(update={"undone_at": now})
        return True
