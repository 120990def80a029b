"""What those see who watch the agent from outside."""

from dataclasses import dataclass, field
from datetime import datetime

from services.domain.runs import RunKind


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Numbers of the active source; without teams and data while MongoDB does not answer."""

    ill: tuple[str, ...] = ()
    """Names of the parts that are ill."""
    last_success: dict[RunKind, datetime] = field(default_factory=dict)
    data_through: datetime | None = None
    """The end of the last complete day."""
    teams: int | None = None
    open_anomalies: dict[str, int] = field(default_factory=dict)
    """By kind."""
    weekly_deliveries: dict[str, int] = field(default_factory=dict)
    """Of the newest weekly run, by state."""
