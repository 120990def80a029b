"""Imports that wait for confirmation."""

from datetime import datetime

from services.domain.base import Value


class PendingImport(Value):
    """Teams that were checked and wait for Confirm."""

    id: str
    text: str
    by_id: str
    at: datetime
