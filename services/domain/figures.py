"""The figures that the analysis calculates for one account, or for all together."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.domain.amounts import cents, moved
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


class ServiceMove(Value):
    """Usage that went from one service name to another, with their sum unchanged."""

    source: str
    target: str
    first: date
    """The first day under the new name."""
    amount: Decimal
    """Money a day."""
    is_whole: bool = True
    """Whether nothing worth mentioning remained under the old name."""
    accounts: int = 1


class CategoryAmounts(Value):
    """Cost of one charge category in both spans of a window."""

    category: Category
    current: Decimal
    previous: Decimal

    @property
    def change(self) -> Decimal:
        """The difference of the printed amounts."""
        return moved(self.current, self.previous)


class ServiceChange(Value):
    """Net cost of one service in both spans of a window."""

    name: str
    current: Decimal
    previous: Decimal
    charges: tuple[CategoryAmounts, ...] = ()
    """Its credits, refunds, tax and fees, which the net cost includes."""

    @property
    def change(self) -> Decimal:
        return self.current - self.previous

    @property
    def is_without_usage(self) -> bool:
        """Whether all of it is credits, refunds, tax or fees."""
        current = sum((charge.current for charge in self.charges), Decimal(0))
        previous = sum((charge.previous for charge in self.charges), Decimal(0))
        return (cents(self.current), cents(self.previous)) == (cents(current), cents(previous))

    @property
    def is_new(self) -> bool:
        """Whether there was nothing before; credits that covered all usage are not nothing."""
        return self.previous == 0 and not any(charge.previous for charge in self.charges)


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
    is_new: bool = True
    """Whether there was no usage in the 7 days before."""


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
    moves: tuple[ServiceMove, ...] = ()
    """Moves that the window covers, oldest first; ``explanation`` has their services as one line."""
    explanation: Explanation | None = None
    """The change of the net total line by line: usage by service, other charges by category."""
    forecast: Forecast | None = None
    """None if the month is complete, if the past allows no honest range, or if not calculated."""
    threshold: float
    breach: Breach | None = None
    min_increase: Decimal = Decimal(0)
    """The smallest increase, in money, that counts."""
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
    def is_new_spend(self) -> bool:
        """Whether there was no cost before, not even usage that credits covered."""
        return cents(self.previous_total) == 0 == cents(self.usage_previous)

    @property
    def month_to_date(self) -> Decimal | None:
        """What is known of the cost of the month of ``data_through``; None if that is nothing."""
        month = self.data_through.replace(day=1)
        return self.spent.amount if self.spent and self.spent.first >= month else None

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
