"""How much of an account detection has learned, for reports to say so until it is enough."""

import math
from array import array
from collections.abc import Sequence

from services.analysis.detection.detector import SILENT_DAYS
from services.analysis.detection.rules import LEARNING_DAYS
from services.domain import Category, CostSeries, DaySpan

DAYS_THAT_COUNT = LEARNING_DAYS + SILENT_DAYS + 1
"""An account with usage before these days has started to learn anew within them, or has learned enough."""


def learning_day(span: DaySpan, series: Sequence[CostSeries]) -> int | None:
    """How many days detection has learned from, up to the last of the span; None: enough.

    Counted as detection counts: from the first day with usage, or the first one after four weeks
    without any, so long as there is usage at all.
    """
    usage = [
        entry.amounts for entry in series if (entry.category or Category.USAGE) is Category.USAGE
    ]
    begin: int | None = None
    last = 0
    for i in range(max(len(span) - DAYS_THAT_COUNT, 0), len(span)):
        if _has_usage(usage, i):
            if begin is None or i - last > SILENT_DAYS:
                begin = i
            last = i
    if begin is None:
        return None
    days = len(span) - begin
    return days if days <= LEARNING_DAYS else None


def _has_usage(usage: "Sequence[array[float]]", i: int) -> bool:
    return math.fsum(row[i] for row in usage if not math.isnan(row[i])) > 0
