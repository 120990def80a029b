"""Imports that wait for confirmation."""

from datetime import datetime

from services.domain.base import Value


class PendingImport(Value):
    """A validated team import that waits for the Confirm button."""

    id: str
    text: str
    by_id: str
    at: datetime
