"""The amounts of an account as they are known: what is normal of each day, and what was taken out.

A table that grows by one row a day and forgets its oldest ones: 91 days of amounts as 32-bit floats and
as many more as events are looked back over.
"""

import math
from array import array
from collections.abc import Iterable, Sequence

from services.analysis.detection.baseline import WEEK
from services.analysis.detection.event import ACCOUNT
from services.analysis.detection.rules import WINDOW

BACK_DAYS = 35
"""The onset of a slow excess is looked for so many days back."""
KEPT_DAYS = WINDOW + BACK_DAYS
"""So many rows can be looked at; older ones are dropped."""
SPARE_DAYS = 60
"""Rows that are dropped together, for speed."""
HUGE = 1e5
"""Beside such an amount 32 bits lose cents, and more beside a larger one: when it goes, sums are added
up anew, or what was lost would stay in them."""


def append(rows: "array[float]", sums: "array[float]", row: Sequence[float]) -> None:
    """Adds the row of a day, and the sums of the seven days up to it."""
    width = len(row)
    rows.extend(row)
    newest = rows[-width:]
    if len(rows) == width:
        sums.extend(newest)
    elif len(rows) <= WEEK * width:
        sums.extend([a + b for a, b in zip(sums[-width:], newest, strict=True)])
    else:
        oldest = rows[-(WEEK + 1) * width : -WEEK * width]
        if max(oldest) > HUGE or min(oldest) < -HUGE:
            week = rows[-WEEK * width :]
            sums.extend([math.fsum(week[column::width]) for column in range(width)])
            return
        sums.extend([a + b - c for a, b, c in zip(sums[-width:], newest, oldest, strict=True)])


class Rows:
    """One row a day, one column for the whole account (the first) and for each service."""

    def __init__(self, services: Iterable[str] = ()) -> None:
        self.names: list[str] = [ACCOUNT, *services]
        self.first = 0
        """Day of the first row."""
        self._empty()

    def _empty(self) -> None:
        self.rows = array("f")
        """What is normal: one row a day, one amount a column."""
        self.sums = array("f")
        """Sums of the last seven rows, in the same order."""
        self.taken: dict[int, dict[int, float]] = {}
        """Day → column → what was taken out of the row."""
        self.usual: dict[int, dict[int, float]] = {}
        """Day → column → what habits explain of what was taken: a charge that was due."""
        self.gaps: set[int] = set()
        """Days without usage, filled with the week before."""

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def next_day(self) -> int:
        """The day after the last row."""
        return self.first + len(self.rows) // self.width

    def amount(self, day: int, column: int) -> float:
        """An amount as it is known, normal or not."""
        normal = self.rows[(day - self.first) * self.width + column]
        return normal + self.taken.get(day, {}).get(column, 0.0)

    def unexplained(self, day: int, column: int) -> float:
        """An amount without what habits explain of it."""
        return self.amount(day, column) - self.usual.get(day, {}).get(column, 0.0)

    def series(self, column: int, day: int) -> list[float]:
        """What was normal of a column in the 13 weeks before a day."""
        width = self.width
        end = (day - self.first) * width
        begin = max(end - WINDOW * width, len(self.rows) - KEPT_DAYS * width, 0)
        return self.rows[begin + column : end : width].tolist()

    def _put(self, day: int, column: int, normal: float) -> None:
        """Says what is normal of a day; the rest of its amount is taken out."""
        width = self.width
        at = (day - self.first) * width + column
        before = self.rows[at]
        self.rows[at] = normal
        change = self.rows[at] - before
        if not change:
            return
        taken = self.taken.setdefault(day, {})
        taken[column] = taken.get(column, 0.0) - change
        huge = abs(change) > HUGE
        for i in range(at, min(at + WEEK * width, len(self.sums)), width):
            first = max(i - (WEEK - 1) * width, column)
            self.sums[i] = (
                math.fsum(self.rows[first : i + 1 : width]) if huge else self.sums[i] + change
            )

    def _append(self, row: Sequence[float]) -> None:
        append(self.rows, self.sums, row)
        if len(self.rows) >= (KEPT_DAYS + SPARE_DAYS) * self.width:
            self._drop(SPARE_DAYS)

    def _drop(self, days: int) -> None:
        """Drops the oldest days."""
        del self.rows[: days * self.width], self.sums[: days * self.width]
        self.first += days
        self.taken = {day: held for day, held in self.taken.items() if day >= self.first}
        self.usual = {day: held for day, held in self.usual.items() if day >= self.first}
        self.gaps = {day for day in self.gaps if day >= self.first}
