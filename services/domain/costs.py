"""Costs by account, service and category, and the state of their source."""

from array import array
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt, StringConstraints

from services.domain.base import Value
from services.domain.days import DaySpan

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""The name that a cost source's data is stored under: costs, anomalies, runs, reports, deliveries."""

SAMPLE: SourceName = "sample"
"""The source of sample costs. Stored documents contain only the source's name, so the name alone
must show whether they are sample data.
"""

UNATTRIBUTED = "unattributed"
"""The account ID that costs without an account tag are stored under."""


class Category(StrEnum):
    """Charge category of a cost (FOCUS calls it ChargeCategory)."""

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
    """Unknown charge categories; their costs are counted as usage."""
    currency_stated: bool = True
    """False if the source named no currency, so that USD was assumed."""


@dataclass(frozen=True, slots=True)
class CostChange:
    """A revision: from ``at`` on, a day has this amount. NaN: the day has no amount any more."""

    account_id: str
    service: str
    category: Category | None
    day: date
    at: datetime
    amount: float


@dataclass(frozen=True, slots=True)
class UsageHistory:
    """An account's usage by service over a span, as first seen; NaN means no data."""

    account_id: str
    span: DaySpan
    usage: dict[str, "array[float]"]
    changes: list[CostChange]
    """All revisions in the months that the span touches, oldest first, including days before it."""


class SourceDescription(Value):
    """What a cost source declares about itself, so that no other code depends on which one it is."""

    name: SourceName
    title: str = Field(min_length=1)
    """Its name as written in the middle of a sentence."""
    missing_costs_help: str
    """What to check when no costs arrive, in full sentences."""
    complete_after_hours: int = Field(ge=0)
    """Hours after the end of a UTC day at which its costs are complete; a setting can override it."""
    history_months: PositiveInt | None = None
    """How many months, including the current one, can be requested; None if there is no limit.

    If the data starts later than that, the source raises CostHistoryEndsError."""
    max_accounts_per_query: PositiveInt
    has_account_names: bool
    metric_labels: dict[str, str] = Field(default_factory=dict)
    """The FinOps names of the metrics: "net amortized", "unblended", "list price"."""

    @property
    def is_sample(self) -> bool:
        return self.name == SAMPLE

    def metric_label(self, metric: str | None) -> str:
        """The metric's FinOps name; the metric itself if the source has no name for it.

        Empty as long as no metric has been chosen.
        """
        return self.metric_labels.get(metric, metric) if metric else ""


HISTORY_PATIENCE = timedelta(hours=24)
"""How long after the installation nobody is alerted because the cost history is still incomplete."""


class HistoryProgress(Value):
    """How much of the cost history before a refresh's months has been read."""

    months_read: int
    months: int
    """How many months are to be read, or exist."""
    read_at: datetime
    """When the newest of it was read."""

    @property
    def is_complete(self) -> bool:
        return self.months_read >= self.months


class SourceState(Value):
    """What is stored about a cost source between runs."""

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
    """The first month ("2025-08") that the source has data for; None if unknown."""
    installed_at: datetime | None = None
    """When costs were first read; None also if an earlier version read them."""
    installed_through: date | None = None
    """The last complete day at that time: what its costs tell began before the installation."""
    history: HistoryProgress | None = None
    """None before any history was read, and if an earlier version read it."""
    detected_through: date | None = None
    """The last day up to which detection ran with the history it needs; None before."""
    detected_at: datetime | None = None
    """When detection ran last, with all of the history or not."""

    @property
    def has_history(self) -> bool:
        """Whether all of the history is stored, as far as is known."""
        return self.history.is_complete if self.history else self.installed_at is None

    @property
    def has_detected(self) -> bool:
        """Whether detection has run at all, so that a report can say that nothing is unusual."""
        return self.installed_at is None or self.detected_at is not None

    def awaits_history(self, now: datetime) -> bool:
        """Whether anomalies may still change because history is missing: nobody is alerted yet."""
        return (
            self.installed_at is not None
            and self.detected_through is None
            and now - self.installed_at < HISTORY_PATIENCE
        )
