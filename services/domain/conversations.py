"""Teams conversations that the app is in."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


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
