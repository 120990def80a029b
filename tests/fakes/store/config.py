"""The stored settings, in memory."""

from datetime import datetime

from services.domain import (
    StoredConfig,
)


class MemoryConfig:
    """Implements ``services.ports.ConfigStore``."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredConfig] = {}
        """One, under no name."""

    async def get(self, now: datetime) -> StoredConfig:
        return self.stored.setdefault("", StoredConfig(schedule_since=now))

    async def replace(self, config: StoredConfig) -> bool:
        known = self.stored.get("")
        if known is None or known.version != config.version - 1:
            return False
        self.stored[""] = config
        return True
