"""What says whether it works, when it is asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class CostCheck(Protocol):
    """A cost source that can say whether it works."""

    @property
    def server_time(self) -> datetime | None:
        """What time it was there at its last answer; None when it did not say."""
        ...

    async def check(self, now: datetime) -> Sequence[str]:
        """Sentences about what works; raises CostSourceError with the cure."""
        ...


class BotSignIn(Protocol):
    """The bot's own tokens."""

    async def get(self) -> str | None:
        """A token, None in local mode; raises AgentError with the cure."""
        ...


class Folder(Protocol):
    """The folder that files are kept in."""

    async def free(self) -> int:
        """Free bytes; raises SettingsError with the cure when nothing can be written."""
        ...


class Ticking(Protocol):
    """What health needs to know of the ticker."""

    @property
    def running(self) -> bool: ...

    @property
    def last_tick(self) -> datetime | None: ...
