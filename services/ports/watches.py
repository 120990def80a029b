"""Where the states of detection are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.model import KeptWatch, SourceName


class WatchStore(Protocol):
    """The newest state of each account's watch; what is lost is made again from history."""

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, KeptWatch]:
        """The settled states of these accounts that have one, by account."""
        ...

    async def keep(
        self, source: SourceName, watches: Sequence[KeptWatch], maker: str, now: datetime
    ) -> None:
        """Stores states over those of the same accounts; ``maker``: who judges, and which time."""
        ...

    async def settle(self, source: SourceName, accounts: Sequence[str], maker: str) -> None:
        """Says of these accounts that all of their state is recorded, where it is ``maker``'s."""
        ...
