"""How a change declares its own undo, and what all undos check."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from services.domain import Actor, AuditEntry
from services.domain.errors import ConflictError

UndoChange = Callable[[AuditEntry, Actor, datetime], Awaitable[object]]
"""Takes one change back. Raises ConflictError when the same thing has changed since."""


def check_unchanged(current: Mapping[str, Any], entry: AuditEntry) -> None:
    """Raise ConflictError unless the values that a change made are the current ones."""
    after = entry.after or {}
    if {name: _listed(current.get(name)) for name in after} != {
        name: _listed(value) for name, value in after.items()
    }:
        raise ConflictError("It was changed again since, so it cannot be undone. See `history`.")


def _listed(value: Any) -> Any:
    """Make tuples comparable with the lists that come back from the store."""
    return list(value) if isinstance(value, tuple) else value
