"""The shared rate limit for emails."""

from datetime import datetime
from typing import Protocol


class RateBudgetStore(Protocol):
    """The number of emails per minute for each sender address, shared by all processes."""

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        """Return 0.0 if an email may be sent now (and count it), else the seconds to wait."""
        ...
