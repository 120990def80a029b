"""Storage of the admin role."""

from datetime import datetime
from typing import Protocol

from services.domain import (
    AdminEntry,
)


class AdminStore(Protocol):
    """People with the admin role, by tenant and Entra object ID, and the codes for the first one."""

    async def list_admins(self) -> list[AdminEntry]:
        """All admins, by name, then object ID."""
        ...

    async def add(self, admin: AdminEntry) -> bool:
        """Store an admin; False if the person is an admin already."""
        ...

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        """Remove and return an admin; None if the person was not an admin."""
        ...

    async def offer_code(self, code_sha256: str, now: datetime) -> None:
        """Store the hash of a code with which somebody can become the first admin, for a week."""
        ...

    async def list_codes(self) -> list[str]:
        """The hashes of all codes, oldest first."""
        ...

    async def take_code(self, code_sha256: str) -> bool:
        """Remove all codes; False if this one is not among them.

        Of several callers with the same code, only one succeeds.
        """
        ...
