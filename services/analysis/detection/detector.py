"""Detects events in one account: what is normal, what stands out today, which event it belongs to.

Its state lives for one replay and does not grow with its length: 91 days of amounts as 32-bit
floats, what was taken out of them, and a few bumps. A day is evaluated once, and again when it is
restated.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from services.analysis.detection.baseline import (
    WEEK,
    Evaluation,
    Measure,
    evaluate,
    expected_day,
    large_days,
    median,
    week_sums,
)
from services.analysis.detection.event import Event
from services.analysis.detection.event_tracker import ENDS_AFTER_DAYS, EventTracker
from services.analysis.detection.prefilter import columns_to_evaluate
from services.analysis.detection.recurring_patterns import (
    RecurringSpike,
    due_charge,
    is_recurring_pattern,
    remembered,
)
from services.analysis.detection.rules import LEARNING_DAYS, Rules

SILENT_DAYS = 28
"""After so many days without usage, an account that returns is learned anew."""
NO_USAGE_ENDS_DAYS = 7
"""After so many, an open event has ended."""
MIN_BUMP_SPREADS = 3.0
"""From so many spreads on an excess is remembered as a bump."""
FORGOTTEN_DAYS = 220
"""A bump of so many days ago is as if it had never been: so much history is replayed."""
REEVALUATED_DAYS = 30
"""For how long a restated day is evaluated again."""
CATCH_UP_DAYS, CATCH_UP_SHARE = 2, 0.6
"""An excess of which the days just before lack this share is a job or a bill that was late."""
JUMP_DAYS, JUMP_FACTOR, JUMP_MINIMUMS = 14, 4.0, 8.0
"""While learning, after so many days: above the largest day by this factor, and this many minimums."""


class AccountDetector(EventTracker):
    """What is known of one account in the middle of a replay."""

    def __init__(self, rules: Rules, services: Iterable[str] = ()) -> None:
        super().__init__(rules, services)
        self.silent = 0
        """Days without usage in a row, up to now."""

    def _forget(self) -> None:
        self._empty()
        self.bumps = {}
        self.event = self.before = None

    # A day

    def evaluate(self, day: int, row: Sequence[float]) -> None:
        """Evaluates the day after the last one; ``row``: its amounts in the order of ``names``.

        A day without any usage says nothing: the source may be late, or the account closed.
        """
        if row[0] <= 0:
            self._missing(day)
            return
        if self.begin is None or self.silent >= SILENT_DAYS:
            self._end(day)
            self.begin, self.first = day, day
            self._forget()
        self.silent = 0
        self._append(row)
        age = day - self.begin + 1
        if age > LEARNING_DAYS:
            self._evaluate(day, row)
            return
        if age == LEARNING_DAYS:
            self._tidy()
        elif age > JUMP_DAYS:
            self._evaluate_learning(day, row[0])

    def _missing(self, day: int) -> None:
        self.silent += 1
        if self.begin is not None:
            back = min(WEEK * self.width, len(self.rows))
            self._append(self.rows[len(self.rows) - back :][: self.width])
            self.gaps.add(day)
            if self.silent >= NO_USAGE_ENDS_DAYS:
                self._end(day)

    def _evaluate_learning(self, day: int, today: float) -> None:
        """While learning, only a large jump of the whole account raises an event."""
        if self.event is not None:
            self._follow(day)
            return
        largest = max(self.series(0, day))
        if (
            today > JUMP_FACTOR * largest
            and today - largest > JUMP_MINIMUMS * self.rules.alert_minimum
        ):
            jump = Evaluation(largest, today - largest, largest, 2 * largest, 1, 1.0)
            self._raise(day, {0: jump}, day)
            self._follow(day, new=True)

    def _tidy(self) -> None:
        """At the end of learning, single large days become bumps and are cut down."""
        for column in range(self.width):
            for i, excess, limit in large_days(self.series(column, self.next_day)):
                day = self.first + i
                self.bumps.setdefault(column, []).append(RecurringSpike(day, excess))
                self._put(day, column, limit)

    def _evaluate(self, day: int, row: Sequence[float]) -> None:
        candidates = columns_to_evaluate(self.rows, self.sums, row, self.rules.alert_minimum)
        event = self.event
        if event is not None:
            candidates |= {c for c, name in enumerate(self.names) if name in event.sums}
        if not candidates:
            return
        hits = self._hits(day, candidates, row)
        if hits:
            self._raise(day, hits, day)
        if self.event is not None:
            self._follow(day, new=bool(hits))

    def _hits(
        self, day: int, candidates: Iterable[int], row: Sequence[float]
    ) -> dict[int, Evaluation]:
        """The columns of a day that stand out and do not belong to the open event."""
        level = median(week_sums(self.series(0, day), 4)) / WEEK
        hits: dict[int, Evaluation] = {}
        cleared = 0.0
        for column in sorted(candidates, reverse=True):  # the account last
            found, spared = self._evaluate_column(day, column, row[column], level, cleared)
            cleared += spared if column else 0.0
            if found.horizon and not self._involved(column):
                hits[column] = found
        return hits

    def _evaluate_column(
        self, day: int, column: int, amount: float, level: float, cleared: float
    ) -> tuple[Evaluation, float]:
        """Evaluate a column of a day; also returns the money that recurring patterns explain.

        ``cleared`` is what recurring patterns of the services explain of the account.
        """
        measure = self._measure(column, level)
        values = self.series(column, day)
        found = evaluate(values, amount, measure, self.rules)
        spared = 0.0
        if found.excess > max(MIN_BUMP_SPREADS * found.spread, 0.15 * found.expected + 2):
            bumps = remembered(self.bumps.get(column, ()), day)
            spared = due_charge(bumps, day, found.excess, lasts=self._involved(column))
            if not spared and is_recurring_pattern(bumps, day, found.excess, self.rules):
                spared = max(amount - found.cap, 0.0)
            if column == 0:
                spared = min(max(spared, cleared), found.excess)
            if not self._involved(column) or found.excess > 2 * self._typical(column):
                self.bumps[column] = [*bumps, RecurringSpike(day, found.excess)]
            if spared > 0:
                self.usual.setdefault(day, {})[column] = spared
                found = evaluate(values, amount - spared, measure, self.rules)
        if found.horizon == 1 and self._catches_up(day, column, found.excess):
            found = found._replace(horizon=0, score=0.0)
        self._put(day, column, min(amount - spared, found.cap))
        return found, spared

    def _catches_up(self, day: int, column: int, excess: float) -> bool:
        """Whether the days before lack what this one has in excess: a job or a bill that was late."""
        lacking = 0.0
        for earlier in range(max(day - CATCH_UP_DAYS, self.first + WEEK), day):
            expected = expected_day(self.series(column, earlier))
            lacking += max(expected - self.amount(earlier, column), 0.0)
        return lacking >= CATCH_UP_SHARE * excess

    def _measure(self, column: int, level: float) -> Measure:
        alert_minimum = self.rules.alert_minimum
        slow = self.rules.slow_money * alert_minimum
        peak = max((bump.excess for bump in self.recent(column)), default=0.0)
        if column == 0:
            return Measure(1.0, alert_minimum, slow, service=False, peak=peak)
        least = max(alert_minimum, self.rules.account_share * level)
        slow = max(slow, self.rules.slow_share * level)
        return Measure(max(1.0, 0.01 * level), least, slow, service=True, peak=peak)

    def recent(self, column: int) -> list[RecurringSpike]:
        """The bumps of a column that still have an effect."""
        oldest = self.next_day - FORGOTTEN_DAYS
        return [bump for bump in self.bumps.get(column, ()) if bump.day >= oldest]

    # A day that was evaluated before

    def restate(self, day: int, usage: Mapping[str, float], evaluated: int) -> None:
        """Takes the amounts of some services of a past day as they are known now.

        ``evaluated`` is the day that is evaluated next. A day that had no usage is filled; one that
        has grown is evaluated again, so that what came late still raises an event.
        """
        columns = [self.names.index(service) for service in usage]
        if self.begin is None or not max(self.first, self.begin) <= day < self.next_day:
            return
        amounts = dict(zip(columns, usage.values(), strict=True))
        if day in self.gaps:
            self.gaps.discard(day)
            amounts = {column: amounts.get(column, 0.0) for column in range(1, self.width)}
            amounts[0] = math.fsum(amounts.values())
        else:
            change = math.fsum(x - self.amount(day, c) for c, x in amounts.items())
            amounts[0] = self.amount(day, 0) + change
        grown = amounts[0] > self.amount(day, 0)
        for column, amount in amounts.items():
            self._know(day, column, amount)
        if grown and self._counted(day) is None:
            self._evaluate_again(day, amounts, evaluated)

    def _counted(self, day: int) -> Event | None:
        """The event that a day belongs to."""
        for event in (self.event, self.before):
            if event is not None and day in event.shares:
                return event
        return None

    def _know(self, day: int, column: int, amount: float) -> None:
        """Set an amount: on a day of an event it changes the excess, else what is normal."""
        event, name = self._counted(day), self.names[column]
        if event is not None and name in event.sums:
            change = amount - self.amount(day, column)
            event.sums[name] += change
            taken = self.taken.setdefault(day, {})
            taken[column] = taken.get(column, 0.0) + change
            return
        self._put(day, column, amount)
        for kept in (self.taken, self.usual):
            kept.get(day, {}).pop(column, None)

    def _evaluate_again(self, day: int, amounts: Mapping[int, float], evaluated: int) -> None:
        young = day - (self.begin or 0) < LEARNING_DAYS
        if young or evaluated - day > REEVALUATED_DAYS:
            return
        row = [self.amount(day, column) for column in range(self.width)]
        hits = self._hits(day, amounts, row)
        if not hits:
            return
        if self.event is not None:
            self._join(self.event, day, hits)
            return
        self._raise(day, hits, evaluated)
        for later in range(day, self.next_day):
            if later not in self.gaps:
                self._follow(later, new=later == day)

    def _join(self, event: Event, day: int, hits: Iterable[int]) -> None:
        """Add a single past day to the open event."""
        event.start = day if event.start - ENDS_AFTER_DAYS <= day < event.start else event.start
        event.shares[day] = median(list(event.shares.values()))
        for column in hits:
            normal = expected_day(self.series(column, day))
            excess = self.unexplained(day, column) - normal
            name = self.names[column]
            event.sums[name] = event.sums.get(name, 0.0) + excess
            self._put(day, column, normal)
