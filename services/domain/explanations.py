"""Why a cost changed: its parts."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from services.domain.amounts import moved
from services.domain.costs import Category

MASKED_SHARE = Decimal("0.3")
"""Increases and decreases that cancel out this share of all movement are worth mentioning."""

ChangeKind = Literal["new", "gone", "grown", "shrunk", "same"]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One part of a change: usage of one service, or all charges of another category."""

    name: str
    """The service, or the name of the category."""
    category: Category
    previous: Decimal
    current: Decimal
    is_part: bool = False
    """Whether credits, refunds, tax or fees of the service changed too, on lines of their own."""

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def printed_change(self) -> Decimal:
        """The difference of the printed amounts."""
        return moved(self.current, self.previous)

    @property
    def kind(self) -> ChangeKind:
        """The direction; ``new`` starts at zero, ``gone`` ends at zero."""
        if self.change == 0:
            return "same"
        if self.previous == 0:
            return "new"
        if self.current == 0:
            return "gone"
        return "grown" if self.change > 0 else "shrunk"

    @property
    def one_off(self) -> bool:
        """Whether this is a fee, tax, credit or refund, not usage."""
        return self.category is not Category.USAGE


@dataclass(frozen=True, slots=True)
class Explanation:
    """A change of net cost between the two spans of a window, line by line.

    ``previous`` plus the changes of all lines is exactly ``current``.
    """

    previous: Decimal
    current: Decimal
    lines: tuple[ChangeLine, ...]
    """All lines, largest absolute change first."""

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def one_off_change(self) -> Decimal:
        """The change of fees, tax, credits and refunds."""
        return sum((line.change for line in self.lines if line.one_off), Decimal(0))

    @property
    def usage(self) -> tuple[Decimal, Decimal]:
        """Usage now and before."""
        lines = [line for line in self.lines if not line.one_off]
        return (
            sum((line.current for line in lines), Decimal(0)),
            sum((line.previous for line in lines), Decimal(0)),
        )

    @property
    def up(self) -> Decimal:
        """The sum of all increases."""
        return sum((line.change for line in self.lines if line.change > 0), Decimal(0))

    @property
    def down(self) -> Decimal:
        """The sum of all decreases, as a positive amount."""
        return -sum((line.change for line in self.lines if line.change < 0), Decimal(0))

    @property
    def hidden(self) -> Decimal:
        """The amount by which increases and decreases cancel out; zero if that is little."""
        cancelled = min(self.up, self.down)
        is_large = cancelled >= MASKED_SHARE * (self.up + self.down)
        return cancelled if is_large else Decimal(0)

    def top(self, max_lines: int) -> tuple[tuple[ChangeLine, Decimal], ...]:
        """Return the largest lines, each with the running total after it."""
        total, lines = self.previous, []
        for line in self.lines[:max_lines]:
            total += line.change
            lines.append((line, total))
        return tuple(lines)

    def others(self, max_lines: int) -> tuple[int, Decimal]:
        """Count the lines that ``top`` leaves out, and sum up their changes."""
        rest = self.lines[max_lines:]
        return len(rest), sum((line.change for line in rest), Decimal(0))

    @property
    def largest(self) -> ChangeLine | None:
        """The line that moved most in the direction of the printed change; None if there is none."""
        return next(iter(self.along(moved(self.current, self.previous))), None)

    def along(self, change: Decimal) -> list[ChangeLine]:
        """The lines whose printed change has the sign of ``change``, largest first."""
        lines = [line for line in self.lines if line.printed_change * change > 0]
        return sorted(lines, key=lambda line: (-abs(line.printed_change), line.name))

    def percent_of(self, line: ChangeLine) -> int | None:
        """The printed change of a line in percent of the printed change of the total.

        Rounded half up; 100 means all of it. None where the line does not explain the change:
        it has the other sign, or moved further than the total.
        """
        change = moved(self.current, self.previous)
        if line.printed_change * change <= 0 or abs(line.printed_change) > abs(change):
            return None
        return whole_percent(abs(line.printed_change), abs(change))


def whole_percent(part: Decimal, whole: Decimal) -> int:
    """A share in percent, rounded half up; 100 only for all of it, 0 if there is nothing."""
    if whole <= 0:
        return 0
    share = int((part / whole * 100).to_integral_value(ROUND_HALF_UP))
    return min(share, 99) if part < whole else share
