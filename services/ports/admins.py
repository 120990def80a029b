"""Storage of the admin role."""

from typing import Protocol

from services.domain import (
    AdminEntry,
)


class AdminStore(Protocol):
    """People with the admin role, by tenant and Entra object ID."""

    async def list_admins(self) -> list[AdminEntry]:
        """All admins, by name, then object ID."""
        ...

    async def add(self, admin: AdminEntry) -> bool:
        """Store an admin; False if the person is an admin already."""
        ...

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        """Remove and return an admin; None if the person was not an admin."""
        ...
