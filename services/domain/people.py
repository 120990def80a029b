"""People, conversations and what is kept for them between two messages."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from services.domain.base import Value


class Person(Value):
    """Somebody in Teams, known by Entra object id and tenant; the name is for reading only."""

    object_id: str
    tenant_id: str
    name: str = ""
    user_id: str = ""
    """The id by which the channel knows the person ("29:…")."""


class Identity(Value):
    """All that a person is known by."""

    addresses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """Entra object ids, and ids of chats of the person's own."""
    names: tuple[str, ...] = ()


Role = Literal["viewer", "admin"]


class AdminEntry(Value):
    """Somebody who was made an admin."""

    object_id: str
    tenant_id: str
    name: str
    since: datetime
    by: str


class Conversation(Value):
    """A Teams conversation that the app is in; where messages can be posted without being asked."""

    id: str
    """Without the part of a thread."""
    kind: Literal["personal", "group", "channel"]
    service_url: str
    tenant_id: str
    bot_id: str
    title: str = ""
    with_id: str = ""
    """Of a personal chat: the object id of the person in it."""
    state: Literal["active", "uninstalled", "blocked"] = "active"
    welcomed: bool = False
    alerts_since: datetime | None = None
    """Since when alerts go here; None: they do not."""
    alerts_by: str = ""
    updated_at: datetime


class PlannedChange(Value):
    """A change of usage that somebody announced: no alert for it, reported against the plan."""

    id: str
    account_id: str
    percent: Decimal
    """Usage above the month before, in percent."""
    first: date
    last: date
    reason: str = ""
    by: str
    at: datetime


class PendingImport(Value):
    """Teams that were checked and wait for Confirm."""

    id: str
    text: str
    by_id: str
    at: datetime


class CardInProgress(Value):
    """A card that changes after its turn; it is finished even after a restart."""

    id: str
    """Conversation and message."""
    conversation_id: str
    """With the thread that the card is in."""
    service_url: str
    activity_id: str
    run_id: str | None = None
    """The run whose progress it shows; None for an answer that was being worked on."""
    last: dict[str, object] | None = None
    """Its final content, when Teams could not be reached to show it."""
    asked_by: str = ""
    owner: str = ""
    """The worker that keeps it current."""
    created_at: datetime
    touched_at: datetime | None = None
    """When its owner was last known to be alive."""
