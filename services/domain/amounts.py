"""Rounding and subtracting amounts of money."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Round half up to two places; never returns a negative zero."""
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def moved(current: Decimal, previous: Decimal) -> Decimal:
    """The change between two amounts, both rounded first.

    So readers who subtract the printed amounts get the printed change, to the cent.
    """
    return cents(current) - cents(previous)


def percent_moved(current: Decimal, previous: Decimal) -> Decimal | None:
    """The change between two rounded amounts, in percent of the previous one.

    Rounded first, so that readers who check the numbers get the same. None if it starts at zero.
    """
    current, previous = cents(current), cents(previous)
    if previous == 0:
        return None
    return (current - previous) / abs(previous) * 100


def rounding(total: Decimal, parts: Iterable[Decimal]) -> Decimal:
    """What a rounded total holds beyond its rounded parts: the amount that closes a column."""
    return cents(total) - sum((cents(part) for part in parts), Decimal(0))
