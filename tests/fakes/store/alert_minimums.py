"""Alert minimums, in memory."""

from collections.abc import Sequence

from services.domain import (
    AlertMinimum,
    SourceName,
)


class MemoryAlertMinimums:
    """Implements ``services.ports.AlertMinimumStore``."""

    def __init__(self) -> None:
        self.minimums: dict[tuple[SourceName, str], AlertMinimum] = {}

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        return {
            account: minimum
            for (of, account), minimum in self.minimums.items()
            if of == source and account in accounts
        }

    async def replace(
        self,
        source: SourceName,
        account_id: str,
        minimum: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        key = (source, account_id)
        known = self.minimums.get(key)
        if (known and known.entry) != (was and was.entry):
            return False
        if minimum is None:
            self.minimums.pop(key, None)
        else:
            self.minimums[key] = minimum
        return True
