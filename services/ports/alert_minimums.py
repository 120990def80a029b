"""Where the alert minimums of accounts are stored."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import AlertMinimum, SourceName


class AlertMinimumStore(Protocol):
    """Alert minimums of accounts, by source."""

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        """The minimums of those of these accounts that have one, by account."""
        ...

    async def replace(
        self,
        source: SourceName,
        account_id: str,
        minimum: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        """Store a minimum, or remove it (None), if the stored one is still ``was`` (by its entry).

        False when somebody else changed it first; then nothing is written.
        """
        ...
