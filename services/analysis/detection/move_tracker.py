"""Keeps moves from one service to another out of detection.

What has moved is no excess: the service that now has it gets the past of the one that had it. Until
a move has lasted long enough, its service is not evaluated; if it breaks off before, it is evaluated
as if nothing had been held back.
"""

from collections.abc import Iterable, Mapping, Sequence

from services.analysis.detection.baseline import WEEK
from services.analysis.detection.event_tracker import EventTracker
from services.analysis.detection.moves import (
    HELD_SHARE,
    MIN_DAYS,
    MIN_MONEY,
    days_held,
    moved_amount,
)

HISTORY_DAYS = 42
"""How many days before a move say what was usual."""


class MoveTracker(EventTracker):
    """The amounts of an account with its open event, and the moves that have just begun."""

    def _settle_moves(self, day: int, row: Sequence[float]) -> list[tuple[int, int]]:
        """Complete the moves that have lasted long enough on a new day, before it is appended.

        Returns (column, first day) of those that broke off.
        """
        broken = []
        for target, (source, first) in list(self.moving.items()):
            series = self._amounts(source, day, row), self._amounts(target, day, row)
            at = len(series[0]) - 1 - (day - first)
            held = days_held(series, at)
            if held > day - first and held < MIN_DAYS:
                continue
            del self.moving[target]
            if held < MIN_DAYS:
                broken.append((target, first))
            else:
                self._take_over(source, target, first, moved_amount(series, at)[1])
        return broken

    def _begin_moves(self, day: int, row: Sequence[float], rising: Iterable[int]) -> set[int]:
        """Find the moves that begin on the day added last; return what is not to be evaluated."""
        if self.next_day - self.first > WEEK:
            width = self.width
            before = self.rows[-(WEEK + 1) * width : -WEEK * width]
            min_change = HELD_SHARE * MIN_MONEY
            fallen = [c for c in range(1, width) if before[c] - row[c] >= min_change]
            for target in rising:
                if target and fallen and not (target in self.moving or self._is_in_event(target)):
                    self._begin_move(day, row, target, fallen)
        return set(self.moving)

    def _begin_move(self, day: int, row: Sequence[float], target: int, fallen: list[int]) -> None:
        for source in fallen:
            if source == target or self._is_in_event(source):
                continue
            series = self._amounts(source, day, row), self._amounts(target, day, row)
            if days_held(series, len(series[0]) - 1):
                self.moving[target] = source, day
                return

    def _amounts(self, column: int, day: int, row: Sequence[float]) -> list[float]:
        """What was normal of the days before a day, and the amount of that day."""
        first, width = max(self.first, day - HISTORY_DAYS), self.width
        begin, end = ((d - self.first) * width + column for d in (first, day))
        return [*self.rows[begin:end:width], row[column]]

    def _take_over(self, source: int, target: int, first: int, share: float) -> None:
        """Give a column the past of another one, or a share of it, up to the day before a move."""
        for d in range(self.first, first):
            normal = self.rows[(d - self.first) * self.width + source]
            self._put(d, source, normal * (1 - share))
            self._put(
                d, target, self.rows[(d - self.first) * self.width + target] + normal * share
            )
        self.moved.append((source, target, first, share))
        if share == 1:
            self.spikes[target] = [*self.spikes.pop(source, ()), *self.spikes.get(target, ())]

    def _restate_moved(self, day: int, amounts: Mapping[int, float]) -> dict[int, float]:
        """Restate a day from before a move: what has moved since is in the past of its new name.

        Returns the amounts of the other columns.
        """
        rest = dict(amounts)
        for source, target, first, share in self.moved:
            if day >= first or source not in rest:
                continue
            amount = rest.pop(source)
            change = amount - self.amount(day, source)
            at = (day - self.first) * self.width
            self._put(day, target, self.rows[at + target] + share * change)
            self._put(day, source, self.rows[at + source] + (1 - share) * change)
            taken = self.taken.setdefault(day, {})
            taken[source] = taken.get(source, 0.0) + change
        return rest
