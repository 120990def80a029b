"""Who changed what."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


class Actor(Value):
    """Who asked, and through which door."""

    door: Literal["cli", "rest", "chat", "clock"]
    name: str = ""
    """For reading."""
    id: str = ""
    """What identifies the person: in chat the Entra object id."""


class AuditEntry(Value):
    """One change: who did what to what, when, with the values before and after."""

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    undone_at: datetime | None = None
