"""Runs, frozen reports, deliveries."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from services.domain.audit import Actor
from services.domain.base import Value
from services.domain.costs import SourceName
from services.domain.figures import WindowDays
from services.domain.reports import RenderedReport


class RunKind(StrEnum):
    """Why a run exists."""

    WEEKLY = "weekly"
    TEAM = "team"
    DAILY = "daily"
    NOTICE = "notice"
    """A mail to the admins about the agent itself."""


class RunState(StrEnum):
    """Where a run is: only ``open`` ones are worked on."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


class RunSummary(Value):
    """What a planned run found."""

    accounts: int
    teams: int
    currency: str
    total: Decimal
    previous_total: Decimal
    anomalies: int
    data_through: date
    window: WindowDays


class Run(Value):
    """One execution for a period; owns the frozen reports and the deliveries."""

    id: str
    kind: RunKind
    source: SourceName
    period: str
    team_id: str | None = None
    repeat: int = 1
    state: RunState = RunState.OPEN
    planned: bool = False
    plan: int = 0
    """Fencing token under which it was planned; 0: made in one piece, without planning."""
    openings: int = 0
    """How often it was opened again, so that nobody closes what was opened since they looked."""
    transport: str
    """Name of the mail transport, fixed when the run begins."""
    requested_by: Actor
    created_at: datetime
    not_after: datetime
    """Deliveries still pending then expire."""
    summary: RunSummary | None = None
    finished_at: datetime | None = None
    last_error: str | None = None
    retry_at: datetime | None = None
    """When the clock may try again after an error; None: at once."""
    attempts: int = 0

    @property
    def ledger_id(self) -> str:
        """Under which its reports and deliveries are stored.

        Each planning stores its own, and only those of the one that was marked as planned
        count: what a dead or stale planner has left is never looked at.
        """
        return f"{self.id}~{self.plan}" if self.plan else self.id


class FrozenReport(Value):
    """A report as it was made for a run; all recipients and retries get this one."""

    id: str
    run_id: str
    """The run's ``ledger_id``."""
    kind: Literal["team", "admin", "notice"]
    team_id: str | None = None
    source: SourceName
    made_at: datetime
    rendered: RenderedReport
    preview: dict[str, object]
    """The JSON of the REST preview."""


class DeliveryState(StrEnum):
    """Where a delivery is; all but the first two are final until somebody retries."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    EXPIRED = "expired"


class DeliveryPhase(StrEnum):
    """How far a sending delivery has come."""

    CLAIM = "claim"
    """Claimed; nothing of the body has left this process."""
    DATA = "data"
    """The body may have been handed over; the answer is not stored."""


class Delivery(Value):
    """One message to one recipient of one run."""

    id: str
    run_id: str
    """The run's ``ledger_id``."""
    report_id: str
    source: SourceName
    channel: Literal["mail"] = "mail"
    recipient: str
    state: DeliveryState = DeliveryState.PENDING
    phase: DeliveryPhase | None = None
    fence: int = 0
    """Raised by each claim; every later write names it, so that a stale worker writes nothing."""
    owner: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    ambiguous: int = 0
    """How often the fate of a handed-over body stayed unknown."""
    not_before: datetime
    not_after: datetime
    message_id: str
    date: datetime
    """The mail's Date header, the same in every attempt."""
    raw_sha256: str | None = None
    """Of the bytes first handed over; a later attempt with other bytes is refused."""
    reply: str | None = None
    error: str | None = None
    updated_at: datetime
