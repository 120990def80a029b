"""Who speaks: Entra object id and tenant, and whether the person is a guest."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.authenticator import tenant_of
from bot.connector import Connector, ConnectorError
from services.errors import AgentError
from services.model import Person
from services.ports import Clock

log = structlog.get_logger()

REMEMBERED = timedelta(hours=1)
MOST = 10_000
NOT_FOUND = 404
OUTSIDERS = {"guest", "anonymous", "federated"}


class OutsiderError(AgentError):
    """The person is no member of the tenant."""


@dataclass(frozen=True, slots=True)
class _Member:
    """What Teams says of a member; what it does not say is empty."""

    object_id: str
    name: str
    role: str
    tenant: str


class People:
    """Looks people up in Teams, once an hour each in each conversation.

    That somebody is a member of one conversation says nothing of another one.
    """

    def __init__(self, connector: Connector, clock: Clock, *, local: bool) -> None:
        self._connector = connector
        self._clock = clock
        self._local = local
        self._members: OrderedDict[tuple[str, str], tuple[datetime, _Member]] = OrderedDict()

    async def speaker(self, activity: Mapping[str, Any]) -> Person:
        """The sender of an activity. Raises OutsiderError for guests and strangers."""
        sender = activity["from"]
        person = Person(
            object_id=str(sender.get("aadObjectId") or ""),
            tenant_id=tenant_of(activity),
            name=str(sender.get("name") or "")[:100],
            user_id=sender["id"],
        )
        if self._local:
            return person.model_copy(update={"object_id": person.object_id or person.user_id})
        if not person.object_id:
            raise OutsiderError("Only members of this organisation can use the agent.")
        member = await self._member(activity["serviceUrl"], activity["conversation"]["id"], person)
        if member is None:
            raise OutsiderError("Only members of this conversation can use the agent here.")
        _must_belong(member, person)
        if member.object_id and member.object_id.lower() != person.object_id.lower():
            raise OutsiderError("Teams knows this person by another object id. Try again.")
        return person

    async def somebody(
        self, service_url: str, conversation: str, user_id: str, name: str, tenant: str
    ) -> Person:
        """A person who was mentioned, by the name that Teams knows. Raises OutsiderError."""
        asked = Person(object_id="", tenant_id=tenant, name=name, user_id=user_id)
        member = await self._member(service_url, conversation, asked)
        if member is None or not (member.object_id or self._local):
            raise OutsiderError(
                f"Teams does not know {name[:60] or 'this person'} as a member of this "
                "conversation. Mention somebody who is."
            )
        _must_belong(member, asked)
        found = {"object_id": member.object_id or user_id, "name": member.name or name}
        return asked.model_copy(update=found)

    async def _member(
        self, service_url: str, conversation: str, person: Person
    ) -> "_Member | None":
        """None: Teams knows nobody of this id there. Raises OutsiderError when it cannot say."""
        key = (conversation.partition(";")[0], person.user_id)
        known = self._members.get(key)
        if known is not None and self._clock() - known[0] < REMEMBERED:
            return known[1]
        try:
            given = await self._connector.member(service_url, conversation, person.user_id)
        except ConnectorError as error:
            if error.status == NOT_FOUND:
                return None
            log.warning("member_unknown", reason=str(error))
            raise OutsiderError(
                "Teams does not say now who belongs to this conversation. Try again."
            ) from error
        member = _Member(
            object_id=str(given.get("aadObjectId") or given.get("objectId") or ""),
            name=str(given.get("name") or "")[:100],
            role=str(given.get("userRole") or "user").lower(),
            tenant=str(given.get("tenantId") or "").lower(),
        )
        self._members[key] = (self._clock(), member)
        while len(self._members) > MOST:
            self._members.popitem(last=False)
        return member


def _must_belong(member: _Member, person: Person) -> None:
    if member.role in OUTSIDERS or (member.tenant or person.tenant_id) != person.tenant_id:
        raise OutsiderError("Guests cannot use the agent. Ask a member of this organisation.")
