"""The values of a what-if: which accounts another threshold would have flagged."""

from datetime import date
from decimal import Decimal

from services.domain.base import Value
from services.domain.figures import SpanDays


class WhatIfEvent(Value):
    """An account that would have been flagged in one month."""

    team_name: str
    aws_account_id: str
    service: str
    day: date
    """The first day on which it would have been flagged."""
    excess: Decimal


class WhatIf(Value):
    """Past months under the current threshold and under a candidate."""

    span: SpanDays
    currency: str
    threshold: float
    """The current threshold in percent; ``candidate`` is the proposed one."""
    candidate: float
    min_increase: float
    candidate_min_increase: float
    flagged: int
    candidate_flagged: int
    missed: tuple[WhatIfEvent, ...] = ()
    """Flagged by the current threshold only, largest excess first."""
    added: tuple[WhatIfEvent, ...] = ()
