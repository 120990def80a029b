"""Costs by account, service and category, and the state of their source."""

from array import array
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from services.model.base import Value
from services.model.days import DaySpan

SourceName = Literal["datadog", "sample"]

UNATTRIBUTED = "unattributed"
"""Account id under which costs without an account tag are kept."""


class Category(StrEnum):
    """Charge category of a cost."""

    USAGE = "usage"
    CREDIT = "credit"
    REFUND = "refund"
    TAX = "tax"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class CostSeries:
    """Daily amounts of one account, service and charge category.

    ``amounts`` has one float64 for each day of the table's span; NaN means no data.
    A series of whole accounts has service ``""`` and category None.
    """

    account_id: str
    service: str
    category: Category | None
    amounts: "array[float]"


@dataclass(frozen=True, slots=True)
class CostTable:
    """Series over the same span, all in one currency (ISO 4217 code where one is known)."""

    span: DaySpan
    currency: str
    series: list[CostSeries]
    account_names: dict[str, str] = field(default_factory=dict)
    unknown_categories: frozenset[str] = frozenset()
    """Charge categories that were not known and counted as usage."""
    currency_stated: bool = True
    """False when the source named no currency and USD was assumed."""


@dataclass(frozen=True, slots=True)
class CostChange:
    """From an instant on, another amount is known of a day; NaN: none any more."""

    account_id: str
    service: str
    category: Category | None
    day: date
    at: datetime
    amount: float


class MonthRead(NamedTuple):
    """What a reading of an account's month held; what is stored later can be told by it."""

    month: str
    """"2025-08"."""
    metric: str
    writes: int
    """How often the month was written."""
    covered: int
    """Days whose services are known, as bits: bit 0 is the first of the month."""


@dataclass(frozen=True, slots=True)
class UsageHistory:
    """Usage of an account by service over a span, as it was first seen; NaN: no data."""

    account_id: str
    span: DaySpan
    usage: dict[str, "array[float]"]
    changes: list[CostChange]
    """All changes of the months that the span touches, oldest first; also of days before it."""
    months: list[MonthRead]
    """The months that are stored, oldest first."""


class SourceState(Value):
    """What is known of a cost source between runs."""

    source: SourceName
    metric: str | None = None
    currency: str = "USD"
    currency_stated: bool = True
    data_through: date | None = None
    """Last day with complete data at the last refresh; None before the first."""
    expected_through: date | None = None
    """Last day that should have been complete at the last refresh."""
    refreshed_at: datetime | None = None
    unknown_categories: tuple[str, ...] = ()
    oldest_month: str | None = None
    """Month ("2025-08") before which the source keeps no data; None while not known."""
