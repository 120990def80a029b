"""Usage changes that somebody announced in advance."""

from datetime import date, datetime
from decimal import Decimal

from services.domain.base import Value


class PlannedChange(Value):
    """An announced usage change: it raises no alert, and reports compare usage with it."""

    id: str
    account_id: str
    percent: Decimal
    """Growth over the previous month's usage, in percent."""
    first: date
    last: date
    reason: str = ""
    by: str
    at: datetime
