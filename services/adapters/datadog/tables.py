"""Rows of Datadog's responses, added up into cost tables."""

import math
from array import array
from collections.abc import Mapping

from services.adapters.datadog.wire import ACCOUNT, ACCOUNT_ID, CHARGE, COST_TYPE, SERVICE, tag
from services.domain import UNATTRIBUTED, Category, CostSeries, CostTable, DaySpan

NO_SERVICE = "Other"
CHARGES = {
    "usage": Category.USAGE,
    "credit": Category.CREDIT,
    "adjustment": Category.REFUND,
    "refund": Category.REFUND,
    "tax": Category.TAX,
    "purchase": Category.FEE,
    "fee": Category.FEE,
}
"""By ``chargecategory``, in the words of FOCUS and of the setups before it."""
COST_TYPES = {
    "usage": Category.USAGE,
    "discountedusage": Category.USAGE,
    "savingsplancoveredusage": Category.USAGE,
    # Takes back the list price of usage that a savings plan covers: part of what usage costs.
    "savingsplannegation": Category.USAGE,
    "credit": Category.CREDIT,
    "bundleddiscount": Category.CREDIT,
    "discount": Category.CREDIT,
    # With aws.cost.amortized, private discounts come as negative lines of their own.
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
"""By ``aws_cost_type``, the line item type of AWS's Cost and Usage Report."""


class TableBuilder:
    """Adds rows up into series by account, service and category."""

    def __init__(self, span: DaySpan) -> None:
        self._span = span
        self._rows: dict[tuple[str, str, Category | None], array[float]] = {}
        self.unknown_categories: set[str] = set()
        self.is_category_missing = False
        """Whether a row had neither a charge category nor a cost type."""

    def add_total(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """Add an ungrouped row."""
        self._add(("", "", None), amounts)

    def add_account(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """Add a row by account."""
        self._add((_account(tags), "", None), amounts)

    def add_service(self, tags: Mapping[str, str], amounts: "array[float]") -> None:
        """Add a row by account, service and charge category."""
        key = (_account(tags), tag(tags, SERVICE) or NO_SERVICE, self._category(tags))
        self._add(key, amounts)

    def _category(self, tags: Mapping[str, str]) -> Category:
        charge = tag(tags, CHARGE)
        if charge is not None:
            return self._known(charge, CHARGES)
        cost_type = tag(tags, COST_TYPE)
        if cost_type is not None:
            return self._known(cost_type, COST_TYPES)
        self.is_category_missing = True
        return Category.USAGE

    def _known(self, text: str, categories: Mapping[str, Category]) -> Category:
        """An unknown category counts as usage and is reported, never dropped."""
        category = categories.get(text.replace(" ", "").replace("_", "").lower())
        if category is None:
            self.unknown_categories.add(text[:100])
            return Category.USAGE
        return category

    def _add(self, key: tuple[str, str, Category | None], amounts: "array[float]") -> None:
        sums = self._rows.get(key)
        if sums is None:
            self._rows[key] = amounts
            return
        for i, amount in enumerate(amounts):
            if not math.isnan(amount):
                sums[i] = amount + (0.0 if math.isnan(sums[i]) else sums[i])

    def table(self, currency: str, *, stated: bool) -> CostTable:
        """All rows; series without any data are left out."""
        series = [
            CostSeries(account, service, category, amounts)
            for (account, service, category), amounts in self._rows.items()
            if not all(map(math.isnan, amounts))
        ]
        return CostTable(
            self._span,
            currency,
            series,
            unknown_categories=frozenset(self.unknown_categories),
            currency_stated=stated,
        )


def _account(tags: Mapping[str, str]) -> str:
    """The account of a row. A value that no query could request counts as no account."""
    account = tag(tags, ACCOUNT) or ""
    return account if ACCOUNT_ID.fullmatch(account) else UNATTRIBUTED
