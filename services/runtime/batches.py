"""Splits long lists into batches, so that memory stays flat and other tasks can run."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

ACCOUNTS_AT_ONCE = 100
"""How many accounts' daily costs are in memory at once."""


def chunked(items: Sequence[Item], size: int = ACCOUNTS_AT_ONCE) -> list[Sequence[Item]]:
    """Split items into batches of at most ``size``."""
    return [items[i : i + size] for i in range(0, len(items), size)]
