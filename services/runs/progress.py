"""How far a run has come, for those who watch it."""

from collections.abc import Callable

from services.domain import DeliveryState
from services.domain.run_states import UNSETTLED
from services.ports import DeliveryLedger

Progress = Callable[[str, int, int], None]
"""Called with (what, done, of how many) as work proceeds."""
MIN_SECONDS_BETWEEN_COUNTS = 0.5
"""Counting takes a query, so a fast run is not counted after every email."""


def no_progress(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class EmailProgress:
    """Counts the settled emails of a run."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        ledger_id: str,
        progress: Progress,
        timer: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._ledger_id = ledger_id
        self._progress = progress
        self._timer = timer
        self._counted_at = timer()

    def start(self, counts: dict[DeliveryState, int]) -> None:
        """Show what was settled before."""
        self._show(counts)

    async def update(self) -> None:
        """Count again, unless that was done just now."""
        if self._timer() - self._counted_at >= MIN_SECONDS_BETWEEN_COUNTS:
            self._counted_at = self._timer()
            await self.finish()

    async def finish(self) -> None:
        """Count again."""
        if self._progress is not no_progress:
            self._show(await self._ledger.counts(self._ledger_id))

    def _show(self, counts: dict[DeliveryState, int]) -> None:
        total = sum(counts.values())
        if total:
            unsettled = sum(counts.get(state, 0) for state in UNSETTLED)
            self._progress("emails", total - unsettled, total)
