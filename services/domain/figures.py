"""The figures that the analysis calculates for one account, or for all together."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.domain.base import Value
from services.domain.costs import Category
from services.domain.explanations import Explanation
from services.domain.forecasts import Forecast


class DataState(StrEnum):
    """Whether an account's costs still arrive."""

    CURRENT = "current"
    LATE = "late"
    """Its last days are missing; it is compared over the days that it has."""
    LEFT_OUT = "left_out"
    """Late, with too few days to compare; all its totals are zero."""
    SILENT = "silent"
    """The account was closed, or its cost data no longer arrives."""


class ServiceChange(Value):
    """Net cost of one service in both spans of a window."""

    name: str
    current: Decimal
    previous: Decimal

    @property
    def change(self) -> Decimal:
        return self.current - self.previous


class CategoryAmounts(Value):
    """Cost of one charge category in both spans of a window."""

    category: Category
    current: Decimal
    previous: Decimal


class DayAmount(Value):
    """Net cost of one day; None if there is no data."""

    day: date
    amount: Decimal | None


class WeekFigures(Value):
    """The last 7 complete days compared with the 7 days before them."""

    current: Decimal
    previous: Decimal
    is_large_rise: bool = False
    """They exceed the days before by more than the threshold, and by the minimum increase."""
    days: tuple[DayAmount, ...]
    days_before: tuple[DayAmount, ...]


class SpanDays(Value):
    """A ``DaySpan`` as stored and as sent over REST."""

    first: date
    last: date


class WindowDays(Value):
    """A ``Window`` as stored and as sent over REST."""

    current: SpanDays
    previous: SpanDays
    closed_months: bool = False


class Spent(Value):
    """Net cost of an account in a month, through its last day with data."""

    first: date
    last: date
    amount: Decimal


class Breach(Value):
    """Usage grew past the threshold in percent and past the minimum increase in money."""

    service: str
    """The service with the largest usage increase."""
    excess: Decimal
    """Current minus previous usage, calculated from the rounded amounts."""
    usage_percent: Decimal | None
    """None if there was no usage before."""
    threshold: float


class AccountFigures(Value):
    """All figures of one account; totals are net, thresholds apply to usage."""

    window: WindowDays
    """The compared days; a late account has a window of its own."""
    data_through: date
    currency: str
    current_total: Decimal
    previous_total: Decimal
    change_percent: Decimal | None
    """Unrounded; None if there was no cost before ("new spend")."""
    usage_current: Decimal
    usage_previous: Decimal
    usage_percent: Decimal | None
    categories: tuple[CategoryAmounts, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    """All services, largest absolute change first; they add up to the totals exactly."""
    week: WeekFigures | None = None
    explanation: Explanation | None = None
    """The change of the net total line by line: usage by service, other charges by category."""
    forecast: Forecast | None = None
    """How accurate earlier forecasts as of this day were; None if it was not calculated."""
    threshold: float
    breach: Breach | None = None
    first_day: date | None = None
    """First day with data in the loaded span; None if there is no data."""
    last_day: date | None = None
    """Last day with data; None if there is no data."""
    state: DataState = DataState.CURRENT
    spent: Spent | None = None
    """The month of its last day with data; None if that is too long ago."""
    learning_day: int | None = None
    """How many days detection has learned from, over the loaded span; None once it is enough."""

    @property
    def silent(self) -> bool:
        return self.state is DataState.SILENT

    @property
    def is_late(self) -> bool:
        return self.state in {DataState.LATE, DataState.LEFT_OUT}

    @property
    def comparable(self) -> bool:
        """Whether its totals say anything about how its costs changed."""
        return self.state not in {DataState.SILENT, DataState.LEFT_OUT}

    @property
    def through(self) -> date:
        """The last day of its own data that reports cover."""
        return self.last_day if self.is_late and self.last_day else self.data_through
