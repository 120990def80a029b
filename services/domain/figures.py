"""Figures: what the analysis says of one account or of all."""

from datetime import date
from decimal import Decimal

from services.domain.base import Value
from services.domain.costs import Category
from services.domain.explanations import Explanation
from services.domain.forecasts import Forecast, TrackRecord

SILENT_DAYS = 7


class ServiceChange(Value):
    """Net cost of one service in both parts of a window."""

    name: str
    current: Decimal
    previous: Decimal

    @property
    def change(self) -> Decimal:
        return self.current - self.previous


class CategoryAmounts(Value):
    """Cost of one charge category in both parts of a window."""

    category: Category
    current: Decimal
    previous: Decimal


class DayAmount(Value):
    """Net cost of one day; None when there is no data."""

    day: date
    amount: Decimal | None


class WeekFigures(Value):
    """The last 7 complete days against the 7 before."""

    current: Decimal
    previous: Decimal
    change_percent: Decimal | None
    days: tuple[DayAmount, ...]
    days_before: tuple[DayAmount, ...]


class SpanDays(Value):
    """A stretch of days as it is stored and sent."""

    first: date
    last: date


class WindowDays(Value):
    """A window as it is stored and sent."""

    current: SpanDays
    previous: SpanDays
    closed_months: bool = False


class Breach(Value):
    """Usage grew past the threshold: both in percent and in money."""

    service: str
    """The service with the largest usage increase."""
    excess: Decimal
    """Usage current − previous, of the amounts as they are printed."""
    usage_percent: Decimal | None
    """None: there was no usage before."""
    threshold: float


class AccountFigures(Value):
    """All figures of one account; totals are net, thresholds judge usage."""

    window: WindowDays
    data_through: date
    currency: str
    current_total: Decimal
    previous_total: Decimal
    change_percent: Decimal | None
    """Unrounded; None when there was nothing before ("new spend")."""
    usage_current: Decimal
    usage_previous: Decimal
    usage_percent: Decimal | None
    categories: tuple[CategoryAmounts, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    """All services, largest absolute change first; add up to the totals exactly."""
    week: WeekFigures | None = None
    explanation: Explanation | None = None
    """The change of the net total line by line: usage by service, other charges by category."""
    forecast: Forecast | None = None
    forecast_record: TrackRecord | None = None
    """How forecasts as of this day of the month came out before; None where it was not asked."""
    threshold: float
    breach: Breach | None = None
    first_day: date | None = None
    """First day with data in the loaded span; None when it has none."""
    last_day: date | None = None
    """Last day with data; None when there is none."""

    @property
    def silent(self) -> bool:
        """No data in the last 7 complete days: the account is gone, or its feed is broken."""
        return self.last_day is None or (self.data_through - self.last_day).days >= SILENT_DAYS
