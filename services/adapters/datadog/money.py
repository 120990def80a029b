"""Currencies and units of Datadog's amounts."""

from collections.abc import Collection
from typing import Annotated

import msgspec

from services.adapters.datadog.currencies import known_money
from services.adapters.datadog.guidance import malformed, shown
from services.domain.errors import CostSourceError

MAX_NAMED = 3
MAX_NAME_LENGTH = 20
"""Of a currency whose name is not known here."""


class Unit(msgspec.Struct):
    """The unit of a series.

    No recorded response shows the unit of a cost metric, so dollars are never assumed: names,
    symbols, subunits and prefixes are all read.
    """

    family: str | None = None
    name: str | None = None
    short_name: str | None = None
    scale_factor: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None


def scale_of(unit: Unit | None) -> float:
    """How many units of currency an amount of 1 is."""
    if unit is None:
        return 1.0
    return unit.scale_factor or known_money(unit.name, unit.short_name)[1]


def currency_of(unit: Unit | None) -> str | None:
    """The currency of a unit, by its name if that is not known; None where it has none.

    Raises CostSourceError for a unit that is not money, or whose name cannot be a currency.
    """
    if unit is None or not (unit.name or unit.short_name):
        return None
    if unit.family not in {None, "currency"}:
        raise CostSourceError(
            f"Datadog's metric is measured in {shown(unit.name or '', 40)}, which is not money. "
            "Set DATADOG_COST_METRIC to a cost metric such as aws.cost.amortized.",
            permanent=True,
        )
    currency, _ = known_money(unit.name, unit.short_name)
    return currency or currency_name(unit.name or unit.short_name or "")


def currency_name(text: str) -> str:
    """A currency as it is printed. Raises CostSourceError for text that names none."""
    name = text.strip().upper()
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise malformed(f'"{shown(name, 40)}" is not a currency')
    return name


def named(currencies: Collection[str]) -> str:
    """Currencies for a message, at most three."""
    rest = len(currencies) - MAX_NAMED
    return ", ".join(sorted(currencies)[:MAX_NAMED]) + (f", and {rest} more" if rest > 0 else "")
