"""Storage of imports that wait for confirmation."""

from typing import Protocol

from services.domain import (
    PendingImport,
)


class PendingImportStore(Protocol):
    """Imports that wait for confirmation; they expire after a day."""

    async def put(self, pending: PendingImport) -> None: ...

    async def take(self, pending_id: str) -> PendingImport | None:
        """Remove and return an import; of several callers, only one gets it."""
        ...
