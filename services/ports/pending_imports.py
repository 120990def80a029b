"""Imports that wait for Confirm."""

from typing import Protocol

from services.domain import (
    PendingImport,
)


class PendingImportStore(Protocol):
    """Imports that wait for Confirm, for a day."""

    async def put(self, pending: PendingImport) -> None: ...

    async def take(self, pending_id: str) -> PendingImport | None:
        """One of them, which then waits no longer: it is given to one caller only."""
        ...
