"""Why a cost changed: the parts of a change, and what many accounts have in common."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from services.domain.costs import Category

MASKED_SHARE = Decimal("0.3")
"""Ups and downs that cancel this share of all movement hide something."""

ChangeKind = Literal["new", "gone", "grown", "shrunk", "same"]


@dataclass(frozen=True, slots=True)
class ChangeLine:
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
    def kind(self) -> ChangeKind:
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
    """A change of net cost from one part of a window to the other, taken apart.

    ``previous`` + the changes of all lines = ``current``, exactly.
    """

    previous: Decimal
    current: Decimal
    lines: tuple[ChangeLine, ...]
    """All of them, largest absolute change first."""

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def one_off_change(self) -> Decimal:
        """Of fees, tax, credits and refunds."""
        return sum((line.change for line in self.lines if line.one_off), Decimal(0))

    @property
    def up(self) -> Decimal:
        """Everything that grew."""
        return sum((line.change for line in self.lines if line.change > 0), Decimal(0))

    @property
    def down(self) -> Decimal:
        """Everything that shrank, as a positive amount."""
        return -sum((line.change for line in self.lines if line.change < 0), Decimal(0))

    @property
    def hidden(self) -> Decimal:
        """Money by which ups and downs cancel, when that is much of all movement; else zero."""
        least = min(self.up, self.down)
        return least if least >= MASKED_SHARE * (self.up + self.down) else Decimal(0)

    def top(self, most: int) -> tuple[tuple[ChangeLine, Decimal], ...]:
        """The largest lines, each with the running total after it."""
        running, found = self.previous, []
        for line in self.lines[:most]:
            running += line.change
            found.append((line, running))
        return tuple(found)

    def others(self, most: int) -> tuple[int, Decimal]:
        """How many lines ``top`` leaves out, and their change together."""
        rest = self.lines[most:]
        return len(rest), sum((line.change for line in rest), Decimal(0))

    def explains(self, lines: int = 1) -> int | None:
        """Percent of the movement in the direction of the change that its largest lines make up.

        Rounded half up; 100 means all of it. None when nothing changed.
        """
        if self.change == 0:
            return None
        up = self.change > 0
        moved_so = self.up if up else self.down
        largest = [abs(line.change) for line in self.lines if (line.change > 0) == up]
        return whole_percent(sum(largest[:lines], Decimal(0)), moved_so)


def whole_percent(part: Decimal, whole: Decimal) -> int:
    """A share in percent, rounded half up; 100 only for all of it. Zero of nothing."""
    if whole <= 0:
        return 0
    share = int((part / whole * 100).to_integral_value(ROUND_HALF_UP))
    return min(share, 99) if part < whole else share


@dataclass(frozen=True, slots=True)
class SharedMove:
    """A service whose usage moved the same way in many accounts: a price, not a team."""

    service: str
    up: bool
    accounts: int
    """So many accounts moved like this, ``using``: of those that use the service."""
    using: int
    change: Decimal
    """Of the accounts that moved, together."""
