"""Batches of the accounts that remain to be read; they shrink when responses are too large."""

from collections.abc import Sequence

import structlog

from services.domain.errors import CostSourceError

log = structlog.get_logger()

MAX_FAILURES_IN_A_ROW = 9
"""From 256 accounts it takes nine batches to get to one: 256, 128, … 1. Failures beyond that are
not about size."""


class QueryBatches:
    """A queue of accounts, taken a batch at a time."""

    def __init__(self, accounts: Sequence[str], size: int) -> None:
        self._remaining = list(accounts)
        self._size = size
        self._failures = 0

    def next(self) -> list[str]:
        """Take the next batch; empty at the end."""
        batch = self._remaining[: self._size]
        del self._remaining[: self._size]
        return batch

    def put_back(self, batch: Sequence[str]) -> None:
        """Let the same batch come next."""
        self._remaining[:0] = batch

    def succeeded(self) -> None:
        """Keep the present size: the source returned the batch in full."""
        self._failures = 0

    def halve(self, batch: Sequence[str], error: CostSourceError) -> None:
        """Let the batch come again in halves; raises ``error`` when smaller would not help."""
        self._failures += 1
        if len(batch) == 1 or self._failures > MAX_FAILURES_IN_A_ROW:
            raise error
        log.warning("costs_batch_halved", accounts=len(batch), reason=str(error))
        self._size = max(len(batch) // 2, 1)
        self.put_back(batch)
