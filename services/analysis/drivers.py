"""Why a cost changed, line by line: usage by service, then the other charges by category.

In decimals, so that the lines add up exactly; nothing is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.domain import Category, ChangeLine, Explanation, cents, moved, whole_percent

ZERO = Decimal(0)


def explained(sums: Iterable[tuple[Category, str, Decimal, Decimal]]) -> Explanation:
    """Explain a change from (category, service, previous, current) of all its parts."""
    pairs: dict[tuple[Category, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    partial = set()
    for category, service, previous, current in sums:
        name = service if category is Category.USAGE else category.value
        pairs[category, name][0] += previous
        pairs[category, name][1] += current
        if category is not Category.USAGE and moved(current, previous):
            partial.add((Category.USAGE, service))
    lines = [
        ChangeLine(name, category, previous, current, is_part=(category, name) in partial)
        for (category, name), (previous, current) in pairs.items()
        if previous or current
    ]
    return Explanation(
        previous=sum((line.previous for line in lines), ZERO),
        current=sum((line.current for line in lines), ZERO),
        lines=tuple(
            sorted(lines, key=lambda line: (-abs(line.change), line.category.value, line.name))
        ),
    )


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
