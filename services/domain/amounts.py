"""Rounding and subtracting amounts of money."""

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
