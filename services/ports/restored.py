"""Repairing a database that was restored from a backup."""

from datetime import datetime
from typing import Protocol


class RestoredStore(Protocol):
    """A restored database, which does not know what was sent after the backup."""

    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        """Expire all open runs that send email; their unfinished deliveries become unknown.

        A worker that still works on one of them can write nothing any more. Returns the number of
        runs and deliveries. May be repeated.
        """
        ...
