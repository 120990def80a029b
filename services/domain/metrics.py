"""The state of the agent for monitoring."""

from dataclasses import dataclass, field
from datetime import datetime

from services.domain.runs import RunKind


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Gauges for the active cost source; without teams and data while MongoDB is unavailable."""

    failing: tuple[str, ...] = ()
    """Names of the failing components."""
    clock_skew_seconds: float = 0.0
    """How far this machine's clock is ahead of MongoDB's."""
    last_success: dict[RunKind, datetime] = field(default_factory=dict)
    data_through: datetime | None = None
    """The end of the last complete day."""
    teams: int | None = None
    open_anomalies: dict[str, int] = field(default_factory=dict)
    """By kind."""
    weekly_deliveries: dict[str, int] = field(default_factory=dict)
    """Number of deliveries of the newest weekly run, by state."""
