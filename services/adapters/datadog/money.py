"""Currencies and units of Datadog's amounts."""

from collections.abc import Collection
from typing import Annotated

import msgspec

from services.adapters.datadog.guidance import malformed, shown
from services.domain.errors import CostSourceError

CURRENCIES = {
    "dollar": "USD",
    "cent": "USD",
    "¢": "USD",
    "$": "USD",
    "us dollar": "USD",
    "euro": "EUR",
    "€": "EUR",
    "pound": "GBP",
    "pound sterling": "GBP",
    "penny": "GBP",
    "£": "GBP",
    "yen": "JPY",
    "¥": "JPY",
    "franc": "CHF",
    "swiss franc": "CHF",
    "rupee": "INR",
    "krona": "SEK",
    "real": "BRL",
}
SUBUNITS = {"cent": 0.01, "¢": 0.01, "penny": 0.01}
"""What a unit is worth if the response has no scale factor."""
MAX_NAMED = 3
MAX_NAME_LENGTH = 20
"""Of a currency whose name is not known here."""
PREFIXES = {"nano": 1e-9, "micro": 1e-6, "milli": 1e-3}


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
    return unit.scale_factor or _known_money(unit)[1]


def currency_of(unit: Unit | None) -> str | None:
    """The currency of a unit; None where it has no name.

    Raises CostSourceError for a unit that is not money.
    """
    if unit is None or not (unit.name or unit.short_name):
        return None
    if unit.family not in {None, "currency"}:
        raise CostSourceError(
            f"Datadog's metric is measured in {shown(unit.name or '', 40)}, which is not money. "
            "Set DATADOG_COST_METRIC to a cost metric such as aws.cost.amortized.",
            permanent=True,
        )
    return _known_money(unit)[0]


def _known_money(unit: Unit) -> tuple[str, float]:
    """(currency, worth of one unit) by the unit's name; an unknown name is a currency itself.

    Raises CostSourceError for a name that cannot be one.
    """
    for text in (unit.name, unit.short_name):
        name, worth = (text or "").strip().lower(), 1.0
        for prefix, factor in PREFIXES.items():
            if name.startswith(prefix):
                name, worth = name.removeprefix(prefix).strip(), factor
        for form in (name, name.removesuffix("s")):
            if form in CURRENCIES:
                return CURRENCIES[form], worth * SUBUNITS.get(form, 1.0)
    return currency_name(unit.name or unit.short_name or ""), 1.0


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
