"""The stored config."""

from datetime import datetime
from typing import Protocol

from services.domain import StoredConfig


class ConfigStore(Protocol):
    """The one document of stored settings."""

    async def get(self, now: datetime) -> StoredConfig:
        """The stored settings; at the first call ever the defaults, kept with
        ``schedule_since=now``.
        """
        ...

    async def replace(self, config: StoredConfig) -> bool:
        """Stores settings whose stored version is ``config.version - 1``; False if not."""
        ...
