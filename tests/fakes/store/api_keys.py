"""API keys, in memory."""

from datetime import datetime

from services.domain import (
    ApiKey,
)
from services.domain.errors import ConflictError


class MemoryApiKeys:
    """Implements ``services.ports.ApiKeyStore``."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}

    async def any_ever(self) -> bool:
        return bool(self.keys)

    async def add(self, key: ApiKey) -> None:
        if key.id in self.keys:
            raise ConflictError("An API key of this id exists already.")
        self.keys[key.id] = key

    async def get(self, key_id: str) -> ApiKey | None:
        return self.keys.get(key_id)

    async def list_keys(self) -> list[ApiKey]:
        return sorted(self.keys.values(), key=lambda key: (key.created_at, key.id))

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        key = self.keys.get(key_id)
        if key is not None and key.revoked_at is None:
            self.keys[key_id] = key.model_copy(update={"revoked_at": now})
        return self.keys.get(key_id)

    async def touch(self, key_id: str, now: datetime) -> None:
        key = self.keys.get(key_id)
        if key is not None and (key.last_used_at is None or key.last_used_at < now):
            self.keys[key_id] = key.model_copy(update={"last_used_at": now})
