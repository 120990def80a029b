"""Who the sender is: Entra object ID, tenant, and whether the person is a guest."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.authenticator import tenant_of
from bot.connector import Connector
from bot.connector_errors import ConnectorError
from services.domain import Conversation, Person
from services.domain.errors import AgentError
from services.ports import Clock

log = structlog.get_logger()

CACHE_TIME = timedelta(hours=1)
MAX_CACHED = 10_000
NOT_FOUND = 404
OUTSIDER_ROLES = {"guest", "anonymous", "federated"}
"""Values of ``userRole``; a member of the tenant has ``user``."""


class OutsiderError(AgentError):
    """The person is not a member of the tenant, or Teams does not say so."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member as Teams describes it; what Teams omits is empty."""

    object_id: str
    name: str
    role: str
    tenant: str


class People:
    """Looks people up in Teams, each at most once an hour per conversation: a member of one
    conversation need not be a member of another.

    The token of a request proves only that Teams sent it, not who the sender is or in which
    tenant; the display name is not an identity.
    """

    def __init__(self, connector: Connector, clock: Clock, *, local: bool) -> None:
        self._connector = connector
        self._clock = clock
        self._local = local
        self._members: OrderedDict[tuple[str, str], tuple[datetime, _Member]] = OrderedDict()

    async def sender(self, activity: Mapping[str, Any]) -> Person:
        """The sender of an activity. Raises OutsiderError for guests and strangers."""
        account = activity["from"]
        person = Person(
            object_id=str(account.get("aadObjectId") or ""),
            tenant_id=tenant_of(activity),
            name=str(account.get("name") or "")[:100],
            user_id=account["id"],
        )
        if self._local:
            return person.model_copy(update={"object_id": person.object_id or person.user_id})
        if not person.object_id:
            raise OutsiderError("Only members of this organization can use the agent.")
        member = await self._member(activity["serviceUrl"], activity["conversation"]["id"], person)
        if member is None:
            raise OutsiderError("Only members of this conversation can use the agent here.")
        _must_belong(member, person)
        if member.object_id and member.object_id.lower() != person.object_id.lower():
            raise OutsiderError("Teams has another object ID for this person. Try again.")
        return person

    async def mentioned(
        self, conversation: Conversation, user_id: str, name: str, tenant_id: str
    ) -> Person:
        """A person who was mentioned, with the name that Teams has. Raises OutsiderError."""
        person = Person(object_id="", tenant_id=tenant_id, name=name, user_id=user_id)
        member = await self._member(conversation.service_url, conversation.id, person)
        if member is None or not (member.object_id or self._local):
            raise OutsiderError(
                f"Teams does not know {name[:60] or 'this person'} as a member of this "
                "conversation. Mention somebody who is."
            )
        _must_belong(member, person)
        update = {"object_id": member.object_id or user_id, "name": member.name or name}
        return person.model_copy(update=update)

    async def _member(
        self, service_url: str, conversation: str, person: Person
    ) -> "_Member | None":
        """Return None if Teams has no such member there. Raises OutsiderError if Teams does not
        respond.
        """
        key = (conversation.partition(";")[0], person.user_id)
        cached = self._members.get(key)
        if cached is not None and self._clock() - cached[0] < CACHE_TIME:
            return cached[1]
        try:
            fields = await self._connector.member(service_url, conversation, person.user_id)
        except ConnectorError as error:
            if error.status == NOT_FOUND:
                return None
            log.warning("member_unknown", reason=str(error))
            raise OutsiderError(
                "Teams does not say who belongs to this conversation right now. Try again."
            ) from error
        member = _Member(
            # Either name, depending on the endpoint of the Bot Connector.
            object_id=str(fields.get("aadObjectId") or fields.get("objectId") or ""),
            name=str(fields.get("name") or "")[:100],
            role=str(fields.get("userRole") or "user").lower(),
            tenant=str(fields.get("tenantId") or "").lower(),
        )
        self._members[key] = (self._clock(), member)
        while len(self._members) > MAX_CACHED:
            self._members.popitem(last=False)
        return member


def _must_belong(member: _Member, person: Person) -> None:
    if member.role in OUTSIDER_ROLES or (member.tenant or person.tenant_id) != person.tenant_id:
        raise OutsiderError("Guests cannot use the agent. Ask a member of this organization.")
