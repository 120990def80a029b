"""Tracks the events of one account: how one starts, continues, and ends or becomes the new normal."""

import math
from collections.abc import Iterable, Mapping

from services.analysis.detection.baseline import WEEK, Evaluation, expected_day, median
from services.analysis.detection.event import SPIKE_DAYS, Event, diffuse
from services.analysis.detection.recurring_patterns import RecurringSpike
from services.analysis.detection.rows import BACK_DAYS, Rows
from services.analysis.detection.rules import LEARNING_DAYS, WINDOW, Rules

ENDS_AFTER_DAYS = 3
"""How many days without excess end an event."""
SPIKE_BACK_DAYS = 14
"""How many days back to search for the onset of a short excess."""
MIN_CARRIER_SHARE = 0.15
"""A service belongs to an account's event when it carries this share of the excess."""
MIN_CONTINUED_SHARE = 0.4
"""A day belongs to an event while its excess is at least this share of the event's usual one."""
MAX_SETTLED_CHANGE = 0.1
"""A level that changes by less than this share from week to week has settled."""
MAX_LIFT = 20.0
"""Beyond this factor a new level is added to the old one instead of scaling it."""
MAX_SPIKE_EVENT_DAYS = 4
"""A longer event leaves no spikes behind: it is not a recurring charge."""


class EventTracker(Rows):
    """The amounts of an account, with its open event and the one before."""

    def __init__(self, rules: Rules, services: Iterable[str] = ()) -> None:
        super().__init__(services)
        self.rules = rules
        self.begin: int | None = None
        """First day with usage; None before it."""
        self.event: Event | None = None
        """The open event."""
        self.before: Event | None = None
        """The event that ended last."""
        self.spikes: dict[int, list[RecurringSpike]] = {}
        """The spikes of the last months, by column."""
        self.moving: dict[int, tuple[int, int]] = {}
        """Columns whose rise may be a move: column → the one that fell by as much, and the day."""
        self.moved: list[tuple[int, int, int, float]] = []
        """Completed moves: from a column, to a column, first day, share of the first column."""

    def _is_in_event(self, column: int) -> bool:
        return self.event is not None and self.names[column] in self.event.sums

    def _typical(self, column: int) -> float:
        """A column's mean excess per day in the open event."""
        event = self.event
        return event.sums[self.names[column]] / len(event.shares) if event else 0.0

    def _raise(self, day: int, hits: Mapping[int, Evaluation], evaluated: int) -> None:
        """Start an event with what stands out on a day, or add it to the open one."""
        main = max(hits, key=lambda column: (hits[column].score, -column))
        start = self._onset(day, main, hits[main].horizon)
        event, before = self.event, self.before
        if before is not None:
            start = max(start, min(before.last + 1, day))
            if self._resumes(before, main, day, hits[main].horizon):
                before.ended, event = None, before
        if event is None:
            event = Event(start, evaluated, day, hits[main].horizon, hits[main].score)
        self.event, self.before = event, None
        columns = set(hits)
        if 0 in hits:
            columns |= self._carriers(start, day)
        resumed = {
            c for c, name in enumerate(self.names) if name in event.sums and event is before
        }
        for column in [main, *sorted((columns | resumed) - {main})]:
            if column in resumed or not self._is_in_event(column):
                self._remove_from_normal(event, column, start, day)

    def _resumes(self, before: Event, column: int, day: int, horizon: int) -> bool:
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
        total = smallest = 0.0
        start = first
        for i, amount in enumerate(excess):
            total += amount - MIN_CONTINUED_SHARE * mean
            if total <= smallest:
                smallest, start = total, first + i + 1
        return min(start, day)

    def _excesses(self, column: int, first: int, last: int) -> list[float]:
        """Excess of each day over what the days before ``first`` predict."""
        values, excesses = self.series(column, first), []
        for day in range(first, last + 1):
            expected = expected_day(values[-WINDOW:])
            values.append(expected)
            has_usage = day not in self.gaps
            excesses.append(self.unexplained(day, column) - expected if has_usage else 0.0)
        return excesses

    def _carriers(self, start: int, day: int) -> set[int]:
        """The services behind an account's excess: the largest, and all with a notable share."""
        sums = {
            column: math.fsum(self._excesses(column, start, day))
            for column in range(1, self.width)
            if column not in self.moving
        }
        carried = math.fsum(x for x in sums.values() if x > 0)
        largest = max(sums, key=lambda column: (sums[column], -column), default=0)
        return {
            largest,
            *(c for c, x in sums.items() if x > 0 and x >= MIN_CARRIER_SHARE * carried),
        } - {0}

    def _remove_from_normal(self, event: Event, column: int, start: int, day: int) -> None:
        """Take the days of an event before today out of what is normal of a column."""
        excess = self._excesses(column, start, day)[:-1]
        for d, amount in zip(range(start, day), excess, strict=True):
            normal = self.unexplained(d, column) - amount
            self._put(d, column, normal)
            event.shares.setdefault(d, amount / max(normal, 1.0))
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
        measuring = self._measuring_columns(event, excess)
        above, usual = sum(excess[c] for c in measuring), sum(normal[c] for c in measuring)
        yesterday = (day - 1 - self.first) * self.width
        average = sum(self.sums[yesterday + c] / WEEK for c in measuring)
        share = above / max(usual, 0.1 * average, 1.0)
        typical = median(list(event.shares.values())) if event.shares else share
        if new or (above > 0 and share >= MIN_CONTINUED_SHARE * typical):
            event.last, event.quiet, event.shares[day] = day, 0, share
            for c in columns:
                event.sums[self.names[c]] += excess[c]
                self._put(day, c, normal[c])
            if 0 not in measuring:
                self._put(day, 0, self.unexplained(day, 0) - above)
        elif usual >= 0.35 * average or above >= self.rules.alert_minimum:
            event.quiet += 1
        self._close(event, day)

    def _measuring_columns(self, event: Event, excess: Mapping[int, float]) -> list[int]:
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
        elif day - event.start >= self.rules.accept_after and self._has_settled(event, day):
            self._accept(event, day)

    def _has_settled(self, event: Event, day: int) -> bool:
        """Whether the excess of the last week equals that of two weeks before, within a tenth."""
        if day - event.start >= self.rules.accept_latest:
            return True
        now = [event.shares[d] for d in range(day - 6, day + 1) if d in event.shares]
        then = [event.shares[d] for d in range(day - 20, day - 13) if d in event.shares]
        if not now or not then:
            return True
        ratio = (1 + sum(now) / len(now)) / (1 + sum(then) / len(then))
        return abs(ratio - 1) < MAX_SETTLED_CHANGE

    def _restore_days(self, event: Event, day: int) -> None:
        """Make the days of an event part of what is normal."""
        columns = [c for c, name in enumerate(self.names) if name in event.sums or c == 0]
        for d in range(max(event.start, self.first), day + 1):
            for column in columns:
                if column in self.taken.get(d, {}):
                    self._put(d, column, self.unexplained(d, column))

    def accept(self) -> Event | None:
        """Make the open event's level normal, because somebody accepted it; return the event."""
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
        self._restore_days(event, day)
        for d in range(self.first, min(event.start, self.next_day)):
            for column, (factor, money) in lifts.items():
                normal = self.rows[(d - self.first) * self.width + column]
                self._put(d, column, normal * factor + money)
                self.taken.get(d, {}).pop(column, None)
        event.accepted = True
        self._end(day)

    def _lift(self, event: Event, column: int) -> tuple[float, float]:
        """The factor, or else the money per day, by which an event has raised a column."""
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
        if event.last - event.start >= MAX_SPIKE_EVENT_DAYS:
            for column, spikes in self.spikes.items():
                if self._is_in_event(column):
                    max_excess = 2 * self._typical(column)
                    self.spikes[column] = [
                        spike
                        for spike in spikes
                        if not event.start <= spike.day <= event.last or spike.excess > max_excess
                    ]
        self.before, self.event = event, None
