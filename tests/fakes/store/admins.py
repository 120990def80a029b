"""Admins, in memory."""

from datetime import datetime

from services.domain import (
    AdminEntry,
)


class MemoryAdmins:
    """Implements ``services.ports.AdminStore``."""

    def __init__(self) -> None:
        self.admins: dict[tuple[str, str], AdminEntry] = {}
        self.codes: dict[str, datetime] = {}

    async def list_admins(self) -> list[AdminEntry]:
        return sorted(self.admins.values(), key=lambda admin: (admin.name, admin.object_id))

    async def add(self, admin: AdminEntry) -> bool:
        key = (admin.tenant_id.lower(), admin.object_id.lower())
        if key in self.admins:
            return False
        self.admins[key] = admin
        return True

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        return self.admins.pop((tenant_id.lower(), object_id.lower()), None)

    async def offer_code(self, code_sha256: str, now: datetime) -> None:
        self.codes[code_sha256] = now

    async def list_codes(self) -> list[str]:
        return sorted(self.codes, key=lambda code: self.codes[code])

    async def take_code(self, code_sha256: str) -> bool:
        is_taken = code_sha256 in self.codes
        if is_taken:
            self.codes.clear()
        return is_taken
