"""API keys."""

from datetime import datetime
from typing import Protocol

from services.domain import ApiKey


class ApiKeyStore(Protocol):
    """Keys of the REST API; none is ever removed, so that its door stays locked."""

    async def any_ever(self) -> bool:
        """Whether a key was ever stored, revoked or not."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Raises ConflictError when the id is taken."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def list_keys(self) -> list[ApiKey]:
        """Oldest first."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        """The key as it is then; the first instant stays. None when there is no such key."""
        ...

    async def touch(self, key_id: str, now: datetime) -> None:
        """Notes that it was used; an earlier instant than the noted one changes nothing."""
        ...
