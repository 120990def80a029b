"""The rate budget of a sender address, in memory."""

from datetime import datetime, timedelta


class MemoryRateBudget:
    """Implements ``services.ports.RateBudgetStore``."""

    def __init__(self) -> None:
        self._used: dict[str, list[datetime]] = {}

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        recent = [
            at for at in self._used.get(sender.casefold(), []) if now - at < timedelta(seconds=61)
        ]
        if len(recent) < per_minute:
            self._used[sender.casefold()] = [*recent, now]
            return 0.0
        return max(61.0 - (now - min(recent)).total_seconds(), 0.05)
