"""Detects events in one account: evaluates each day, and again when it is restated.

The state of a detector lives for one replay and does not grow with its length: 91 days of amounts
as 32-bit floats, what was taken out of them, and a few recurring spikes.
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
from services.analysis.detection.event_tracker import ENDS_AFTER_DAYS
from services.analysis.detection.move_tracker import MoveTracker
from services.analysis.detection.prefilter import columns_to_evaluate
from services.analysis.detection.recurring_patterns import (
    RecurringSpike,
    due_charge,
    is_recurring_pattern,
    remembered,
)
from services.analysis.detection.rules import LEARNING_DAYS, Rules

SILENT_DAYS = 28
"""After this many days without usage, an account that returns is learned from scratch."""
NO_USAGE_ENDS_DAYS = 7
"""After this many days without usage, an open event has ended."""
MIN_SPIKE_SPREADS = 3.0
"""An excess of this many spreads is remembered as a spike."""
FORGOTTEN_DAYS = 220
"""Spikes older than this have no effect: this is how much history is replayed, so the result does not
depend on the day from which a replay started."""
REEVALUATED_DAYS = 30
"""A day that is restated within this time is evaluated again."""
CATCH_UP_DAYS, CATCH_UP_SHARE = 2, 0.6
"""When the days just before lack this share of an excess, it is a job or a bill that was late."""
JUMP_DAYS, JUMP_FACTOR, JUMP_MINIMUMS = 14, 4.0, 8.0
"""While learning, after this many days: an event must exceed the largest day by this factor, and by
this many alert minimums."""


class AccountDetector(MoveTracker):
    """The state of one account in the middle of a replay."""

    def __init__(self, rules: Rules, services: Iterable[str] = ()) -> None:
        super().__init__(rules, services)
        self.silent = 0
        """Days without usage in a row, so far."""

    def _forget(self) -> None:
        self._empty()
        self.spikes = {}
        self.moving, self.moved = {}, []
        self.event = self.before = None

    # New days

    def evaluate(self, day: int, row: Sequence[float]) -> None:
        """Evaluate the day after the last one; ``row``: its amounts in the order of ``names``.

        A day without any usage is not evaluated: the source may be late, or the account closed.
        """
        if row[0] <= 0:
            self._missing(day)
            return
        if self.begin is None or self.silent >= SILENT_DAYS:
            self._end(day)
            self.begin, self.first = day, day
            self._forget()
        self.silent = 0
        for column, first in self._settle_moves(day, row):
            self._evaluate_again(first, {column: self.amount(first, column)}, day)
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
        """Raise an event only on a large jump of the whole account, while too little is known."""
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
        """At the end of learning, remember single large days as spikes and cap them."""
        for column in range(self.width):
            for i, excess, limit in large_days(self.series(column, self.next_day)):
                day = self.first + i
                self.spikes.setdefault(column, []).append(RecurringSpike(day, excess))
                self._put(day, column, limit)

    def _evaluate(self, day: int, row: Sequence[float]) -> None:
        candidates = columns_to_evaluate(self.rows, self.sums, row, self.rules.alert_minimum)
        event = self.event
        if event is not None:
            candidates |= {c for c, name in enumerate(self.names) if name in event.sums}
        if not candidates:
            return
        candidates -= self._begin_moves(day, row, candidates)
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
        explained_by_services = 0.0
        for column in sorted(candidates, reverse=True):  # the account last
            evaluation, explained = self._evaluate_column(
                day, column, row[column], level, explained_by_services
            )
            explained_by_services += explained if column else 0.0
            if evaluation.horizon and not self._is_in_event(column):
                hits[column] = evaluation
        return hits

    def _evaluate_column(
        self, day: int, column: int, amount: float, level: float, explained_by_services: float
    ) -> tuple[Evaluation, float]:
        """Evaluate a column of a day; also returns the money that recurring patterns explain.

        ``explained_by_services``: the money of the account that patterns of its services explain.
        """
        measure = self._measure(column, level)
        values = self.series(column, day)
        evaluation = evaluate(values, amount, measure, self.rules)
        explained = 0.0
        if evaluation.excess > max(
            MIN_SPIKE_SPREADS * evaluation.spread, 0.15 * evaluation.expected + 2
        ):
            spikes = remembered(self.spikes.get(column, ()), day)
            explained = due_charge(spikes, day, evaluation.excess, lasts=self._is_in_event(column))
            if not explained and is_recurring_pattern(spikes, day, evaluation.excess, self.rules):
                explained = max(amount - evaluation.cap, 0.0)
            if column == 0:
                explained = min(max(explained, explained_by_services), evaluation.excess)
            if not self._is_in_event(column) or evaluation.excess > 2 * self._typical(column):
                self.spikes[column] = [*spikes, RecurringSpike(day, evaluation.excess)]
            if explained > 0:
                self.usual.setdefault(day, {})[column] = explained
                evaluation = evaluate(values, amount - explained, measure, self.rules)
        if evaluation.horizon == 1 and self._catches_up(day, column, evaluation.excess):
            evaluation = evaluation._replace(horizon=0, score=0.0)
        self._put(day, column, min(amount - explained, evaluation.cap))
        return evaluation, explained

    def _catches_up(self, day: int, column: int, excess: float) -> bool:
        """Whether the days before lack the excess of this one: a job or a bill that was late."""
        lacking = 0.0
        for earlier in range(max(day - CATCH_UP_DAYS, self.first + WEEK), day):
            expected = expected_day(self.series(column, earlier))
            lacking += max(expected - self.amount(earlier, column), 0.0)
        return lacking >= CATCH_UP_SHARE * excess

    def _measure(self, column: int, level: float) -> Measure:
        alert_minimum = self.rules.alert_minimum
        slow = self.rules.slow_money * alert_minimum
        peak = max((spike.excess for spike in self.recent_spikes(column)), default=0.0)
        if column == 0:
            return Measure(1.0, alert_minimum, slow, is_service=False, peak=peak)
        min_excess = max(alert_minimum, self.rules.account_share * level)
        slow = max(slow, self.rules.slow_share * level)
        return Measure(max(1.0, 0.01 * level), min_excess, slow, is_service=True, peak=peak)

    def recent_spikes(self, column: int) -> list[RecurringSpike]:
        """The spikes of a column that still have an effect."""
        oldest = self.next_day - FORGOTTEN_DAYS
        return [spike for spike in self.spikes.get(column, ()) if spike.day >= oldest]

    # Restated days

    def restate(self, day: int, usage: Mapping[str, float], evaluated: int) -> None:
        """Replace the amounts of some services of a past day.

        ``evaluated`` is the day that is evaluated next. A day that had no usage is filled; a day
        that has grown is evaluated again, so that late costs still raise an event.
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
        has_grown = amounts[0] > self.amount(day, 0)
        amounts = self._restate_moved(day, amounts)
        for column, amount in amounts.items():
            self._set_amount(day, column, amount)
        if has_grown and self._event_of(day) is None:
            self._evaluate_again(day, amounts, evaluated)

    def _event_of(self, day: int) -> Event | None:
        """The event that a day belongs to."""
        for event in (self.event, self.before):
            if event is not None and day in event.shares:
                return event
        return None

    def _set_amount(self, day: int, column: int, amount: float) -> None:
        """Set an amount: on a day of an event it changes the excess, else what is normal."""
        event, name = self._event_of(day), self.names[column]
        if event is not None and name in event.sums:
            change = amount - self.amount(day, column)
            event.sums[name] += change
            taken = self.taken.setdefault(day, {})
            taken[column] = taken.get(column, 0.0) + change
            return
        self._put(day, column, amount)
        for removed in (self.taken, self.usual):
            removed.get(day, {}).pop(column, None)

    def _evaluate_again(self, day: int, amounts: Mapping[int, float], evaluated: int) -> None:
        is_learning = day - (self.begin or 0) < LEARNING_DAYS
        if is_learning or evaluated - day > REEVALUATED_DAYS:
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
