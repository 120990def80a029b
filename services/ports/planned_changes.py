"""Storage of planned changes."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import (
    DaySpan,
    PlannedChange,
)


class PlannedChangeStore(Protocol):
    """Usage changes that were announced in advance."""

    async def add(self, change: PlannedChange) -> None: ...

    async def remove(self, change_id: str) -> PlannedChange | None: ...

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        """Planned changes of these accounts that overlap the span, newest first."""
        ...
