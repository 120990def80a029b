"""Planned changes, in memory."""

from collections.abc import Sequence

from services.domain import (
    DaySpan,
    PlannedChange,
)


class MemoryPlannedChanges:
    """Implements ``services.ports.PlannedChangeStore``."""

    def __init__(self) -> None:
        self.changes: dict[str, PlannedChange] = {}

    async def add(self, change: PlannedChange) -> None:
        self.changes.setdefault(change.id, change)

    async def remove(self, change_id: str) -> PlannedChange | None:
        return self.changes.pop(change_id, None)

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        matches = [
            change
            for change in self.changes.values()
            if change.account_id in accounts
            and change.first <= span.last
            and change.last >= span.first
        ]
        return sorted(matches, key=lambda change: (change.at, change.id), reverse=True)
