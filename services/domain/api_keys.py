"""Keys of the REST API."""

from datetime import datetime
from typing import Literal

from services.domain.audit import Actor
from services.domain.base import Value

Scope = Literal["read", "write"]

SCOPES: tuple[Scope, ...] = ("read", "write")


class ApiKey(Value):
    """A key of the REST API; the key itself is not kept, only its hash."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_sha256: str
    created_at: datetime
    created_by: Actor
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""

    def trouble(self, now: datetime) -> str | None:
        """Why it opens nothing any more; None while it does."""
        if self.revoked_at is not None:
            return "The API key was revoked."
        if self.expires_at is not None and self.expires_at <= now:
            return "The API key has expired."
        return None
