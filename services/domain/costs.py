"""Costs by account, service and category, and the state of their source."""

from array import array
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt, StringConstraints

from services.domain.base import Value
from services.domain.days import DaySpan

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""What a cost source is stored under. Costs, anomalies, runs, reports and deliveries carry it."""

SAMPLE: SourceName = "sample"
"""The source whose costs belong to nobody. Stored documents hold a source's name and nothing else
of it, so the name alone has to say whether they are sample data."""

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


@dataclass(frozen=True, slots=True)
class UsageHistory:
    """Usage of an account by service over a span, as it was first seen; NaN: no data."""

    account_id: str
    span: DaySpan
    usage: dict[str, "array[float]"]
    changes: list[CostChange]
    """All changes of the months that the span touches, oldest first; also of days before it."""


class SourceDescription(Value):
    """What a cost source declares about itself, so that nobody has to know which one it is."""

    name: SourceName
    title: str = Field(min_length=1)
    """Its name as it reads in the middle of a sentence."""
    missing_costs_help: str
    """Sentences that say what to check when no costs come."""
    complete_after_hours: int = Field(ge=0)
    """How long after its end a UTC day's costs are complete, unless a setting says otherwise."""
    history_months: PositiveInt | None = None
    """Months, with the current one, that are worth asking for; None where there is no limit.

    Where data ends earlier than that, the source raises CostHistoryEndsError."""
    max_accounts_per_query: PositiveInt
    has_account_names: bool
    metric_labels: dict[str, str] = Field(default_factory=dict)
    """What FinOps people call the metrics: "net amortized", "unblended", "list price"."""

    @property
    def is_sample(self) -> bool:
        return self.name == SAMPLE

    def metric_label(self, metric: str) -> str:
        """The word for a metric; the metric itself where the source has none."""
        return self.metric_labels.get(metric, metric)


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
