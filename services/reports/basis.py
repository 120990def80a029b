"""What all reports of one period have in common."""

from dataclasses import dataclass
from datetime import date, datetime

from services.analysis.track_record import HISTORY
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
    past: bool = False
    """Whether the period is over: what is open today need not be of it, and nothing is recorded."""

    @property
    def span(self) -> DaySpan:
        return needed_span(self.data_through)

    @property
    def history(self) -> DaySpan:
        """The same span with the days before it that show how accurate forecasts were."""
        return DaySpan(min(self.span.first, self.data_through - HISTORY), self.data_through)

    @property
    def window(self) -> WindowDays:
        return window_days(comparison_window(self.data_through))


@dataclass(frozen=True, slots=True)
class AdminOutlook:
    """What the admins' report says beyond the window."""

    forecast: Forecast | None = None
    forecast_record: TrackRecord | None = None
    alert_record: AlertRecord | None = None
