"""Systems that say whether they work, for ``check`` and health."""

from datetime import datetime
from typing import Protocol


class Folder(Protocol):
    """The folder that files are stored in."""

    async def free(self) -> int:
        """Free bytes. Raises SettingsError when nothing can be written."""
        ...


class Ticking(Protocol):
    """What health asks of the ticker."""

    @property
    def running(self) -> bool: ...

    @property
    def last_tick(self) -> datetime | None: ...
