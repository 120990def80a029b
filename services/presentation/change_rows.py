"""Rows of the change tables that emails and cards share.

Printed columns add up to printed totals: every row is rounded to the cent first, and the row for
everything else is what remains of the rounded total.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.analysis.detection.moves import current_names
from services.domain import (
    Category,
    CategoryAmounts,
    ChangeLine,
    ServiceChange,
    ServiceMove,
    rounding,
)
from services.domain.formatting import (
    MINUS,
    cents,
    change,
    money,
    moved,
    percent_of,
    plural,
)
from services.domain.service_names import service_names

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
    name: str,
    current: Decimal,
    previous: Decimal,
    currency: str,
    note: str = "",
    *,
    is_new: bool = True,
) -> Row:
    """Build a row from two amounts; its change is the difference of the printed amounts.

    ``is_new``: whether a change from zero is new spend.
    """
    current, previous = cents(current), cents(previous)
    has_percent = current != previous and name != ROUNDING
    return Row(
        name=name,
        change=change(current - previous, currency),
        percent=percent_of(current, previous, is_new=is_new) if has_percent else "",
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
    names = service_names((service.name for service in services), MAX_SERVICE_NAME)
    rows = [
        change_row(
            names[service.name],
            service.current,
            service.previous,
            currency,
            charges_note(service, currency),
            is_new=service.is_new,
        )
        for service in shown
    ]
    rest = remainder(total, ((service.current, service.previous) for service in shown))
    others = len(services) - len(shown)
    if others or any(rest):
        name = plural(others, "other service") if others else ROUNDING
        is_new = all(service.is_new for service in services[max_rows:])
        rows.append(change_row(name, *rest, currency, is_new=is_new))
    return rows


def services_as_named_now(
    services: Sequence[ServiceChange], moves: Sequence[ServiceMove]
) -> list[ServiceChange]:
    """Services with those that moved to another name as one, largest change first."""
    names = current_names(moves)
    together: dict[str, ServiceChange] = {}
    for service in services:
        name = names.get(service.name, service.name)
        known = together.get(name)
        together[name] = (
            service.model_copy(update={"name": name})
            if known is None
            else ServiceChange(
                name=name,
                current=known.current + service.current,
                previous=known.previous + service.previous,
                charges=_added(*known.charges, *service.charges),
            )
        )
    return sorted(together.values(), key=lambda entry: (-abs(entry.change), entry.name))


def _added(*charges: CategoryAmounts) -> tuple[CategoryAmounts, ...]:
    """Charges of several services, one for each category."""
    added: dict[Category, CategoryAmounts] = {}
    for charge in charges:
        known = added.get(charge.category)
        added[charge.category] = (
            charge
            if known is None
            else CategoryAmounts(
                category=charge.category,
                current=known.current + charge.current,
                previous=known.previous + charge.previous,
            )
        )
    return tuple(added.values())


def charges_note(service: ServiceChange, currency: str) -> str:
    """``usage no change, credits that ended +$1,215.00``; empty where all of a change is usage."""
    changed = [charge for charge in service.charges if charge.change]
    if not changed:
        return ""
    # What remains of the printed change, so that the note adds up to it.
    usage = moved(service.current, service.previous)
    usage -= sum((charge.change for charge in changed), Decimal(0))
    if not usage and service.is_without_usage:
        return ", ".join(map(charge_name, changed))
    parts = [f"{charge_name(charge)} {change(charge.change, currency)}" for charge in changed]
    return ", ".join([f"usage {change(usage, currency)}", *parts])


def charge_name(charge: ChangeLine | CategoryAmounts) -> str:
    """``credits that ended``, ``new refunds``, ``more credits``: what other charges did."""
    name = CATEGORY_NAMES[charge.category]
    if cents(charge.current) == 0:
        return f"{name} that ended"
    if cents(charge.previous) == 0:
        return f"new {name}"
    if abs(charge.current) > abs(charge.previous):
        return f"more {name}"
    return f"{'less' if charge.category is Category.TAX else 'fewer'} {name}"


def remainder(
    total: tuple[Decimal, Decimal], shown: Iterable[tuple[Decimal, Decimal]]
) -> tuple[Decimal, Decimal]:
    """What the rounded total holds beyond the rounded rows; all pairs are (current, previous)."""
    rows = list(shown)
    return (
        rounding(total[0], (current for current, _ in rows)),
        rounding(total[1], (previous for _, previous in rows)),
    )


def category_line(
    categories: Sequence[CategoryAmounts], total: Decimal, currency: str
) -> str | None:
    """``Usage $18,612.36 − credits $350.00 + tax $150.00``; None when all of it is usage.

    Usage is what all other places print, so cents that rounding leaves are a term of their own.
    """
    amounts = {entry.category: cents(entry.current) for entry in categories}
    usage = amounts.pop(Category.USAGE, Decimal(0))
    others = [(CATEGORY_NAMES[category], x) for category, x in amounts.items() if x]
    if not others:
        return None
    if rest := rounding(total, [usage, *(x for _, x in others)]):
        others.append((ROUNDING.lower(), rest))
    terms = [f"Usage {money(usage, currency)}"]
    for name, amount in others:
        sign = MINUS if amount < 0 else "+"
        terms.append(f"{sign} {name} {money(abs(amount), currency)}")
    return " ".join(terms)
