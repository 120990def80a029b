"""Who speaks: Entra object id and tenant, and whether the person is a guest."""

from collections import OrderedDict
from collections.abc import Mapping
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
OUTSIDERS = {"guest", "anonymous", "federated"}


class OutsiderError(AgentError):
    """The person is no member of the tenant."""


class People:
    """Looks people up in Teams, once an hour each."""

    def __init__(self, connector: Connector, clock: Clock, *, local: bool) -> None:
        self._connector = connector
        self._clock = clock
        self._local = local
        self._members: OrderedDict[str, tuple[datetime, Mapping[str, Any]]] = OrderedDict()

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
        _must_belong(member, person)
        return person

    async def somebody(
        self, service_url: str, conversation: str, user_id: str, name: str, tenant: str
    ) -> Person:
        """A person who was mentioned. Raises OutsiderError, ConnectorError."""
        asked = Person(object_id="", tenant_id=tenant, name=name, user_id=user_id)
        member = await self._member(service_url, conversation, asked)
        object_id = str(member.get("aadObjectId") or member.get("objectId") or "")
        found = asked.model_copy(update={"object_id": object_id or user_id})
        _must_belong(member, found)
        return found

    async def _member(
        self, service_url: str, conversation: str, person: Person
    ) -> Mapping[str, Any]:
        known = self._members.get(person.user_id)
        if known is not None and self._clock() - known[0] < REMEMBERED:
            return known[1]
        try:
            member = await self._connector.member(service_url, conversation, person.user_id)
        except ConnectorError as error:
            log.warning("member_unknown", reason=str(error))
            raise OutsiderError(
                "Teams did not say whether you belong to this organisation. Try again."
            ) from error
        self._members[person.user_id] = (self._clock(), member)
        while len(self._members) > MOST:
            self._members.popitem(last=False)
        return member


def _must_belong(member: Mapping[str, Any], person: Person) -> None:
    role = str(member.get("userRole") or "user").lower()
    tenant = str(member.get("tenantId") or person.tenant_id).lower()
    if role in OUTSIDERS or tenant != person.tenant_id:
        raise OutsiderError("Guests cannot use the agent. Ask a member of this organisation.")
