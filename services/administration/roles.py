"""Who may do what: viewers are members of the tenant, admins are named by object id and tenant.

Names are for reading; only ids decide. The first admins come from the settings or, when none are
set, from a one-time code that is printed at the first start.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.domain import Actor, AdminEntry, Person, Role
from services.domain.errors import AgentError, ConflictError, InvalidError, NotFoundError
from services.ports import AdminStore

MAX_WRONG_CODES = 5


class Roles:
    """Decides roles, and changes them."""

    def __init__(
        self, store: AdminStore, audit: AuditTrail, configured: Sequence[str], *, local: bool
    ) -> None:
        """``configured``: object ids of the settings; ``local``: no tenant to sign in to."""
        self._store = store
        self._audit = audit
        self.configured = tuple(one.lower() for one in configured)
        self._local = local
        self._code: str | None = None
        self._wrong = 0
        self._names: dict[str, str] = {}
        """Names of the settings' admins, as far as they have spoken."""

    @property
    def everybody(self) -> bool:
        """Whether every local user is an admin, as no tenant and no admin is set."""
        return self._local and not self.configured

    async def role_of(self, person: Person) -> Role:
        """The role that a person has now."""
        if person.object_id.lower() in self.configured:
            self._names[person.object_id.lower()] = person.name
            return "admin"
        if self._local and not self.configured:
            return "admin"
        admins = await self._store.list_admins()
        mine = (person.tenant_id.lower(), person.object_id.lower())
        known = ((one.tenant_id.lower(), one.object_id.lower()) for one in admins)
        return "admin" if mine in known else "viewer"

    async def admins(self) -> list[AdminEntry]:
        """Those who were made admins; those of the settings are ``configured``."""
        return await self._store.list_admins()

    async def names(self) -> list[str]:
        """The admins' names, as far as they are known."""
        granted = [one.name for one in await self._store.list_admins()]
        return sorted({name for name in (*granted, *self._names.values()) if name})

    async def needs_first_admin(self) -> bool:
        """Whether nobody can be an admin yet."""
        return not (self._local or self.configured or await self._store.list_admins())

    def offer_code(self, code: str) -> None:
        """Whoever sends this code becomes the first admin."""
        self._code, self._wrong = code, 0

    async def claim(self, code: str, person: Person, actor: Actor, now: datetime) -> None:
        """Makes the person the first admin. Raises ConflictError or InvalidError."""
        wanted = self._code if await self.needs_first_admin() else None
        if wanted is None:
            raise ConflictError("There is an admin already. Ask one to grant you the role.")
        if self._wrong >= MAX_WRONG_CODES:
            raise ConflictError("Too many wrong codes. Restart the agent to get another one.")
        if not hmac.compare_digest(code.strip().encode("utf-8", "replace"), wanted.encode()):
            self._wrong += 1
            raise InvalidError("This is not the code. It was printed when the agent started.")
        # Nobody else gets in with it, also when storing the first admin takes a while or fails.
        self._code = None
        try:
            await self._add(person, "the first code", actor, now)
        except AgentError:
            self._code = wanted
            raise

    async def grant(self, person: Person, by: str, actor: Actor, now: datetime) -> bool:
        """Makes somebody an admin; False when the person is one already."""
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
        """Takes the role from somebody.

        Raises NotFoundError, or ConflictError for an admin of the settings and for the last one.
        """
        if person.object_id.lower() in self.configured:
            raise ConflictError(
                f"{person.name} is an admin by ADMIN_AAD_OBJECT_IDS. Change that setting."
            )
        admins = await self._store.list_admins()
        if not self.configured and not self._local and len(admins) == 1:
            raise ConflictError("This is the last admin. Grant the role to somebody else first.")
        removed = await self._store.remove(person.tenant_id, person.object_id)
        if removed is None:
            raise NotFoundError(f"{person.name or person.object_id} is no admin.")
        if await self.needs_first_admin():
            # Two admins have revoked each other at the same moment.
            await self._store.add(removed)
            raise ConflictError("This is the last admin. Grant the role to somebody else first.")
        facts: dict[str, object] = {"name": removed.name}
        await self._audit.record(actor, "role.revoke", removed.object_id, now, before=facts)
        return removed
