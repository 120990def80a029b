"""Datadog's timeseries answers as cost tables. Pure: bytes in, values out.

Shapes and traps as recorded from the v2 query API: ``times`` is the sparse union of the stamps
that have data, points may be null, series and group tags come in any order, a unit may be null
or a pair with a null, and a 200 may carry ``errors`` beside ``data``.
"""

import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.errors import CostSourceError
from services.model import UNATTRIBUTED, Category, CostSeries, CostTable, DaySpan

ACCOUNT = "aws_member_account_id"
ACCOUNT_NAME = "aws_member_account_name"
SERVICE = "aws_product"
CHARGE = "chargecategory"
COST_TYPE = "aws_cost_type"
CURRENCY = "billingcurrency"
NO_SERVICE = "Other"
MISSING = {"", "n/a", "none", "null"}
DAY_MS = 86_400_000

CHARGES = {
    "usage": Category.USAGE,
    "credit": Category.CREDIT,
    "adjustment": Category.REFUND,
    "refund": Category.REFUND,
    "tax": Category.TAX,
    "purchase": Category.FEE,
    "fee": Category.FEE,
}
COST_TYPES = {
    "usage": Category.USAGE,
    "discountedusage": Category.USAGE,
    "savingsplancoveredusage": Category.USAGE,
    # Takes back the list price of usage that a savings plan covers: part of what usage costs.
    "savingsplannegation": Category.USAGE,
    "credit": Category.CREDIT,
    "bundleddiscount": Category.CREDIT,
    "discount": Category.CREDIT,
    "edpdiscount": Category.CREDIT,
    "privateratediscount": Category.CREDIT,
    "sppdiscount": Category.CREDIT,
    "refund": Category.REFUND,
    "tax": Category.TAX,
    "fee": Category.FEE,
    "rifee": Category.FEE,
    "savingsplanrecurringfee": Category.FEE,
    "savingsplanupfrontfee": Category.FEE,
}
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
PARTS = {"cent": 0.01, "¢": 0.01, "penny": 0.01}
"""What a unit is worth whose scale is not told beside its name."""
PREFIXES = {"nano": 1e-9, "micro": 1e-6, "milli": 1e-3}
ACCOUNT_TAG = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
"""Values that can be asked for in a query; account ids are 12 digits."""


class WireUnit(msgspec.Struct):
    """One unit of a series."""

    family: str | None = None
    name: str | None = None
    short_name: str | None = None
    scale_factor: float | None = None


class WireSeries(msgspec.Struct):
    """The head of a series; its points are the row of the same number in ``values``."""

    group_tags: list[str] | None = None
    unit: list[WireUnit | None] | None = None


class WireAttributes(msgspec.Struct):
    """The body of an answer."""

    series: list[WireSeries] | None = None
    times: list[float] | None = None
    values: list[msgspec.Raw] | None = None


class WireData(msgspec.Struct):
    """The envelope of an answer."""

    attributes: WireAttributes | None = None


class WireAnswer(msgspec.Struct):
    """A whole answer."""

    data: WireData | None = None
    errors: Any = None


_ANSWER = msgspec.json.Decoder(WireAnswer)
_ROW = msgspec.json.Decoder(list[float | None])


def request_body(query: str, span: DaySpan) -> dict[str, Any]:
    """The body of one daily timeseries query; ``to`` is exclusive."""
    return {
        "data": {
            "type": "timeseries_request",
            "attributes": {
                "from": _stamp(span.first),
                "to": _stamp(span.last + timedelta(days=1)),
                "interval": DAY_MS,
                "queries": [{"data_source": "cloud_cost", "name": "a", "query": query}],
                "formulas": [{"formula": "a"}],
            },
        }
    }


def _stamp(day: Any) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def query_text(metric: str, accounts: Sequence[str] | None = None, by: Sequence[str] = ()) -> str:
    """``sum:metric{scope} by {tags}.rollup(sum, daily)``."""
    scope = "*" if accounts is None else f"{ACCOUNT} IN ({','.join(accounts)})"
    groups = f" by {{{','.join(by)}}}" if by else ""
    return f"sum:{metric}{{{scope}}}{groups}.rollup(sum, daily)"


def error_texts(errors: Any) -> list[str]:
    """The error items of an answer: strings, or objects with a title and a detail."""
    items = errors if isinstance(errors, list) else [errors]
    texts = []
    for item in items:
        if isinstance(item, Mapping):
            parts = [str(item[key]) for key in ("title", "detail") if item.get(key)]
            texts.append(": ".join(parts))
        elif item:
            texts.append(str(item))
    return [" ".join(text.split())[:300] for text in texts if text]


class Answer:
    """A decoded answer; its rows are decoded one by one, so that memory stays small."""

    def __init__(self, body: bytes) -> None:
        """Raises msgspec.DecodeError (or its ValidationError) when the body is none."""
        answer = _ANSWER.decode(body)
        attributes = answer.data.attributes if answer.data else None
        self.errors = error_texts(answer.errors) if answer.errors else []
        self.empty_envelope = attributes is None
        self._series = (attributes.series if attributes else None) or []
        self._times = (attributes.times if attributes else None) or []
        self._values = (attributes.values if attributes else None) or []
        if len(self._values) < len(self._series):
            raise msgspec.ValidationError("fewer rows of values than series")

    def currency(self) -> str | None:
        """The currency of all series; None when no unit is stated anywhere.

        Raises CostSourceError for a unit that is no money, or for several currencies.
        """
        found = {
            currency
            for series in self._series
            if (currency := _currency(_unit(series))) is not None
        }
        if len(found) > 1:
            raise CostSourceError(
                f"Datadog answered in several currencies ({', '.join(sorted(found))}), which "
                "cannot be added up. Set DATADOG_COST_METRIC to a metric in one currency.",
                permanent=True,
            )
        return next(iter(found), None)

    def rows(self, span: DaySpan) -> "Iterable[tuple[dict[str, str], array[float]]]":
        """(tags, daily amounts over the span) of each series; NaN where there is no data."""
        places = [_place(stamp, span) for stamp in self._times]
        for series, raw in zip(self._series, self._values, strict=False):
            scale = _scale(_unit(series))
            amounts = array("d", [math.nan]) * len(span)
            row = _ROW.decode(raw)
            if len(row) != len(places):
                raise CostSourceError(
                    "Datadog's answer is not whole: a series has another number of amounts than "
                    "of days. Try again later.",
                    permanent=False,
                )
            for place, value in zip(places, row, strict=True):
                if place is not None and value is not None:
                    before = amounts[place]
                    amounts[place] = value * scale + (0.0 if math.isnan(before) else before)
            yield _tags(series.group_tags or []), amounts


def _place(stamp: float, span: DaySpan) -> int | None:
    day = datetime.fromtimestamp(stamp / 1000, UTC).date()
    return (day - span.first).days if day in span else None


def _tags(group_tags: Iterable[str]) -> dict[str, str]:
    tags = {}
    for tag in group_tags:
        key, _, value = tag.partition(":")
        tags[key] = value
    return tags


def _unit(series: WireSeries) -> WireUnit | None:
    return next((unit for unit in series.unit or [] if unit is not None), None)


def _scale(unit: WireUnit | None) -> float:
    if unit is None:
        return 1.0
    return unit.scale_factor or _known_money(unit)[1]


def _currency(unit: WireUnit | None) -> str | None:
    if unit is None or not (unit.name or unit.short_name):
        return None
    if unit.family not in {None, "currency"}:
        raise CostSourceError(
            f"Datadog's metric is measured in {unit.name}, which is no money. "
            "Set DATADOG_COST_METRIC to a cost metric such as aws.cost.amortized.",
            permanent=True,
        )
    return _known_money(unit)[0]


def _known_money(unit: WireUnit) -> tuple[str, float]:
    """(currency, worth of one unit) by the unit's name; an unknown name is a currency itself."""
    for text in (unit.name, unit.short_name):
        name, worth = (text or "").strip().lower(), 1.0
        for prefix, factor in PREFIXES.items():
            if name.startswith(prefix):
                name, worth = name.removeprefix(prefix).strip(), factor
        for form in (name, name.removesuffix("s")):
            if form in CURRENCIES:
                return CURRENCIES[form], worth * PARTS.get(form, 1.0)
    return (unit.name or unit.short_name or "").strip().upper(), 1.0


def tag(tags: Mapping[str, str], name: str) -> str | None:
    """A tag's value; None when it is missing."""
    value = tags.get(name, "")
    return None if value.strip().lower() in MISSING else value


def _account(tags: Mapping[str, str]) -> str:
    """The account of a series; what is no id that could be asked for counts as no account."""
    account = tag(tags, ACCOUNT) or ""
    return account if ACCOUNT_TAG.fullmatch(account) else UNATTRIBUTED


class TableBuilder:
    """Adds rows up into series by account, service and category."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._found: dict[tuple[str, str, Category | None], array[float]] = {}
        self.unknown: set[str] = set()
        self.category_missing = False

    def add_total(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """An ungrouped row."""
        self._add(("", "", None), amounts)

    def add_account(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """A row by account."""
        self._add((_account(tags), "", None), amounts)

    def add_service(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """A row by account, service and charge category."""
        key = (_account(tags), tag(tags, SERVICE) or NO_SERVICE, self._category(tags))
        self._add(key, amounts)

    def _category(self, tags: Mapping[str, str]) -> Category:
        charge = tag(tags, CHARGE)
        if charge is not None:
            return self._known(charge, CHARGES)
        cost_type = tag(tags, COST_TYPE)
        if cost_type is not None:
            return self._known(cost_type, COST_TYPES)
        self.category_missing = True
        return Category.USAGE

    def _known(self, text: str, known: Mapping[str, Category]) -> Category:
        category = known.get(text.replace(" ", "").replace("_", "").lower())
        if category is None:
            self.unknown.add(text[:100])
            return Category.USAGE
        return category

    def _add(self, key: tuple[str, str, Category | None], amounts: "array[float]") -> None:
        held = self._found.get(key)
        if held is None:
            self._found[key] = amounts
            return
        for i, amount in enumerate(amounts):
            if not math.isnan(amount):
                held[i] = amount + (0.0 if math.isnan(held[i]) else held[i])

    def table(self, currency: str, *, stated: bool) -> CostTable:
        """What was added; series without any data are left out."""
        series = [
            CostSeries(account, service, category, amounts)
            for (account, service, category), amounts in self._found.items()
            if not all(map(math.isnan, amounts))
        ]
        return CostTable(
            self._span,
            currency,
            series,
            unknown_categories=frozenset(self.unknown),
            currency_stated=stated,
        )
