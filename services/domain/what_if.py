"""What another threshold would have marked."""

from datetime import date
from decimal import Decimal

from services.domain.base import Value
from services.domain.figures import SpanDays


class WhatIfEvent(Value):
    """An account that would have been marked in a month."""

    team_name: str
    aws_account_id: str
    service: str
    day: date
    """The first day as of which it would have been marked."""
    excess: Decimal


class WhatIf(Value):
    """What another threshold would have marked in the past."""

    span: SpanDays
    currency: str
    threshold: float
    """Percent as it is; ``candidate``: as it might be."""
    candidate: float
    min_increase: float
    candidate_min_increase: float
    marked: int
    candidate_marked: int
    missed: tuple[WhatIfEvent, ...] = ()
    """Marked now and not by the candidate, largest first."""
    added: tuple[WhatIfEvent, ...] = ()
