"""All accounts added up, one by one."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from services.analysis.drivers import explained
from services.analysis.sums import Pair, category_amounts, change_percent, service_changes
from services.domain import (
    AccountFigures,
    Category,
    CategoryAmounts,
    Explanation,
    ServiceChange,
    ServiceMove,
)


@dataclass(slots=True)
class Totals:
    """Accounts added up one by one; keeps sums, not series, so that memory stays flat."""

    _total: Pair = field(default_factory=Pair)
    _usage: Pair = field(default_factory=Pair)
    _services: dict[str, Pair] = field(default_factory=lambda: defaultdict(Pair))
    _categories: dict[Category, Pair] = field(default_factory=lambda: defaultdict(Pair))
    _lines: dict[tuple[Category, str], Pair] = field(default_factory=lambda: defaultdict(Pair))
    _moves: dict[tuple[str, str], ServiceMove] = field(default_factory=dict)

    def add(self, figures: AccountFigures) -> None:
        """Add an account."""
        self._total.add(figures.current_total, figures.previous_total)
        self._usage.add(figures.usage_current, figures.usage_previous)
        for service in figures.services:
            self._services[service.name].add(service.current, service.previous)
        for entry in figures.categories:
            self._categories[entry.category].add(entry.current, entry.previous)
        for move in figures.moves:
            self._add_move(move)
        if figures.explanation is not None:
            for line in figures.explanation.lines:
                self._lines[line.category, line.name].add(line.current, line.previous)

    def _add_move(self, move: ServiceMove) -> None:
        key = move.source, move.target
        known = self._moves.get(key)
        if known is not None:
            move = move.model_copy(
                update={
                    "first": min(known.first, move.first),
                    "amount": known.amount + move.amount,
                    "accounts": known.accounts + 1,
                }
            )
        self._moves[key] = move

    @property
    def moves(self) -> tuple[ServiceMove, ...]:
        """The moves of all accounts, largest first."""
        return tuple(sorted(self._moves.values(), key=lambda move: (-move.amount, move.source)))

    @property
    def current_total(self) -> Decimal:
        return self._total.current

    @property
    def previous_total(self) -> Decimal:
        return self._total.previous

    @property
    def change_percent(self) -> Decimal | None:
        return change_percent(self._total.current, self._total.previous)

    @property
    def usage_current(self) -> Decimal:
        return self._usage.current

    @property
    def usage_previous(self) -> Decimal:
        return self._usage.previous

    @property
    def services(self) -> tuple[ServiceChange, ...]:
        """All services, largest absolute change first."""
        return service_changes(self._services)

    @property
    def categories(self) -> tuple[CategoryAmounts, ...]:
        return category_amounts(self._categories)

    @property
    def explanation(self) -> Explanation:
        """The change of the total, line by line."""
        return explained(
            (category, name, pair.previous, pair.current)
            for (category, name), pair in self._lines.items()
        )
