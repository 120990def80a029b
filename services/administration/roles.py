"""Roles: members of the tenant are viewers; admins are stored by Entra object ID and tenant.

Names are for display only, as anybody can change their own; only IDs decide. The first admins come
from the settings or, if there are none, from a one-time code that is printed at the first start.
Only its hash is stored, so that every replica accepts it, and the command line can create another.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.domain import Actor, AdminEntry, Person, Role
from services.domain.errors import AgentError, ConflictError, InvalidError, NotFoundError
from services.ports import AdminStore

MAX_WRONG_CODES = 5
"""Of one person, as anybody in the tenant can send some: together they must not keep the admin out."""
NO_CODE = "There is an admin already. Ask one to grant you the role."


class Roles:
    """Looks up, grants and revokes roles."""

    def __init__(
        self, store: AdminStore, audit: AuditTrail, configured: Sequence[str], *, local: bool
    ) -> None:
        """``configured``: object IDs from the settings; ``local``: local mode, without a tenant."""
        self._store = store
        self._audit = audit
        self.configured = tuple(object_id.lower() for object_id in configured)
        self._local = local
        self._wrong: Counter[tuple[str, str]] = Counter()
        """Wrong codes by person (tenant ID, object ID), counted separately for each new code."""
        self._counted_codes: set[str] = set()
        self._names: dict[str, str] = {}
        """Names of admins from the settings, known once they have written to the bot."""

    @property
    def everyone_is_admin(self) -> bool:
        """Whether every local user is an admin: local mode without admins in the settings."""
        return self._local and not self.configured

    async def role_of(self, person: Person) -> Role:
        if person.object_id.lower() in self.configured:
            self._names[person.object_id.lower()] = person.name
            return "admin"
        if self._local and not self.configured:
            return "admin"
        admins = await self._store.list_admins()
        key = (person.tenant_id.lower(), person.object_id.lower())
        keys = ((admin.tenant_id.lower(), admin.object_id.lower()) for admin in admins)
        return "admin" if key in keys else "viewer"

    async def admins(self) -> list[AdminEntry]:
        """Admins who were granted the role; those from the settings are ``configured``."""
        return await self._store.list_admins()

    async def names(self) -> list[str]:
        """The known names of all admins, sorted."""
        granted = [admin.name for admin in await self._store.list_admins()]
        return sorted({name for name in (*granted, *self._names.values()) if name})

    async def needs_first_admin(self) -> bool:
        """Whether there is no admin, so that the one-time code can be claimed."""
        return not (self._local or self.configured or await self._store.list_admins())

    async def create_code(self, now: datetime) -> str:
        """Create a code for the person who is to become the first admin; it works for a week.

        Raises ConflictError when there is an admin.
        """
        if not await self.needs_first_admin():
            raise ConflictError("There is an admin already, so no code is needed.")
        code = "-".join(f"{secrets.randbelow(10_000):04d}" for _ in range(3))
        await self._store.offer_code(_digest(code), now)
        return code

    async def claim(self, code: str, person: Person, actor: Actor, now: datetime) -> None:
        """Make the person the first admin. Raises ConflictError or InvalidError."""
        if not await self.needs_first_admin():
            raise ConflictError(NO_CODE)
        digest = _digest(code.strip())
        self._check_code(digest, await self._store.list_codes(), person)
        # Used up before the role is granted: a second claim must not succeed in the meantime.
        if not await self._store.take_code(digest):
            raise ConflictError(NO_CODE)
        try:
            await self._add(person, "the first code", actor, now)
        except AgentError:
            await self._store.offer_code(digest, now)
            raise

    def _check_code(self, digest: str, codes: Sequence[str], person: Person) -> None:
        """Raise unless it is one of the codes. Awaits nothing, so that no guess goes uncounted."""
        if not self._counted_codes.issuperset(codes):
            self._counted_codes = set(codes)
            self._wrong.clear()
        key = (person.tenant_id.lower(), person.object_id.lower())
        if self._wrong[key] >= MAX_WRONG_CODES:
            raise ConflictError(
                "Too many wrong codes. Create another one on the agent's machine, with the command "
                "claim-code."
            )
        # In constant time: == stops at the first difference, and its time tells how far it got.
        if not any(hmac.compare_digest(digest, expected) for expected in codes):
            self._wrong[key] += 1
            raise InvalidError(
                "The code is wrong. The right one was printed when the agent started; the command "
                "claim-code on the agent's machine creates another."
            )

    async def grant(self, person: Person, by: str, actor: Actor, now: datetime) -> bool:
        """Grant the admin role; False if the person is an admin already."""
        if person.object_id.lower() in self.configured:
            return False
        return await self._add(person, by, actor, now)

    async def _add(self, person: Person, by: str, actor: Actor, now: datetime) -> bool:
        entry = AdminEntry(
            object_id=person.object_id.lower(),
            tenant_id=person.tenant_id.lower(),
            name=person.name,
            since=now,
            by=by,
        )
        added = await self._store.add(entry)
        if added:
            facts: dict[str, object] = {"name": entry.name, "by": by}
            await self._audit.record(actor, "role.grant", entry.object_id, now, after=facts)
        return added

    async def revoke(self, person: Person, actor: Actor, now: datetime) -> AdminEntry:
        """Revoke the admin role.

        Raises NotFoundError, or ConflictError for admins from the settings and for the last admin.
        """
        if person.object_id.lower() in self.configured:
            raise ConflictError(
                f"{person.name} is an admin because of ADMIN_AAD_OBJECT_IDS. Change that setting."
            )
        admins = await self._store.list_admins()
        if not self.configured and not self._local and len(admins) == 1:
            raise ConflictError("This is the last admin. Grant the role to somebody else first.")
        removed = await self._store.remove(person.tenant_id, person.object_id)
        if removed is None:
            raise NotFoundError(f"{person.name or person.object_id} is not an admin.")
        if await self.needs_first_admin():
            # Two admins have revoked each other at the same time: both passed the check above.
            await self._store.add(removed)
            raise ConflictError("This is the last admin. Grant the role to somebody else first.")
        facts: dict[str, object] = {"name": removed.name}
        await self._audit.record(actor, "role.revoke", removed.object_id, now, before=facts)
        return removed


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
