"""What ``check`` and the health endpoint need from the process itself."""

from datetime import datetime
from typing import Protocol


class Folder(Protocol):
    """The data folder."""

    async def free(self) -> int:
        """Free bytes. Raises SettingsError if the folder is not writable."""
        ...


class Ticking(Protocol):
    """The ticker, as the health check sees it."""

    @property
    def running(self) -> bool: ...

    @property
    def last_tick(self) -> datetime | None: ...
