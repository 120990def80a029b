"""Forecasts of a month's cost, and how earlier ones came out."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.domain.base import Value


class Forecast(Value):
    """Net cost expected at month end, with the ends of the 80 % range."""

    month: str
    amount: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """A closed month: what was forecast for its end, and its net cost."""

    as_of: date
    forecast: Forecast
    actual: Decimal

    @property
    def inside(self) -> bool:
        """Whether it came out within the 80 % range."""
        return self.forecast.low <= self.actual <= self.forecast.high

    @property
    def error_percent(self) -> Decimal | None:
        """How far the forecast was off, in percent of what came; None when nothing came."""
        if self.actual == 0:
            return None
        return (self.forecast.amount - self.actual) / abs(self.actual) * 100


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The last closed months, newest first, each as of the same day of its month."""

    months: tuple[MonthForecast, ...]

    @property
    def inside(self) -> int:
        """Months that came out within their range."""
        return sum(1 for month in self.months if month.inside)

    @property
    def typical_error_percent(self) -> Decimal | None:
        """The median size of the error in percent: half of the months were closer."""
        errors = sorted(
            abs(month.error_percent) for month in self.months if month.error_percent is not None
        )
        if not errors:
            return None
        middle = len(errors) // 2
        if len(errors) % 2:
            return errors[middle]
        return (errors[middle - 1] + errors[middle]) / 2
