"""Storage of alert minimums."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import AlertMinimum, SourceName


class AlertMinimumStore(Protocol):
    """Alert minimums by cost source and account."""

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        """The alert minimums of those accounts that have one, by account ID."""
        ...

    async def replace(
        self,
        source: SourceName,
        account_id: str,
        minimum: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        """Store an alert minimum, or remove it (None), if the stored one is still ``was``.

        They are compared by ``entry``. False if another writer was faster: nothing is written.
        """
        ...
