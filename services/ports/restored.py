"""What a restored database needs."""

from datetime import datetime
from typing import Protocol


class RestoredStore(Protocol):
    """A database of which part may be older than what has happened."""

    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        """Closes open runs that mail, as expired; their undecided deliveries are of unknown fate.

        A worker that is still at them writes nothing. How many runs and deliveries; may be
        repeated.
        """
        ...
