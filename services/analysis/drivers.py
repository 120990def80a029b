"""Why a cost changed: line by line, adding up exactly.

Deterministic, in decimals: usage by service, then the other charges by category. Nothing is left
out: what is not named is the last line.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from services.analysis.detection.replay import Detected
from services.analysis.figures import amount_over
from services.model import Category, CostSeries, DaySpan, Window

ZERO = Decimal(0)
MOST_LINES = 8
MASKED_SHARE = Decimal("0.3")
"""Ups and downs that cancel this share of all movement hide something."""
FEWEST_ACCOUNTS = 5
TOGETHER_SHARE = Decimal("0.25")
"""A move is shared when it is one of so many accounts, and of this share of those that use it."""
MOVED_SHARE = Decimal("0.05")
"""A service that changes by less of its cost has not moved."""

Kind = Literal["new", "gone", "grown", "shrunk", "same"]


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a change: a service's usage, or all charges of another category."""

    name: str
    """The service, or the category's name."""
    category: Category
    previous: Decimal
    current: Decimal

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def kind(self) -> Kind:
        """How it changed; new and gone are from and to nothing."""
        if self.change == 0:
            return "same"
        if self.previous == 0:
            return "new"
        if self.current == 0:
            return "gone"
        return "grown" if self.change > 0 else "shrunk"

    @property
    def one_off(self) -> bool:
        """Whether it is no usage: a fee, tax, credit or refund."""
        return self.category is not Category.USAGE


@dataclass(frozen=True, slots=True)
class Explanation:
    """A change from one stretch of days to another, taken apart.

    ``previous`` + the changes of all lines = ``current``, exactly.
    """

    window: Window
    previous: Decimal
    current: Decimal
    lines: tuple[Line, ...]
    """All of them, largest absolute change first."""

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def usage_change(self) -> Decimal:
        return sum((line.change for line in self.lines if not line.one_off), ZERO)

    @property
    def one_off_change(self) -> Decimal:
        """Of fees, tax, credits and refunds."""
        return sum((line.change for line in self.lines if line.one_off), ZERO)

    @property
    def up(self) -> Decimal:
        """Everything that grew."""
        return sum((line.change for line in self.lines if line.change > 0), ZERO)

    @property
    def down(self) -> Decimal:
        """Everything that shrank, as a positive amount."""
        return -sum((line.change for line in self.lines if line.change < 0), ZERO)

    @property
    def hidden(self) -> Decimal:
        """Money by which ups and downs cancel, when that is much of all movement; else zero."""
        least = min(self.up, self.down)
        return least if least >= MASKED_SHARE * (self.up + self.down) and least > 0 else ZERO

    def top(self, most: int = MOST_LINES) -> tuple[tuple[Line, Decimal], ...]:
        """The largest lines, each with the running total after it."""
        running, found = self.previous, []
        for line in self.lines[:most]:
            running += line.change
            found.append((line, running))
        return tuple(found)

    def others(self, most: int = MOST_LINES) -> tuple[int, Decimal]:
        """How many lines ``top`` leaves out, and their change together."""
        rest = self.lines[most:]
        return len(rest), sum((line.change for line in rest), ZERO)

    def explains(self, lines: int = 1) -> int | None:
        """Percent of the movement in the direction of the change that its largest lines make up.

        Rounded down, so that 100 means all of it. None when nothing changed.
        """
        if self.change == 0:
            return None
        up = self.change > 0
        moved = self.up if up else self.down
        largest = [abs(line.change) for line in self.lines if (line.change > 0) == up]
        return _percent(sum(largest[:lines], ZERO), moved)


def explain(span: DaySpan, series: Sequence[CostSeries], window: Window) -> Explanation:
    """Takes apart the change of an account's net cost; ``window`` may reach beyond ``span``."""
    sums: dict[tuple[Category, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for one in series:
        category = one.category or Category.USAGE
        name = one.service if category is Category.USAGE else category.value
        for place, part in enumerate((window.previous, window.current)):
            begin = (part.first - span.first).days
            sums[category, name][place] += amount_over(one.amounts, begin, len(part))
    lines = [Line(name, category, *pair) for (category, name), pair in sums.items() if any(pair)]
    return Explanation(
        window=window,
        previous=sum((line.previous for line in lines), ZERO),
        current=sum((line.current for line in lines), ZERO),
        lines=tuple(
            sorted(lines, key=lambda line: (-abs(line.change), line.category.value, line.name))
        ),
    )


@dataclass(frozen=True, slots=True)
class SharedMove:
    """A service whose cost moved the same way in many accounts: a price, not a team."""

    service: str
    up: bool
    accounts: tuple[str, ...]
    change: Decimal
    """Of these accounts together."""


def shared_moves(explanations: Mapping[str, Explanation]) -> tuple[SharedMove, ...]:
    """The moves of usage that many of these accounts share, largest first."""
    using: dict[str, int] = defaultdict(int)
    moved: dict[tuple[str, bool], dict[str, Decimal]] = defaultdict(dict)
    for account, one in explanations.items():
        for line in one.lines:
            if line.one_off:
                continue
            using[line.name] += 1
            if abs(line.change) > MOVED_SHARE * max(line.previous, line.current):
                moved[line.name, line.change > 0][account] = line.change
    found = [
        SharedMove(service, up, tuple(sorted(changes)), sum(changes.values(), ZERO))
        for (service, up), changes in moved.items()
        if len(changes) >= FEWEST_ACCOUNTS
        and len(changes) >= TOGETHER_SHARE * using[service]
        and len(changes) > len(moved.get((service, not up), {})) * 2
    ]
    return tuple(sorted(found, key=lambda move: (-abs(move.change), move.service)))


@dataclass(frozen=True, slots=True)
class ExcessLine:
    """A part of an anomaly's excess; ``service`` is empty for what no service is named for."""

    service: str
    excess: Decimal
    percent: int
    """Of the excess, rounded down."""


def excess_lines(event: Detected, most: int = 3) -> tuple[ExcessLine, ...]:
    """The services behind an anomaly, largest first; with the rest they add up to its excess."""
    named = [(service, x) for service, x in event.services if x > 0][:most]
    rest = event.excess - sum((x for _, x in named), ZERO)
    lines = [*named, *([("", rest)] if rest else [])]
    return tuple(ExcessLine(name, x, _percent(x, event.excess)) for name, x in lines)


def _percent(part: Decimal, whole: Decimal) -> int:
    if whole <= 0:
        return 0
    return int((part / whole * 100).to_integral_value(ROUND_DOWN))
