"""What a kept watch was made from, so that a later change of it is noticed.

Most accounts have the same basis, as all of them are read together: what is worked out once is
remembered.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from services.analysis.detection.replay import judging_day
from services.model import Month, MonthRead, UsageHistory

NEVER = -1
"""So often no month is written: with it, no sum of writes is what it was."""


class JudgedMonth(NamedTuple):
    """What of a month had gone into a watch."""

    month: str
    metric: str
    writes: int
    """How often it had been written; ``NEVER`` while some of it waits to be judged."""
    covered: int
    """Its days that were known and judged, as bits."""
    changes: int
    """How many changes of its amounts were known when they were judged."""


class Read(NamedTuple):
    """What was read of an account: its months, and by month and judging day how many changes.

    Counted, as it is remembered: an account of many services has thousands of changes.
    """

    months: tuple[MonthRead, ...]
    changes: tuple[tuple[str, date, int], ...]

    @classmethod
    def of(cls, usage: UsageHistory, known_after: timedelta) -> "Read":
        """What a history was read from."""
        changes = Counter(
            (Month.of(one.day), judging_day(one.at.date(), known_after)) for one in usage.changes
        )
        counted = ((str(month), day, number) for (month, day), number in changes.items())
        return cls(tuple(usage.months), tuple(counted))

    def judged(self, through: date) -> list[JudgedMonth]:
        """What of it counts when a day is judged."""
        waiting = {month for month, day, _ in self.changes if day > through}
        return [
            JudgedMonth(
                one.month,
                one.metric,
                NEVER if one.month in waiting else one.writes,
                one.covered & _days_until(one.month, through),
                sum(n for month, day, n in self.changes if month == one.month and day <= through),
            )
            for one in self.months
        ]


@dataclass(frozen=True, slots=True)
class Basis:
    """The months and the accepted days that a watch was made from."""

    months: tuple[JudgedMonth, ...] = ()
    accepted: tuple[date, ...] = ()

    def fits(self, read: Read, first: date, through: date) -> bool:
        """Whether the months from that of ``first`` on are, up to a judged day, what they were.

        A month that has no entry here was not stored then, so that nothing of it may count.
        """
        begin = str(Month.of(first))
        here = {one.month: one for one in self.months}
        now = {one.month: one for one in read.judged(through)}
        if any(month >= begin and month not in now for month in here):
            return False
        return all(
            _same(here[month], one) if month in here else not (one.covered or one.changes)
            for month, one in now.items()
        )

    def after(self, read: Read, through: date, oldest: date, accepted: Sequence[date]) -> "Basis":
        """With what was read, up to a day, and without what lies before ``oldest``."""
        begin = str(Month.of(oldest))
        judged = read.judged(through)
        new = {one.month for one in judged}
        kept = (one for one in self.months if one.month not in new and one.month >= begin)
        days = {day for day in self.accepted if day >= oldest}
        return Basis((*kept, *judged), tuple(sorted({*days, *accepted})))

    def text(self) -> str:
        """As JSON, for ``basis_of``."""
        accepted = [day.isoformat() for day in self.accepted]
        return json.dumps({"months": self.months, "accepted": accepted}, separators=(",", ":"))


@lru_cache(maxsize=1024)
def basis_of(text: str) -> Basis:
    """The reverse of ``Basis.text``."""
    told = json.loads(text)
    return Basis(
        tuple(JudgedMonth(*one) for one in told["months"]),
        tuple(date.fromisoformat(day) for day in told["accepted"]),
    )


@lru_cache(maxsize=1024)
def writes_of(text: str, first: Month, before: Month) -> int:
    """How often the months from ``first`` on had been written, without ``before`` and later."""
    months = basis_of(text).months
    return sum(one.writes for one in months if str(first) <= one.month < str(before))


@lru_cache(maxsize=1024)
def accepted_since(text: str, first: date) -> tuple[date, ...]:
    """The accepted days from a day on."""
    return tuple(day for day in basis_of(text).accepted if day >= first)


class Going(NamedTuple):
    """From which judged day detection goes on to which."""

    first: date
    """The months from that of this day on were read for it."""
    judged: date
    through: date
    oldest: date
    """What lies before is left out."""


@lru_cache(maxsize=1024)
def gone_on(text: str, read: Read, going: Going, accepted: tuple[date, ...]) -> str | None:
    """The basis after some days, as text; None when it does not fit what was read."""
    basis = basis_of(text)
    if not basis.fits(read, going.first, going.judged):
        return None
    return basis.after(read, going.through, going.oldest, accepted).text()


@lru_cache(maxsize=64)
def _days_until(month: str, through: date) -> int:
    """The days of a month up to a day, as bits."""
    if month != str(Month.of(through)):
        return 0 if month > str(Month.of(through)) else -1
    return (1 << through.day) - 1


def _same(then: JudgedMonth, now: JudgedMonth) -> bool:
    return (then.metric, then.covered, then.changes) == (now.metric, now.covered, now.changes)
