"""Usage changes that somebody announced."""

from datetime import date, datetime
from decimal import Decimal

from services.domain.base import Value


class PlannedChange(Value):
    """A change of usage that somebody announced: no alert for it, reported against the plan."""

    id: str
    account_id: str
    percent: Decimal
    """Usage above the month before, in percent."""
    first: date
    last: date
    reason: str = ""
    by: str
    at: datetime
