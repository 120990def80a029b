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
from services.analysis.detection.event import SPIKE_DAYS, Event, diffuse
from services.analysis.detection.prefilter import columns_to_evaluate
from services.analysis.detection.recurring_patterns import (
    RecurringSpike,
    due_charge,
    is_recurring_pattern,
    remembered,
)
from services.analysis.detection.rows import BACK_DAYS, Rows
from services.analysis.detection.rules import LEARNING_DAYS, WINDOW, Rules

ENDS_AFTER_DAYS = 3
"""How many days without excess end an event."""
SILENT_DAYS = 28
"""After so many days without usage, an account that returns is learned anew."""
NO_USAGE_ENDS_DAYS = 7
"""After so many, an open event has ended."""
MIN_BUMP_SPREADS = 3.0
"""From so many spreads on an excess is remembered as a bump."""
SPIKE_BACK_DAYS = 14
"""How many days back the onset of a short excess is searched."""
FORGOTTEN_DAYS = 220
"""A bump of so many days ago is as if it had never been: so much history is replayed."""
REEVALUATED_DAYS = 30
"""For how long a restated day is evaluated again."""
MIN_CARRIER_SHARE = 0.15
"""A service belongs to an account's event when it carries this share of the excess."""
MIN_CONTINUED_SHARE = 0.4
"""A day belongs to an event while its excess is this share of the event's usual one."""
CATCH_UP_DAYS, CATCH_UP_SHARE = 2, 0.6
"""An excess of which the days just before lack this share is a job or a bill that was late."""
MAX_SETTLED_CHANGE = 0.1
"""A level that changes by less than this share from week to week has settled."""
MAX_LIFT = 20.0
"""Beyond this factor a new level is added to the old one instead of multiplied."""
MAX_BUMP_EVENT_DAYS = 4
"""A longer event leaves no bumps: it is not a charge that recurs."""
JUMP_DAYS, JUMP_FACTOR, JUMP_MINIMUMS = 14, 4.0, 8.0
"""While learning, after so many days: above the largest day by this factor, and this many minimums."""


class AccountDetector(Rows):
    """What is known of one account in the middle of a replay."""

    def __init__(self, rules: Rules, services: Iterable[str] = ()) -> None:
        super().__init__(services)
        self.rules = rules
        self.begin: int | None = None
        """First day with usage; None before it."""
        self.silent = 0
        """Days without usage in a row, up to now."""
        self.event: Event | None = None
        """The open event."""
        self.before: Event | None = None
        """The event that ended last."""
        self.bumps: dict[int, list[RecurringSpike]] = {}
        """The bumps of the last months, by column."""

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

    def _involved(self, column: int) -> bool:
        return self.event is not None and self.names[column] in self.event.sums

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

    def _typical(self, column: int) -> float:
        """A column's usual excess a day in the open event."""
        event = self.event
        return event.sums[self.names[column]] / len(event.shares) if event else 0.0

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

    # Events

    def _raise(self, day: int, hits: Mapping[int, Evaluation], evaluated: int) -> None:
        """Start an event with what stands out on a day, or add it to the open one."""
        main = max(hits, key=lambda column: (hits[column].score, -column))
        start = self._onset(day, main, hits[main].horizon)
        event, before = self.event, self.before
        if before is not None:
            start = max(start, min(before.last + 1, day))
            if self._goes_on(before, main, day, hits[main].horizon):
                before.ended, event = None, before
        if event is None:
            event = Event(start, evaluated, day, hits[main].horizon, hits[main].score)
        self.event, self.before = event, None
        columns = set(hits)
        if 0 in hits:
            columns |= self._carriers(start, day)
        again = {c for c, name in enumerate(self.names) if name in event.sums and event is before}
        for column in [main, *sorted((columns | again) - {main})]:
            if column in again or not self._involved(column):
                self._freeze(event, column, start, day)

    def _goes_on(self, before: Event, column: int, day: int, horizon: int) -> bool:
        """Whether what stands out continues the event that just ended, after a pause."""
        if before.accepted or self.names[column] not in before.sums:
            return False
        return before.last < day <= before.last + ENDS_AFTER_DAYS + horizon

    def _onset(self, day: int, column: int, horizon: int) -> int:
        """The first day of an excess: where its cumulative sum was smallest.

        Page's CUSUM (1954), applied backwards: the excess, less a part of its present mean.
        """
        back = SPIKE_BACK_DAYS if horizon <= SPIKE_DAYS else BACK_DAYS
        first = max(day - back, (self.begin or 0) + LEARNING_DAYS)
        excess = self._excesses(column, first, day)
        mean = max(math.fsum(excess[-horizon:]) / horizon, 0.0)
        total = least = 0.0
        start = first
        for i, one in enumerate(excess):
            total += one - MIN_CONTINUED_SHARE * mean
            if total <= least:
                least, start = total, first + i + 1
        return min(start, day)

    def _excesses(self, column: int, first: int, last: int) -> list[float]:
        """Excess of each day over what the days before ``first`` predict."""
        values, found = self.series(column, first), []
        for day in range(first, last + 1):
            expected = expected_day(values[-WINDOW:])
            values.append(expected)
            known = day not in self.gaps
            found.append(self.unexplained(day, column) - expected if known else 0.0)
        return found

    def _carriers(self, start: int, day: int) -> set[int]:
        """The services that carry an account's excess."""
        sums = {
            column: math.fsum(self._excesses(column, start, day))
            for column in range(1, self.width)
        }
        carried = math.fsum(x for x in sums.values() if x > 0)
        largest = max(sums, key=lambda column: (sums[column], -column), default=0)
        return {
            largest,
            *(c for c, x in sums.items() if x > 0 and x >= MIN_CARRIER_SHARE * carried),
        } - {0}

    def _freeze(self, event: Event, column: int, start: int, day: int) -> None:
        """Take the days of an event before today out of what is normal of a column."""
        excess = self._excesses(column, start, day)[:-1]
        for d, one in zip(range(start, day), excess, strict=True):
            normal = self.unexplained(d, column) - one
            self._put(d, column, normal)
            event.shares.setdefault(d, one / max(normal, 1.0))
        event.sums[self.names[column]] = event.sums.get(self.names[column], 0.0) + math.fsum(
            excess
        )

    def _follow(self, day: int, *, new: bool = False) -> None:
        """Decide whether a day still belongs to the open event, and whether that has ended."""
        event = self.event
        if event is None:
            return
        columns = [c for c, name in enumerate(self.names) if name in event.sums]
        normal = {c: expected_day(self.series(c, day)) for c in columns}
        excess = {c: self.unexplained(day, c) - normal[c] for c in columns}
        counted = self._counting(event, excess)
        above, usual = sum(excess[c] for c in counted), sum(normal[c] for c in counted)
        yesterday = (day - 1 - self.first) * self.width
        average = sum(self.sums[yesterday + c] / WEEK for c in counted)
        share = above / max(usual, 0.1 * average, 1.0)
        typical = median(list(event.shares.values())) if event.shares else share
        if new or (above > 0 and share >= MIN_CONTINUED_SHARE * typical):
            event.last, event.quiet, event.shares[day] = day, 0, share
            for c in columns:
                event.sums[self.names[c]] += excess[c]
                self._put(day, c, normal[c])
            if 0 not in counted:
                self._put(day, 0, self.unexplained(day, 0) - above)
        elif usual >= 0.35 * average or above >= self.rules.alert_minimum:
            event.quiet += 1
        self._close(event, day)

    def _counting(self, event: Event, excess: Mapping[int, float]) -> list[int]:
        """The columns that measure an event: the whole account, or the services that carry it."""
        services = [c for c in excess if c]
        if 0 not in excess:
            return services
        sums = {c: event.sums[self.names[c]] + x for c, x in excess.items()}
        carried = math.fsum(sums[c] for c in services)
        return [0] if diffuse(sums[0], carried, len(services)) else services

    def _close(self, event: Event, day: int) -> None:
        """End an event that is over, or has become the new normal."""
        if event.quiet >= ENDS_AFTER_DAYS:
            self._end(day)
        elif day - event.start >= self.rules.accept_after and self._settled(event, day):
            self._accept(event, day)

    def _settled(self, event: Event, day: int) -> bool:
        """Whether the excess of the last week equals that of two weeks before, within a tenth."""
        if day - event.start >= self.rules.accept_latest:
            return True
        now = [event.shares[d] for d in range(day - 6, day + 1) if d in event.shares]
        then = [event.shares[d] for d in range(day - 20, day - 13) if d in event.shares]
        if not now or not then:
            return True
        ratio = (1 + sum(now) / len(now)) / (1 + sum(then) / len(then))
        return abs(ratio - 1) < MAX_SETTLED_CHANGE

    def _give_back(self, event: Event, day: int) -> None:
        """Make the days of an event part of what is normal."""
        columns = [c for c, name in enumerate(self.names) if name in event.sums or c == 0]
        for d in range(max(event.start, self.first), day + 1):
            for column in columns:
                if column in self.taken.get(d, {}):
                    self._put(d, column, self.unexplained(d, column))

    def accept(self) -> Event | None:
        """Make the open event's level normal, because somebody said so; return the event."""
        event = self.event
        if event is None:
            return None
        self._accept(event, self.next_day - 1)
        self.before = None  # what stands out tomorrow is another event
        return event

    def _accept(self, event: Event, day: int) -> None:
        """End an event as the new normal.

        What was normal before it is lifted as well, or the new level would stand out for weeks.
        """
        lifts = {c: self._lift(event, c) for c in range(self.width)}
        self._give_back(event, day)
        for d in range(self.first, min(event.start, self.next_day)):
            for column, (factor, money) in lifts.items():
                normal = self.rows[(d - self.first) * self.width + column]
                self._put(d, column, normal * factor + money)
                self.taken.get(d, {}).pop(column, None)
        event.accepted = True
        self._end(day)

    def _lift(self, event: Event, column: int) -> tuple[float, float]:
        """By which factor, or else by how much money a day, an event has raised a column."""
        days = [d for d in sorted(event.shares)[-WEEK:] if d >= self.first]
        if not days or (column and self.names[column] not in event.sums):
            return 1.0, 0.0
        now = math.fsum(self.unexplained(d, column) for d in days)
        normal = math.fsum(self.rows[(d - self.first) * self.width + column] for d in days)
        if normal > 0 and now < MAX_LIFT * normal:
            return now / normal, 0.0
        return 1.0, (now - normal) / len(days)

    def _end(self, day: int) -> None:
        event = self.event
        if event is None:
            return
        event.ended = day
        if event.last - event.start >= MAX_BUMP_EVENT_DAYS:
            for column, bumps in self.bumps.items():
                if self._involved(column):
                    most = 2 * self._typical(column)
                    self.bumps[column] = [
                        bump
                        for bump in bumps
                        if not event.start <= bump.day <= event.last or bump.excess > most
                    ]
        self.before, self.event = event, None
