"""Storage of API keys."""

from datetime import datetime
from typing import Protocol

from services.domain import ApiKey


class ApiKeyStore(Protocol):
    """API keys; none is ever removed, so that REST never returns to local mode."""

    async def any_ever(self) -> bool:
        """Whether a key was ever stored, including revoked ones."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Raises ConflictError if the ID exists."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def list_keys(self) -> list[ApiKey]:
        """All keys, oldest first."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        """Return the revoked key; its first revocation time stays. None if there is no such key."""
        ...

    async def touch(self, key_id: str, now: datetime) -> None:
        """Record the last use; an instant before the recorded one changes nothing."""
        ...
