"""What is stored about roles."""

from typing import Protocol

from services.domain import (
    AdminEntry,
)


class AdminStore(Protocol):
    """Who was made an admin, by tenant and object id."""

    async def list_admins(self) -> list[AdminEntry]:
        """By name, then object id."""
        ...

    async def add(self, admin: AdminEntry) -> bool:
        """False when the person is one already."""
        ...

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        """The one that was removed; None when there was none."""
        ...
