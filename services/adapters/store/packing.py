"""One month of an account's costs as a document: packed amounts, merging, revisions.

A series is a BSON binary of little-endian float64, one slot for each day of the month, NaN where
there is no data. Service names are values and never keys, as they may contain dots and dollar
signs, which are operators in MongoDB's field paths.
"""

import math
import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from services.domain import Category, Month

NAN = math.nan
MAX_RELATIVE_ERROR = 1e-9
"""Between two readings of the same amount: sums of floats depend on the order of their terms."""

Key = tuple[str, str]
"""(service, charge category)"""


def pack(amounts: "array[float]") -> bytes:
    """Pack amounts as little-endian float64, whatever the machine's byte order."""
    if sys.byteorder == "big":
        amounts = array("d", amounts)
        amounts.byteswap()
    return amounts.tobytes()


def unpack(packed: bytes) -> "array[float]":
    """Undo ``pack``."""
    amounts = array("d")
    amounts.frombytes(packed)
    if sys.byteorder == "big":
        amounts.byteswap()
    return amounts


def empty(days: int) -> "array[float]":
    """A series without any data."""
    return array("d", [NAN]) * days


def is_same(a: float, b: float) -> bool:
    """Whether two amounts are the same; NaN, which means no data, equals NaN here."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=MAX_RELATIVE_ERROR, abs_tol=1e-12)


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
    """The costs of one account in one month, with what they were before revisions."""

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
        """Set totals by day of the month, NaN for none; True when anything changed."""
        revision = Revision(at)
        changed = False
        for day, amount in amounts.items():
            before = self.totals[day - 1]
            if is_same(before, amount):
                continue
            if not math.isnan(before):
                revision.totals[day] = before
            self.totals[day - 1] = amount
            changed = True
        self._record(revision)
        return changed

    def set_details(
        self, details: Mapping[Key, Mapping[int, float]], days: Iterable[int], at: datetime
    ) -> bool:
        """Replace all services of these days with ``details``; True when anything changed."""
        days = list(days)
        days_known = {day for day in days if self.covered >> (day - 1) & 1}
        covered = self.covered | day_bits(days)
        revision, changed = Revision(at), covered != self.covered
        self.covered = covered
        for key in {**self.series, **details}:
            new = details.get(key, {})
            stored = self.series.get(key)
            for day in days:
                before = NAN if stored is None else stored[day - 1]
                after = new.get(day, NAN)
                if is_same(before, after):
                    continue
                if stored is None:
                    stored = self.series[key] = empty(self.days)
                stored[day - 1] = after
                changed = True
                if day in days_known:
                    revision.series.setdefault(key, {})[day] = before
        self._record(revision)
        return changed

    def _record(self, revision: Revision) -> None:
        if revision:
            self.revisions.append(revision)

    def history(self) -> "tuple[dict[Key, array[float]], list[Change]]":
        """The series as first seen, and later changes, oldest first."""
        series = {key: array("d", amounts) for key, amounts in self.series.items()}
        changes: list[Change] = []
        for revision in sorted(self.revisions, key=attrgetter("at"), reverse=True):
            for key, days in revision.series.items():
                amounts = series.setdefault(key, empty(self.days))
                for day, before in days.items():
                    changes.append(Change(revision.at, key, day, amounts[day - 1]))
                    amounts[day - 1] = before
        return series, changes[::-1]

    def document(self) -> dict[str, Any]:
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
            "revisions": [_revision_document(revision) for revision in self.revisions],
        }


def day_bits(days: Iterable[int]) -> int:
    """Days of a month (1–31) as bits."""
    return sum(1 << (day - 1) for day in set(days))


def document_id(source: str, account_id: str, month: Month) -> str:
    return f"{source}|{account_id}|{month}"


def from_document(doc: Mapping[str, Any]) -> MonthOfCosts:
    """Undo ``MonthOfCosts.document``."""
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
            (series["service"], series["category"]): unpack(series["amounts"])
            for series in doc.get("series", [])
        },
        revisions=[_revision(revision) for revision in doc.get("revisions", [])],
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
        series={
            (series["service"], series["category"]): _days(series["days"])
            for series in doc["series"]
        },
    )


def _days_document(days: Mapping[int, float]) -> dict[str, float | None]:
    return {str(day): None if math.isnan(before) else before for day, before in days.items()}


def _days(doc: Mapping[str, float | None]) -> dict[int, float]:
    return {int(day): NAN if before is None else before for day, before in doc.items()}


def category_text(category: Category | None) -> str:
    """The stored form of a category; empty for totals."""
    return category.value if category else ""
