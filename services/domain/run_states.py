"""Run IDs, groups of delivery states, and views of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain import (
    Delivery,
    DeliveryState,
    HistoryProgress,
    Run,
    RunKind,
    SourceName,
)

KEEP_TRYING = timedelta(days=3)
"""How long after its start a run still tries to deliver its emails."""
REPEAT_SEPARATOR = "."
"""Unreserved in URLs (RFC 3986, section 2.3), and in no source name, team ID or period."""
FORMER_REPEAT_SEPARATOR = "#"
"""In IDs of older runs. In a URL it begins the fragment, which clients do not send, so they got
the first run instead.
"""
SEPARATORS = (REPEAT_SEPARATOR, FORMER_REPEAT_SEPARATOR)
RETRYABLE = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN)
"""States that only a person can retry from."""
MAX_LISTED_DELIVERIES = 100
"""Deliveries that a view of a run has at most; its counts are of all."""
UNSETTLED = (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its counts, and some of its deliveries."""

    run: Run
    counts: dict[DeliveryState, int]
    deliveries: list[Delivery]
    history: HistoryProgress | None = None
    """How much of the cost history is read, while the run waits for it."""


@dataclass(frozen=True, slots=True)
class RunOutlook:
    """The run that a request would start or resume."""

    period: str
    repeat: int
    """The repetition that would be worked on."""
    sent: int
    """Emails of this period that have been sent already."""
    transport: str


def run_id(
    source: SourceName, kind: RunKind, period: str, team_id: str | None = None, repeat: int = 1
) -> str:
    """The ID that makes a run unique: source, kind, team, period and repetition."""
    parts = [source, kind.value, *([team_id] if team_id else []), period]
    return ":".join(parts) + (f"{REPEAT_SEPARATOR}{repeat}" if repeat > 1 else "")


def other_run_id(run_id: str) -> str | None:
    """The ID of a repetition with the other separator: stored IDs have either."""
    for separator, other in (SEPARATORS, SEPARATORS[::-1]):
        first_id, matched, repeat = run_id.rpartition(separator)
        if matched and repeat.isdecimal():
            return f"{first_id}{other}{repeat}"
    return None


def weekly_run_before(runs: Sequence[Run], period: str, at: datetime) -> Run | None:
    """The last weekly run planned before ``at``, for this period or an earlier one.

    A late report of an earlier week looks back from its own week, hence ``period``.
    """
    earlier = [
        run
        for run in runs
        if run.kind is RunKind.WEEKLY
        and run.planned
        and run.period <= period
        and run.created_at < at
    ]
    return max(earlier, key=lambda run: (run.period, run.repeat), default=None)
