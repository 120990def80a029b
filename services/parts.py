"""Accounts in parts of a size that shrinks when answers are too large."""

from collections.abc import Sequence

import structlog

from services.errors import CostSourceError

log = structlog.get_logger()

MOST_FAILURES = 9
"""Failed parts in a row after which halving further is no use: 256 accounts, 128, … 1."""


class Parts:
    """What is left to ask for, part by part."""

    def __init__(self, accounts: Sequence[str], size: int) -> None:
        self._left = list(accounts)
        self._size = size
        self._failures = 0

    def next(self) -> list[str]:
        """The next part; empty at the end."""
        part = self._left[: self._size]
        del self._left[: self._size]
        return part

    def put_back(self, part: Sequence[str]) -> None:
        """Asks for the same part again."""
        self._left[:0] = part

    def answered(self, part: Sequence[str]) -> None:
        """A part was answered in full."""
        self._failures = 0

    def halve(self, part: Sequence[str], error: CostSourceError) -> None:
        """Asks for the part again in halves; raises the error when that is no use."""
        self._failures += 1
        if len(part) == 1 or self._failures > MOST_FAILURES:
            raise error
        log.warning("costs_part_halved", accounts=len(part), reason=str(error))
        self._size = max(len(part) // 2, 1)
        self.put_back(part)
