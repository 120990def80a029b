"""Teams conversations that the app is in."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value

LostState = Literal["uninstalled", "blocked", "deleted"]
"""Why a conversation no longer accepts messages."""


class Conversation(Value):
    """A Teams conversation that the app is installed in and can post to proactively."""

    id: str
    """Without the thread part (``;messageid=…``)."""
    kind: Literal["personal", "group", "channel"]
    service_url: str
    tenant_id: str
    bot_id: str
    title: str = ""
    with_id: str = ""
    """In a personal chat: the person's Entra object ID."""
    state: Literal["active"] | LostState = "active"
    welcomed: bool = False
    alerts_since: datetime | None = None
    """When alerts were turned on here; None if they are off."""
    alerts_by: str = ""
    updated_at: datetime
