"""Storage of the settings that admins change."""

from datetime import datetime
from typing import Protocol

from services.domain import StoredConfig


class ConfigStore(Protocol):
    """The stored settings, a single document."""

    async def get(self, now: datetime) -> StoredConfig:
        """Return the stored settings.

        The first call ever stores the defaults, with ``schedule_since=now``.
        """
        ...

    async def replace(self, config: StoredConfig) -> bool:
        """Store settings if the stored version is ``config.version - 1``; otherwise False."""
        ...
