"""The audit trail's values: who changed what, when and through which interface."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


class Actor(Value):
    """A person, program or the scheduler, and the interface they used."""

    interface: Literal["cli", "rest", "chat", "scheduler"]
    name: str = ""
    """For display only."""
    id: str = ""
    """Identifies a person: in chat, the Entra object ID."""


class AuditEntry(Value):
    """One change, with the values before and after it."""

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    undone_at: datetime | None = None
