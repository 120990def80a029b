"""REST API keys and their scopes."""

from datetime import datetime
from typing import Literal

from services.domain.audit import Actor
from services.domain.base import Value

Scope = Literal["read", "write"]

SCOPES: tuple[Scope, ...] = ("read", "write")


class ApiKey(Value):
    """A REST API key; only the hash of its secret is stored."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_sha256: str
    created_at: datetime
    created_by: Actor
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """Accurate to the minute, as not every request is a write."""

    def trouble(self, now: datetime) -> str | None:
        """Why the key is not valid (a sentence); None while it is."""
        if self.revoked_at is not None:
            return "The API key was revoked."
        if self.expires_at is not None and self.expires_at <= now:
            return "The API key has expired."
        return None
