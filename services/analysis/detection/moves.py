"""Costs that move from one name to another on one day, with their sum unchanged.

A service that is renamed, or a workload that goes to another account, looks like a fall and a
rise. Neither is one. Amounts are daily floats; nothing later than the given days is used.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

from services.analysis.detection.baseline import WEEK, WEEK_DEVIATION, median
from services.domain import DaySpan, ServiceMove, cents

MIN_MONEY = 25.0
"""What falls and what rises, in money a day, at least."""
MAX_DIFFERENCE = 0.05
"""By which share of the larger one they may differ, beyond what chance does to their sum."""
CHANCE = 2.0
"""So many standard deviations of the sum's mean are chance. Without them one rename in six would be
missed on its first day in an account whose days vary by 3%."""
MIN_DAYS = 3
WEEKS_BEFORE = 4
"""Weeks before a day whose same weekdays say what is expected of it."""
SPREAD_DAYS = 28
MIN_SPREAD = 0.05
"""Smallest spread of a series, as a share of what is expected of it; as in detection."""
SPREADS = 3.0
"""A sum within so many spreads is usual; a fall or a rise beyond them is not."""
HELD_SHARE = 0.5
"""A move lasts while at least this share of it is there."""


@dataclass(frozen=True, slots=True)
class Move:
    """What went from one name to another."""

    source: str
    target: str
    first: date
    last: date
    """The last known day on which it holds."""
    amount: float
    """Money a day, on average of the first days."""
    share: float
    """Which share of what was under the old name; 1 for all of it."""


class _Step:
    """How far a series is from what was expected before a day, on that day and around it."""

    def __init__(self, amounts: Sequence[float], at: int) -> None:
        self._amounts, self._at = amounts, at
        before = range(max(at - SPREAD_DAYS, WEEK), at)
        steps = [abs(amounts[i] - amounts[i - WEEK]) for i in before]
        self.noise = median(steps) * WEEK_DEVIATION if steps else 0.0

    def expected(self, day: int) -> float:
        """The middle of the same weekdays in the weeks before the step."""
        weeks = max(math.ceil((day - self._at + 1) / WEEK), 1)
        newest = day - WEEK * weeks
        same = [i for i in range(newest, newest - WEEKS_BEFORE * WEEK, -WEEK) if i >= 0]
        return median([self._amounts[i] for i in same])

    def change(self, day: int) -> float:
        return self._amounts[day] - self.expected(day)

    def spread(self, day: int) -> float:
        return max(self.noise, MIN_SPREAD * abs(self.expected(day)) + 1.0)


def find_moves(
    span: DaySpan, series: Mapping[str, Sequence[float]], since: date | None = None
) -> tuple[Move, ...]:
    """The moves among some series that began on ``since`` or later, oldest first; NaN is zero.

    At least a week before a move has to be known, and the three days from it on.
    """
    known = {name: [0.0 if math.isnan(x) else x for x in row] for name, row in series.items()}
    first = WEEK if since is None else max((since - span.first).days, WEEK)
    changes = _changes(known, range(first, len(span) - MIN_DAYS + 1))
    moves: list[Move] = []
    for at in sorted(changes):
        falls = [change for change in changes[at] if change.mean < 0]
        rises = [change for change in changes[at] if change.mean > 0]
        # A move in the middle of a day has a second step on the next one.
        day = span.first + timedelta(days=at)
        taken = {n for m in moves if (day - m.first).days < MIN_DAYS for n in (m.source, m.target)}
        for fall, rise in product(falls, rises):
            if taken & {fall.name, rise.name} or not fall.may_equal(rise):
                continue
            names = fall.name, rise.name
            move = move_on(span, names, (known[fall.name], known[rise.name]), at)
            if move is not None:
                moves.append(move)
                taken |= {*names}
    return tuple(moves)


@dataclass(frozen=True, slots=True)
class _Change:
    """By how much a series differs from what was expected, on average of the first days."""

    name: str
    mean: float
    noise: float

    def may_equal(self, other: "_Change") -> bool:
        larger = max(abs(self.mean), abs(other.mean))
        return abs(self.mean + other.mean) <= (
            MAX_DIFFERENCE * larger + CHANCE * (self.noise + other.noise)
        )


def _changes(series: Mapping[str, Sequence[float]], days: range) -> dict[int, list[_Change]]:
    """Day → the series that may have fallen or risen on it: a first look, without pairs."""
    found: dict[int, list[_Change]] = {}
    for name, amounts in series.items():
        for i in days:
            before = amounts[i - WEEK]
            if abs(amounts[i] - before) < max(HELD_SHARE * MIN_MONEY, 2 * MIN_SPREAD * before):
                continue
            step = _Step(amounts, i)
            mean = math.fsum(step.change(i + k) for k in range(MIN_DAYS)) / MIN_DAYS
            if abs(mean) >= MIN_MONEY:
                found.setdefault(i, []).append(_Change(name, mean, step.noise))
    return found


def move_on(
    span: DaySpan,
    names: tuple[str, str],
    series: tuple[Sequence[float], Sequence[float]],
    at: int,
) -> Move | None:
    """The move from the first series to the second that began on the day of an index, if any."""
    held = days_held(series, at)
    if held < MIN_DAYS:
        return None
    amount, share = moved_amount(series, at)
    return Move(
        source=names[0],
        target=names[1],
        first=span.first + timedelta(days=at),
        last=span.first + timedelta(days=at + held - 1),
        amount=amount,
        share=share,
    )


def moved_amount(series: tuple[Sequence[float], Sequence[float]], at: int) -> tuple[float, float]:
    """What the second series gained a day, and which share of itself the first one lost.

    On average of the days after the first, which may be a part of a day; nearly all counts as all.
    """
    source, target = (_Step(amounts, at) for amounts in series)
    end = min(at + MIN_DAYS, len(series[0]))
    days = range(min(at + 1, end - 1), end)
    gained = math.fsum(target.change(day) for day in days) / len(days)
    was = math.fsum(source.expected(day) for day in days)
    share = -math.fsum(source.change(day) for day in days) / was if was > 0 else 1.0
    return gained, 1.0 if share >= 1 - MAX_DIFFERENCE else share


def days_held(series: tuple[Sequence[float], Sequence[float]], at: int) -> int:
    """For how many days from an index on the second series has what the first one lost.

    Zero where it does not: the fall and the rise are no steps of that day, are small or usual, or
    differ, or their sum is unusual. The last known day counts as any other, so fewer days than a
    move needs may only be its beginning.
    """
    days = min(len(series[0]), len(series[1])) - at
    if at < WEEK or days < 1:
        return 0
    source, target = (_Step(amounts, at) for amounts in series)
    judged = range(at, at + min(days, MIN_DAYS))
    fall = -math.fsum(source.change(day) for day in judged) / len(judged)
    rise = math.fsum(target.change(day) for day in judged) / len(judged)
    total = _Step([a + b for a, b in zip(*series, strict=True)], at)
    chance = CHANCE * total.noise / math.sqrt(len(judged))
    was = math.fsum(source.expected(day) for day in judged)
    if (
        was <= 0
        or min(fall, rise) < MIN_MONEY
        or abs(fall - rise) > MAX_DIFFERENCE * max(fall, rise) + chance
    ):
        return 0
    if any(
        change < SPREADS * math.fsum(step.spread(day) for day in judged) / len(judged)
        for change, step in ((fall, source), (rise, target))
    ):
        return 0
    if any(abs(total.change(day)) > SPREADS * total.spread(day) for day in judged):
        return 0
    share = fall * len(judged) / was

    def holds(day: int) -> bool:
        lost = -source.change(day)
        is_lost = lost >= HELD_SHARE * share * source.expected(day)
        return is_lost and target.change(day) >= HELD_SHARE * lost

    before = next(
        (i for i in range(at - 1, max(at - 1 - WEEK, 0), -1) if source.expected(i) > 0), at
    )
    lost = HELD_SHARE * share * source.expected(before)
    if before < at and (-source.change(before) >= lost or target.change(before) >= lost):
        return 0  # one of them, or both, changed earlier
    return next((day - at for day in range(at, at + days) if not holds(day)), days)


def current_names(moves: Iterable[ServiceMove]) -> dict[str, str]:
    """Each service of a move, and the name that its costs have by now; ``moves``: oldest first.

    Where something remained under the old name, both together have both names.
    """
    names: dict[str, str] = {}
    for move in moves:
        both = {names.get(name, name) for name in (move.source, move.target)}
        now = move.target if move.is_whole else f"{move.source} and {move.target}"
        names |= {name: now for name, known in names.items() if known in both}
        names |= {move.source: now, move.target: now}
    return names


def moved_services(
    usage: Mapping[str, Sequence[float]], span: DaySpan, part: DaySpan
) -> tuple[ServiceMove, ...]:
    """The moves of some days of a span, with amounts in cents; oldest first."""
    first = max(span.first, part.first - timedelta(days=WEEKS_BEFORE * WEEK))
    known = DaySpan(first, min(part.last, span.last))
    begin = span.index(first)
    rows = {name: row[begin : begin + len(known)] for name, row in usage.items()}
    return tuple(
        ServiceMove(
            source=move.source,
            target=move.target,
            first=move.first,
            amount=cents(Decimal(repr(move.amount))),
            is_whole=move.share == 1,
        )
        for move in find_moves(known, rows, part.first)
    )
