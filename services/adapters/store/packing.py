"""One month of an account's costs as a document: packed amounts, merging, revisions.

Pure: no input or output. A series is a BSON binary of little-endian float64, one slot for each
day of the month, NaN where there is no data. Text from outside (service names) is never a key.
"""

import math
import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.domain import Category, Month

NAN = math.nan
SAME_WITHIN = 1e-9
"""Relative difference below which two amounts are the same amount."""

Key = tuple[str, str]
"""(service, charge category)"""


def pack(amounts: "array[float]") -> bytes:
    """Little-endian float64, whatever the machine."""
    if sys.byteorder == "big":
        amounts = array("d", amounts)
        amounts.byteswap()
    return amounts.tobytes()


def unpack(packed: bytes) -> "array[float]":
    """The reverse of ``pack``."""
    amounts = array("d")
    amounts.frombytes(packed)
    if sys.byteorder == "big":
        amounts.byteswap()
    return amounts


def empty(days: int) -> "array[float]":
    """A series without any data."""
    return array("d", [NAN]) * days


def same(a: float, b: float) -> bool:
    """Whether two amounts mean the same; NaN is the same as NaN."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=SAME_WITHIN, abs_tol=1e-12)


@dataclass(slots=True)
class Revision:
    """Values that were replaced at an instant: day of the month → the value before."""

    at: datetime
    totals: dict[int, float] = field(default_factory=dict)
    series: dict[Key, dict[int, float]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.totals or self.series)


class Change(NamedTuple):
    """From an instant on, a series has another amount on a day of the month."""

    at: datetime
    key: Key
    day: int
    amount: float


@dataclass(slots=True)
class MonthOfCosts:
    """All that is stored of one account and month."""

    source: str
    account_id: str
    month: Month
    metric: str
    currency: str
    account_name: str | None = None
    covered: int = 0
    """Days whose services are known, as bits: bit 0 is the first of the month."""
    version: int = 0
    totals: "array[float]" = field(default_factory=lambda: array("d"))
    series: dict[Key, "array[float]"] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.totals:
            self.totals = empty(self.days)

    @property
    def days(self) -> int:
        return len(self.month.span)

    @property
    def id(self) -> str:
        return document_id(self.source, self.account_id, self.month)

    def set_totals(self, amounts: Mapping[int, float], at: datetime) -> bool:
        """Sets totals by day of the month, NaN for none. True when anything changed."""
        revision = Revision(at)
        changed = False
        for day, amount in amounts.items():
            before = self.totals[day - 1]
            if same(before, amount):
                continue
            if not math.isnan(before):
                revision.totals[day] = before
            self.totals[day - 1] = amount
            changed = True
        self._keep(revision)
        return changed

    def set_details(
        self, details: Mapping[Key, Mapping[int, float]], days: Iterable[int], at: datetime
    ) -> bool:
        """Makes ``details`` the whole truth for these days. True when anything changed."""
        days = list(days)
        known = {day for day in days if self.covered >> (day - 1) & 1}
        covered = self.covered | day_bits(days)
        revision, changed = Revision(at), covered != self.covered
        self.covered = covered
        for key in {**self.series, **details}:
            new = details.get(key, {})
            stored = self.series.get(key)
            for day in days:
                before = NAN if stored is None else stored[day - 1]
                after = new.get(day, NAN)
                if same(before, after):
                    continue
                if stored is None:
                    stored = self.series[key] = empty(self.days)
                stored[day - 1] = after
                changed = True
                if day in known:
                    revision.series.setdefault(key, {})[day] = before
        self._keep(revision)
        return changed

    def _keep(self, revision: Revision) -> None:
        if revision:
            self.revisions.append(revision)

    def history(self) -> "tuple[dict[Key, array[float]], list[Change]]":
        """The series as they were first seen, and what was changed later, oldest first."""
        series = {key: array("d", amounts) for key, amounts in self.series.items()}
        changes: list[Change] = []
        for revision in sorted(self.revisions, key=lambda one: one.at, reverse=True):
            for key, days in revision.series.items():
                amounts = series.setdefault(key, empty(self.days))
                for day, before in days.items():
                    changes.append(Change(revision.at, key, day, amounts[day - 1]))
                    amounts[day - 1] = before
        return series, changes[::-1]

    def document(self) -> dict[str, Any]:
        """The BSON form."""
        return {
            "_id": self.id,
            "source": self.source,
            "account_id": self.account_id,
            "month": str(self.month),
            "metric": self.metric,
            "currency": self.currency,
            "account_name": self.account_name,
            "covered": self.covered,
            "version": self.version,
            "totals": pack(self.totals),
            "series": [
                {"service": service, "category": category, "amounts": pack(amounts)}
                for (service, category), amounts in self.series.items()
            ],
            "revisions": [_revision_document(one) for one in self.revisions],
        }


def day_bits(days: Iterable[int]) -> int:
    """Days of a month (1–31) as bits."""
    return sum(1 << (day - 1) for day in set(days))


def document_id(source: str, account_id: str, month: Month) -> str:
    """The id of an account's month."""
    return f"{source}|{account_id}|{month}"


def from_document(doc: Mapping[str, Any]) -> MonthOfCosts:
    """The reverse of ``MonthOfCosts.document``."""
    year, number = doc["month"].split("-")
    return MonthOfCosts(
        source=doc["source"],
        account_id=doc["account_id"],
        month=Month(int(year), int(number)),
        metric=doc["metric"],
        currency=doc["currency"],
        account_name=doc.get("account_name"),
        covered=doc.get("covered", 0),
        version=doc.get("version", 0),
        totals=unpack(doc["totals"]) if "totals" in doc else array("d"),
        series={
            (one["service"], one["category"]): unpack(one["amounts"])
            for one in doc.get("series", [])
        },
        revisions=[_revision(one) for one in doc.get("revisions", [])],
    )


def _revision_document(revision: Revision) -> dict[str, Any]:
    return {
        "at": revision.at,
        "totals": _days_document(revision.totals),
        "series": [
            {"service": service, "category": category, "days": _days_document(days)}
            for (service, category), days in revision.series.items()
        ],
    }


def _revision(doc: Mapping[str, Any]) -> Revision:
    return Revision(
        at=doc["at"],
        totals=_days(doc["totals"]),
        series={(one["service"], one["category"]): _days(one["days"]) for one in doc["series"]},
    )


def _days_document(days: Mapping[int, float]) -> dict[str, float | None]:
    return {str(day): None if math.isnan(before) else before for day, before in days.items()}


def _days(doc: Mapping[str, float | None]) -> dict[int, float]:
    return {int(day): NAN if before is None else before for day, before in doc.items()}


def category_text(category: Category | None) -> str:
    """A charge category as it is stored."""
    return category.value if category else ""
