"""Pending imports, in memory."""

from services.domain import (
    PendingImport,
)


class MemoryPendingImports:
    """Implements ``services.ports.PendingImportStore``."""

    def __init__(self) -> None:
        self.pending: dict[str, PendingImport] = {}

    async def put(self, pending: PendingImport) -> None:
        self.pending[pending.id] = pending

    async def take(self, pending_id: str) -> PendingImport | None:
        return self.pending.pop(pending_id, None)
