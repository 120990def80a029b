"""Amounts of money: how they are rounded and subtracted."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half up to two places; never a negative zero."""
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def moved(current: Decimal, previous: Decimal) -> Decimal:
    """The change between two amounts as people read them: both are rounded first.

    Whoever subtracts the printed amounts gets the printed change, to the cent.
    """
    return cents(current) - cents(previous)
