"""Rows of the change tables that emails and cards share.

Printed columns add up to printed totals: every row is rounded to the cent first, and the row for
everything else is what remains of the rounded total.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.domain import Category, CategoryAmounts, ServiceChange
from services.domain.formatting import MINUS, cents, change, money, neutral, percent_of, plural

CATEGORY_NAMES = {
    Category.CREDIT: "credits",
    Category.REFUND: "refunds",
    Category.TAX: "tax",
    Category.FEE: "fees",
}
MAX_SERVICE_NAME = 60
ROUNDING = "Rounding"
"""Name of the remainder when every row is shown: a few cents at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table of changes, ready to print."""

    name: str
    change: str
    percent: str
    current: str
    previous: str
    note: str = ""


def change_row(
    name: str, current: Decimal, previous: Decimal, currency: str, note: str = ""
) -> Row:
    """Build a row from two amounts; its change is the difference of the printed amounts."""
    current, previous = cents(current), cents(previous)
    has_percent = current != previous and name != ROUNDING
    return Row(
        name=name,
        change=change(current - previous, currency),
        percent=percent_of(current, previous) if has_percent else "",
        current=money(current, currency),
        previous=money(previous, currency),
        note=note,
    )


def service_rows(
    services: Sequence[ServiceChange],
    total: tuple[Decimal, Decimal],
    currency: str,
    max_rows: int,
) -> list[Row]:
    """List the largest changes, and the rest of the total as "N other services".

    ``total`` is (current, previous).
    """
    shown = services[:max_rows]
    rows = [
        change_row(
            neutral(service.name, MAX_SERVICE_NAME), service.current, service.previous, currency
        )
        for service in shown
    ]
    rest = remainder(total, ((service.current, service.previous) for service in shown))
    others = len(services) - len(shown)
    if others or any(rest):
        name = plural(others, "other service") if others else ROUNDING
        rows.append(change_row(name, *rest, currency))
    return rows


def remainder(
    total: tuple[Decimal, Decimal], shown: Iterable[tuple[Decimal, Decimal]]
) -> tuple[Decimal, Decimal]:
    """What the rounded total holds beyond the rounded rows; all pairs are (current, previous)."""
    current, previous = cents(total[0]), cents(total[1])
    for row_current, row_previous in shown:
        current -= cents(row_current)
        previous -= cents(row_previous)
    return current, previous


def category_line(
    categories: Sequence[CategoryAmounts], total: Decimal, currency: str
) -> str | None:
    """``Usage $18,612.36 − credits $350.00 + tax $150.00``; None when all of it is usage."""
    others = [
        (CATEGORY_NAMES[amounts.category], cents(amounts.current))
        for amounts in categories
        if amounts.category is not Category.USAGE and cents(amounts.current)
    ]
    if not others:
        return None
    # Not the usage as such: what remains of the printed total, so that the line adds up.
    usage = cents(total) - sum((amount for _, amount in others), Decimal(0))
    terms = [f"Usage {money(usage, currency)}"]
    for name, amount in others:
        sign = MINUS if amount < 0 else "+"
        terms.append(f"{sign} {name} {money(abs(amount), currency)}")
    return " ".join(terms)
