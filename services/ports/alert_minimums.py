"""Alert minimums of accounts."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import AlertMinimum, SourceName


class AlertMinimumStore(Protocol):
    """Floors of accounts, by source."""

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        """The floors of these accounts that have one, by account."""
        ...

    async def replace(
        self,
        source: SourceName,
        account_id: str,
        floor: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        """Stores a floor, or removes it (None), where it is still what it ``was`` (its entry).

        False when somebody else was faster; then nothing is written.
        """
        ...
