"""What all reports of one period have in common."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from services.analysis.detection.rules import LEARNING_DAYS
from services.analysis.forecast import HISTORY
from services.analysis.windows import comparison_window, needed_span, window_days
from services.domain import (
    AlertRecord,
    DaySpan,
    Forecast,
    SourceName,
    SourceState,
    StoredConfig,
    TrackRecord,
    WindowDays,
)


@dataclass(frozen=True, slots=True)
class Basis:
    """The period, the settings and the state of the stored costs that reports are made from."""

    period: str
    made_at: datetime
    source: SourceName
    config: StoredConfig
    state: SourceState
    data_through: date
    """The last day that reports cover."""
    expected_through: date
    """The last day that should be complete; later than ``data_through`` when data is late."""
    hidden: frozenset[str] = frozenset()
    """Accounts of the sample that are in no report any more."""
    metric: str = ""
    """What the amounts are, as in ``TeamReport``."""
    past: bool = False
    """Whether the period is over: what is open today need not be of it, and nothing is recorded."""

    @property
    def span(self) -> DaySpan:
        return needed_span(self.data_through)

    @property
    def history(self) -> DaySpan:
        """The same span with the days before it that forecasts learn from."""
        return DaySpan(self.data_through - HISTORY, self.data_through)

    @property
    def window(self) -> WindowDays:
        return window_days(comparison_window(self.data_through))


@dataclass(frozen=True, slots=True)
class AdminOutlook:
    """What the admins' report says beyond the window."""

    month_to_date: Decimal | None = None
    forecast: Forecast | None = None
    forecast_record: TrackRecord | None = None
    alert_record: AlertRecord | None = None


def learning_words(learning_day: int | None, state: SourceState) -> str:
    """``12 of 35 days``: what detection knows of an account; empty once it is enough."""
    if learning_day is not None:
        return f"{learning_day} of {LEARNING_DAYS} days"
    if state.has_history or state.history is None:
        return ""
    return f"{state.history.months_read} of {state.history.months} months"
