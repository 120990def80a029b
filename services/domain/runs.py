"""Runs, their frozen reports and their deliveries."""

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
    """What a run delivers."""

    WEEKLY = "weekly"
    TEAM = "team"
    DAILY = "daily"
    NOTICE = "notice"
    """An email to the admins about the agent itself."""


class RunState(StrEnum):
    """The state of a run; workers only work on ``open`` runs."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


class RunSummary(Value):
    """The figures of a planned run."""

    accounts: int
    teams: int
    currency: str
    total: Decimal
    previous_total: Decimal
    anomalies: int
    data_through: date
    window: WindowDays
    metric: str = ""
    """As in ``TeamReport``; empty in runs of versions that did not store it."""


class Run(Value):
    """One execution for a period, which owns frozen reports and deliveries."""

    id: str
    kind: RunKind
    source: SourceName
    period: str
    team_id: str | None = None
    repeat: int = 1
    state: RunState = RunState.OPEN
    planned: bool = False
    plan: int = 0
    """Fencing token under which it was planned; 0: created whole, without planning."""
    openings: int = 0
    """How often it was reopened: closing it requires the number that was read, so that nobody closes
    a run that was reopened in the meantime."""
    transport: str
    """Name of the mail transport, fixed when the run is created."""
    requested_by: Actor
    created_at: datetime
    not_after: datetime
    """When deliveries that are still pending expire."""
    summary: RunSummary | None = None
    finished_at: datetime | None = None
    last_error: str | None = None
    retry_at: datetime | None = None
    """When the scheduler may try again after an error; None: at once."""
    attempts: int = 0

    @property
    def ledger_id(self) -> str:
        """The ID that its reports and deliveries are stored under.

        Each attempt to plan a run stores its own, and only those of the attempt that was marked as
        planned count. So what a dead or stale planner has left behind is never read.
        """
        return f"{self.id}~{self.plan}" if self.plan else self.id


class FrozenReport(Value):
    """A report as it was rendered for a run; all recipients and retries get the same one."""

    id: str
    run_id: str
    """The run's ``ledger_id``."""
    kind: Literal["team", "admin", "notice"]
    team_id: str | None = None
    source: SourceName
    made_at: datetime
    rendered: RenderedReport
    preview: dict[str, object]
    """The report as the REST preview's JSON."""


class DeliveryState(StrEnum):
    """The state of a delivery; all but the first two are final unless somebody retries."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    EXPIRED = "expired"


class DeliveryPhase(StrEnum):
    """How far a delivery in the state ``sending`` has come."""

    CLAIM = "claim"
    """Claimed; no part of the body has left this process."""
    DATA = "data"
    """The body may have been sent; the server's reply is not stored yet."""


class Delivery(Value):
    """One email to one recipient in one run."""

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
    """Fencing token: each claim raises it and every later write requires it, so that a stale worker
    writes nothing."""
    owner: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    ambiguous: int = 0
    """How often a body was sent without a reply, so that its fate is unknown."""
    not_before: datetime
    not_after: datetime
    message_id: str
    date: datetime
    """The email's Date header, the same in every attempt."""
    raw_sha256: str | None = None
    """Hash of the bytes that were sent first; a later attempt with other bytes is refused."""
    reply: str | None = None
    error: str | None = None
    updated_at: datetime
