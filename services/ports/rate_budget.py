"""How many emails a sender may still send."""

from datetime import datetime
from typing import Protocol


class RateBudgetStore(Protocol):
    """Mails in any minute of one sender address, over all processes."""

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        """0.0 when a mail may go now (and it is counted), else the seconds to wait."""
        ...
