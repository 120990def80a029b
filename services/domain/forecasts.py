"""Forecasts of a month's cost, and the accuracy of earlier ones."""

from dataclasses import dataclass
from decimal import Decimal

from services.domain.base import Value


class Forecast(Value):
    """Expected net cost at month end, with the bounds of the 80% prediction interval."""

    month: str
    amount: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """The forecast for a month that has ended, and its actual net cost."""

    forecast: Forecast
    actual: Decimal

    @property
    def is_inside(self) -> bool:
        """Whether the actual cost was within the 80% interval."""
        return self.forecast.low <= self.actual <= self.forecast.high

    @property
    def error_percent(self) -> Decimal | None:
        """The error in percent of the actual cost; None if that was zero."""
        if self.actual == 0:
            return None
        return (self.forecast.amount - self.actual) / abs(self.actual) * 100


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Forecasts of past months, newest first, each made on the same day of its month."""

    months: tuple[MonthForecast, ...]

    @property
    def inside(self) -> int:
        """How many months were within their interval."""
        return sum(1 for month in self.months if month.is_inside)

    @property
    def typical_error_percent(self) -> Decimal | None:
        """The median absolute error in percent; None without any month that had costs."""
        errors = sorted(
            abs(month.error_percent) for month in self.months if month.error_percent is not None
        )
        if not errors:
            return None
        middle = len(errors) // 2
        if len(errors) % 2:
            return errors[middle]
        return (errors[middle - 1] + errors[middle]) / 2
