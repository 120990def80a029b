"""Amounts of two windows added up: by service, by charge category, and for all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services.domain import Category, CategoryAmounts, CostSeries, ServiceChange

ZERO = Decimal(0)


def change_percent(current: Decimal, previous: Decimal) -> Decimal | None:
    """(current − previous) / |previous| × 100, unrounded.

    None from nothing to something ("new spend"); zero from nothing to nothing.
    """
    if previous == 0:
        return ZERO if current == 0 else None
    return (current - previous) / abs(previous) * 100


@dataclass(slots=True)
class Pair:
    """What was spent in the current and in the previous window."""

    current: Decimal = ZERO
    previous: Decimal = ZERO

    def add(self, current: Decimal, previous: Decimal) -> None:
        self.current += current
        self.previous += previous


@dataclass(slots=True)
class AccountSums:
    """The series of an account, added up in every way that its figures need."""

    services: dict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    usages: dict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    """Usage alone, by the name that it has now, as are the lines."""
    categories: dict[Category, Pair] = field(default_factory=lambda: defaultdict(Pair))
    charges: dict[str, dict[Category, Pair]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Pair))
    )
    """By service, without usage."""
    lines: list[tuple[Category, str, Decimal, Decimal]] = field(default_factory=list)

    def add(self, entry: CostSeries, name: str, current: Decimal, previous: Decimal) -> None:
        """Add a series; ``name``: the service's name now, after moves."""
        category = entry.category or Category.USAGE
        self.lines.append((category, name, previous, current))
        self.services[entry.service].add(current, previous)
        self.categories[category].add(current, previous)
        if category is Category.USAGE:
            self.usages[name].add(current, previous)
        else:
            self.charges[entry.service][category].add(current, previous)


def sum_of(pairs: Iterable[Pair]) -> Pair:
    """Add up pairs."""
    total = Pair()
    for pair in pairs:
        total.add(pair.current, pair.previous)
    return total


def service_changes(
    services: Mapping[str, Pair], charges: Mapping[str, Mapping[Category, Pair]] | None = None
) -> tuple[ServiceChange, ...]:
    """List what changed, largest first; ``charges``: by service, all but usage."""
    changes = [
        ServiceChange(
            name=name,
            current=pair.current,
            previous=pair.previous,
            charges=category_amounts((charges or {}).get(name, {})),
        )
        for name, pair in services.items()
        if pair.current or pair.previous
    ]
    return tuple(sorted(changes, key=lambda entry: (-abs(entry.change), entry.name)))


def category_amounts(categories: Mapping[Category, Pair]) -> tuple[CategoryAmounts, ...]:
    """List the categories with any amount, in the order of their declaration."""
    return tuple(
        CategoryAmounts(
            category=category,
            current=categories[category].current,
            previous=categories[category].previous,
        )
        for category in Category
        if category in categories
        and (categories[category].current or categories[category].previous)
    )
