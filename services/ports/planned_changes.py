"""What is stored about planned changes."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import (
    DaySpan,
    PlannedChange,
)


class PlannedChangeStore(Protocol):
    """Planned changes, by id."""

    async def add(self, change: PlannedChange) -> None: ...

    async def remove(self, change_id: str) -> PlannedChange | None: ...

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        """Those of these accounts that share a day with the span, newest first."""
        ...
