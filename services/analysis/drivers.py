"""Why a cost changed, line by line: usage by service, then the other charges by category.

In decimals, so that the lines add up exactly; nothing is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.domain import (
    Category,
    ChangeLine,
    Explanation,
    SharedMove,
    cents,
    whole_percent,
)

ZERO = Decimal(0)
MIN_SHARED_ACCOUNTS = 5
MIN_SHARED_FRACTION = Decimal("0.25")
"""A move is shared when so many accounts make it, and this fraction of those that use the service."""
MIN_MOVED_FRACTION = Decimal("0.05")
"""A service that changes by a smaller fraction of its cost has not moved."""


def explained(sums: Iterable[tuple[Category, str, Decimal, Decimal]]) -> Explanation:
    """Explain a change from (category, service, previous, current) of all its parts."""
    pairs: dict[tuple[Category, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for category, service, previous, current in sums:
        name = service if category is Category.USAGE else category.value
        pairs[category, name][0] += previous
        pairs[category, name][1] += current
    lines = [
        ChangeLine(name, category, *pair) for (category, name), pair in pairs.items() if any(pair)
    ]
    return Explanation(
        previous=sum((line.previous for line in lines), ZERO),
        current=sum((line.current for line in lines), ZERO),
        lines=tuple(
            sorted(lines, key=lambda line: (-abs(line.change), line.category.value, line.name))
        ),
    )


@dataclass(slots=True)
class SharedMoves:
    """Finds the moves of usage that many accounts share; keeps sums, not accounts, in memory."""

    _using: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _moved: dict[tuple[str, bool], tuple[int, Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: (0, ZERO))
    )

    def add(self, explanation: Explanation) -> None:
        """Add an account."""
        for line in explanation.lines:
            if line.one_off:
                continue
            self._using[line.name] += 1
            if abs(line.change) > MIN_MOVED_FRACTION * max(line.previous, line.current):
                key = (line.name, line.change > 0)
                number, change = self._moved[key]
                self._moved[key] = number + 1, change + line.change

    def largest(self) -> tuple[SharedMove, ...]:
        """The shared moves, largest first."""
        moves = [
            SharedMove(service, up, number, self._using[service], change)
            for (service, up), (number, change) in self._moved.items()
            if number >= MIN_SHARED_ACCOUNTS
            and number >= MIN_SHARED_FRACTION * self._using[service]
            and number > self._moved.get((service, not up), (0, ZERO))[0] * 2
        ]
        return tuple(sorted(moves, key=lambda move: (-abs(move.change), move.service)))


@dataclass(frozen=True, slots=True)
class ExcessLine:
    """A part of an anomaly's excess; ``service`` is empty for the rest."""

    service: str
    excess: Decimal
    percent: int
    """Share of the excess, rounded half up; 100 only for all of it."""


def excess_lines(
    excess: Decimal, shares: Sequence[tuple[str, Decimal]], most: int = 3
) -> tuple[ExcessLine, ...]:
    """The services behind an anomaly, largest first, and the rest; they add up to its excess."""
    named = [(service, x) for service, x in shares if x > 0][:most]
    rest = excess - sum((x for _, x in named), ZERO)
    lines = [*named, *([("", rest)] if rest else [])]
    return tuple(ExcessLine(name, x, whole_percent(cents(x), cents(excess))) for name, x in lines)
