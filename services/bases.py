"""What a kept watch was made from, so that a later change of it is noticed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from services.analysis.detection.replay import judging_day
from services.model import DaySpan, Month, UsageHistory


class JudgedMonth(NamedTuple):
    """What of a month had gone into a watch."""

    month: str
    metric: str
    writes: int
    """How often it had been written."""
    covered: int
    """Its days that were known and judged, as bits."""
    changes: int
    """How many changes of its amounts were known when they were judged."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The months and the accepted days that a watch was made from."""

    months: tuple[JudgedMonth, ...] = ()
    accepted: tuple[date, ...] = ()

    def accepted_since(self, first: date) -> tuple[date, ...]:
        """The accepted days from a day on."""
        return tuple(day for day in self.accepted if day >= first)

    def writes(self, first: Month, before: Month) -> int:
        """How often the months from ``first`` on had been written, without ``before`` and later."""
        return sum(one.writes for one in self.months if str(first) <= one.month < str(before))

    def fits(self, usage: UsageHistory, through: date, known_after: timedelta) -> bool:
        """Whether the months that were read are, up to a judged day, what they were then.

        A month that has no entry here was not stored then, so that nothing of it may count.
        """
        here = {one.month: one for one in self.months}
        now = {one.month: one for one in _judged(usage, through, known_after)}
        first = str(Month.of(usage.span.first))
        if any(month >= first and month not in now for month in here):
            return False
        return all(
            _same(here[month], one) if month in here else not (one.covered or one.changes)
            for month, one in now.items()
        )

    def after(
        self,
        usage: UsageHistory,
        through: date,
        known_after: timedelta,
        oldest: Month,
        accepted: Sequence[date],
    ) -> "Basis":
        """With the months that were read, up to a day, and without those before ``oldest``."""
        read = _judged(usage, through, known_after)
        new = {one.month for one in read}
        kept = (one for one in self.months if one.month not in new and one.month >= str(oldest))
        days = (day for day in self.accepted if day >= oldest.span.first)
        return Basis((*kept, *read), tuple(sorted({*days, *accepted})))

    def text(self) -> str:
        """As JSON, for ``basis_of``."""
        return _text(self)


@lru_cache(maxsize=1024)
def basis_of(text: str) -> Basis:
    """The reverse of ``Basis.text``; most accounts have the same."""
    told = json.loads(text)
    return Basis(
        tuple(JudgedMonth(*one) for one in told["months"]),
        tuple(date.fromisoformat(day) for day in told["accepted"]),
    )


@lru_cache(maxsize=1024)
def _text(basis: Basis) -> str:
    accepted = [day.isoformat() for day in basis.accepted]
    return json.dumps({"months": basis.months, "accepted": accepted}, separators=(",", ":"))


def _judged(usage: UsageHistory, through: date, known_after: timedelta) -> list[JudgedMonth]:
    return [
        JudgedMonth(
            str(one.month),
            one.metric,
            one.writes,
            one.covered & _days_until(one.month, through),
            sum(
                one.month.of(change.day) == one.month
                and judging_day(change.at.date(), known_after) <= through
                for change in usage.changes
            ),
        )
        for one in usage.months
    ]


@lru_cache(maxsize=64)
def _days_until(month: Month, through: date) -> int:
    """The days of a month up to a day, as bits."""
    span: DaySpan = month.span
    if through < span.first:
        return 0
    return (1 << (min(through, span.last).day)) - 1


def _same(then: JudgedMonth, now: JudgedMonth) -> bool:
    return (then.metric, then.covered, then.changes) == (now.metric, now.covered, now.changes)
