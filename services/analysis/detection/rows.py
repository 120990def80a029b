"""The amounts of an account: the normal part of each day, and what was taken out of it.

A table that grows by one row a day and drops its oldest ones: 91 days of amounts as 32-bit floats,
and the days before them in which the onset of an event is searched.
"""

import math
from array import array
from collections.abc import Iterable, Sequence

from services.analysis.detection.baseline import WEEK
from services.analysis.detection.event import ACCOUNT
from services.analysis.detection.rules import WINDOW

BACK_DAYS = 35
"""How many days back to search for the onset of a slow excess."""
STORED_DAYS = WINDOW + BACK_DAYS
"""How many rows are used; older ones are dropped."""
SPARE_DAYS = 60
"""How many rows are dropped at once, for speed."""
HUGE = 1e5
"""Next to such an amount 32-bit floats lose cents. When it leaves a running sum, the sum is computed
again, or the error would stay in it."""


def append(rows: "array[float]", sums: "array[float]", row: Sequence[float]) -> None:
    """Append the row of a day, and the sums of the seven days up to it."""
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
    """One row a day; one column for the whole account (the first) and one for each service."""

    def __init__(self, services: Iterable[str] = ()) -> None:
        self.names: list[str] = [ACCOUNT, *services]
        self.first = 0
        """Day of the first row."""
        self._empty()

    def _empty(self) -> None:
        self.rows = array("f")
        """What is normal, row after row: one row a day, one amount a column."""
        self.sums = array("f")
        """Sums of the last seven rows, in the same order."""
        self.taken: dict[int, dict[int, float]] = {}
        """What was taken out of the rows, by day and column."""
        self.usual: dict[int, dict[int, float]] = {}
        """What recurring patterns explain of it, by day and column: a charge that was due."""
        self.gaps: set[int] = set()
        """Days without usage, filled from the week before."""

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
        """An amount without what recurring patterns explain of it."""
        return self.amount(day, column) - self.usual.get(day, {}).get(column, 0.0)

    def series(self, column: int, day: int) -> list[float]:
        """What was normal of a column in the 13 weeks before a day, oldest first."""
        width = self.width
        end = (day - self.first) * width
        begin = max(end - WINDOW * width, len(self.rows) - STORED_DAYS * width, 0)
        return self.rows[begin + column : end : width].tolist()

    def _put(self, day: int, column: int, normal: float) -> None:
        """Set what is normal of a day; the rest of its amount is taken out."""
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
        if len(self.rows) >= (STORED_DAYS + SPARE_DAYS) * self.width:
            self._drop(SPARE_DAYS)

    def _drop(self, days: int) -> None:
        """Drop the oldest days."""
        del self.rows[: days * self.width], self.sums[: days * self.width]
        self.first += days
        self.taken = {day: amounts for day, amounts in self.taken.items() if day >= self.first}
        self.usual = {day: amounts for day, amounts in self.usual.items() if day >= self.first}
        self.gaps = {day for day in self.gaps if day >= self.first}
