"""Long lists in parts, so that memory stays flat and others get their turn."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

ACCOUNTS_AT_ONCE = 100
"""Accounts whose daily costs are held in memory together."""


def chunked(items: Sequence[Item], size: int = ACCOUNTS_AT_ONCE) -> list[Sequence[Item]]:
    """The items in parts of at most ``size``."""
    return [items[i : i + size] for i in range(0, len(items), size)]
