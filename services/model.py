"""The words of the product as values: teams, costs, windows, reports, runs, deliveries.

Amounts that people read are ``Decimal`` in the source's currency; days are UTC dates;
instants are aware datetimes.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

SourceName = Literal["datadog", "sample"]

SILENT_DAYS = 7

UNATTRIBUTED = "unattributed"
"""Account id under which costs without an account tag are kept."""


class Value(BaseModel):
    """A frozen value; equal when its fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Amounts

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half up to two places; never a negative zero."""
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def moved(current: Decimal, previous: Decimal) -> Decimal:
    """The change between two amounts as people read them: both are rounded first.

    Whoever subtracts the printed amounts gets the printed change, to the cent.
    """
    return cents(current) - cents(previous)


# Days and windows


@dataclass(frozen=True, slots=True, order=True)
class DaySpan:
    """A stretch of UTC days, both ends included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a span cannot end ({self.last}) before it begins ({self.first})")

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=i) for i in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def index(self, day: date) -> int:
        """Position of a day in the span; ValueError when it is outside."""
        if day not in self:
            raise ValueError(f"{day} is not within {self.first} to {self.last}")
        return (day - self.first).days

    def months(self) -> list["Month"]:
        """The calendar months that the span touches, in order."""
        found = [Month.of(self.first)]
        while found[-1].span.last < self.last:
            found.append(found[-1].next)
        return found


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> "Month":
        return Month.of(self.span.first - timedelta(days=1))

    @property
    def span(self) -> DaySpan:
        """All days of the month."""
        first = date(self.year, self.number, 1)
        return DaySpan(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class Window:
    """Two stretches of complete days that are compared."""

    current: DaySpan
    previous: DaySpan
    closed_months: bool = False


# Costs


class Category(StrEnum):
    """Charge category of a cost."""

    USAGE = "usage"
    CREDIT = "credit"
    REFUND = "refund"
    TAX = "tax"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class CostSeries:
    """Daily amounts of one account, service and charge category.

    ``amounts`` has one float64 for each day of the table's span; NaN means no data.
    A series of whole accounts has service ``""`` and category None.
    """

    account_id: str
    service: str
    category: Category | None
    amounts: "array[float]"


@dataclass(frozen=True, slots=True)
class CostTable:
    """Series over the same span, all in one currency (ISO 4217 code where one is known)."""

    span: DaySpan
    currency: str
    series: list[CostSeries]
    account_names: dict[str, str] = field(default_factory=dict)
    unknown_categories: frozenset[str] = frozenset()
    """Charge categories that were not known and counted as usage."""
    currency_stated: bool = True
    """False when the source named no currency and USD was assumed."""


@dataclass(frozen=True, slots=True)
class CostChange:
    """From an instant on, another amount is known of a day; NaN: none any more."""

    account_id: str
    service: str
    category: Category | None
    day: date
    at: datetime
    amount: float


class SourceState(Value):
    """What is known of a cost source between runs."""

    source: SourceName
    metric: str | None = None
    currency: str = "USD"
    currency_stated: bool = True
    data_through: date | None = None
    """Last day with complete data at the last refresh; None before the first."""
    expected_through: date | None = None
    """Last day that should have been complete at the last refresh."""
    refreshed_at: datetime | None = None
    unknown_categories: tuple[str, ...] = ()
    oldest_month: str | None = None
    """Month ("2025-08") before which the source keeps no data; None while not known."""


# Teams and stored settings


class Team(Value):
    """A team, its AWS account and who gets its report."""

    id: str
    team_name: str
    aws_account_id: str
    team_email: str
    admin_emails: tuple[str, ...] = ()
    anomaly_threshold: float | None = None
    """Own threshold in percent; None: the global one."""
    sample: bool = False
    version: int = 1
    created_at: datetime
    updated_at: datetime


class StoredConfig(Value):
    """Settings that admins change while the agent runs."""

    anomaly_threshold: float = 20.0
    """Percent."""
    min_increase: float = 25.0
    """Money, in the source's currency."""
    schedule_day: Literal[
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "monday"
    schedule_hour: int = 9
    schedule_timezone: str = "UTC"
    global_admin_emails: tuple[str, ...] = ()
    smtp_host: str | None = None
    smtp_port: int | None = None
    smtp_user: str | None = None
    smtp_password_encrypted: str | None = None
    sender_email: str | None = None
    schedule_since: datetime | None = None
    """First start or last schedule change: no slot before it is run by the clock."""
    owed: tuple[tuple[str, datetime], ...] = ()
    """(period, slot) of schedules before, so shortly before a change that they may not be begun."""
    version: int = 0


class Actor(Value):
    """Who asked, and through which door."""

    door: Literal["cli", "rest", "chat", "clock"]
    name: str = ""
    """For reading."""
    id: str = ""
    """What identifies the person: in chat the Entra object id."""


class AuditEntry(Value):
    """One change: who did what to what, when, with the values before and after."""

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    undone_at: datetime | None = None


Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")


class ApiKey(Value):
    """A key of the REST API; the key itself is not kept, only its hash."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_sha256: str
    created_at: datetime
    created_by: Actor
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""

    def trouble(self, now: datetime) -> str | None:
        """Why it opens nothing any more; None while it does."""
        if self.revoked_at is not None:
            return "The API key was revoked."
        if self.expires_at is not None and self.expires_at <= now:
            return "The API key has expired."
        return None


# Anomalies


AnomalyStatus = Literal[
    "open", "ended", "expected", "not_an_anomaly", "too_small", "snoozed", "accepted"
]


class Answer(Value):
    """What a person said of an anomaly."""

    by: str
    """Name, for reading."""
    by_id: str
    at: datetime
    until: date | None = None
    """Last day of a snooze."""
    reason: str = ""
    excess: Decimal = Decimal(0)
    """The anomaly's excess at the answer; a snooze ends when it has doubled."""


class Anomaly(Value):
    """One event of one account; its id is fixed when it is first raised."""

    id: str
    kind: Literal["threshold", "spike", "shift", "drift"]
    source: SourceName
    account_id: str
    service: str
    """The driver: the service with the largest usage increase."""
    start: date
    end: date | None = None
    """Last day of an ended anomaly; None while open."""
    last: date | None = None
    """Last day that belongs to it so far; None for a threshold, which is about a month."""
    excess: Decimal
    """Money above what was expected, so far."""
    usage: Decimal | None = None
    """The account's usage in its days."""
    shares: tuple[tuple[str, Decimal], ...] = ()
    """Excess by service, largest first."""
    group: str = ""
    """The same for accounts that moved together."""
    currency: str = "USD"
    status: AnomalyStatus = "open"
    answer: Answer | None = None
    """The newest answer; None while nobody has answered."""
    raised_at: datetime
    updated_at: datetime


class Alert(Value):
    """A card that tells a conversation of something, and is updated in place."""

    id: str
    """Subject and conversation."""
    subject: str
    """The anomaly's id, or ``run:`` and the id of a run that did not go out."""
    source: SourceName
    conversation_id: str
    state: Literal["pending", "posting", "posted", "failed", "unknown"] = "pending"
    """``posting``: handed to Teams, whose answer is not stored; ``unknown``: it never came, and
    the card is not posted again."""
    fence: int = 0
    """Raised by each change, which names the one before: a stale worker changes nothing."""
    activity_id: str | None = None
    """The message, once it is posted."""
    thread: str | None = None
    """The conversation that the message is changed in: in a channel, the thread it began."""
    shown: str = ""
    """Fingerprint of what the card shows, so that it is updated only when that changes."""
    excess_told: Decimal = Decimal(0)
    """Excess that people were last told of by a message; twice as much is told again."""
    error: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def message(self) -> "PostedMessage | None":
        """The message, where there is one that can be changed."""
        if not self.activity_id:
            return None
        return PostedMessage(self.activity_id, self.thread or self.conversation_id)


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message of ours in Teams: what is needed to change it, or to answer below it."""

    activity_id: str
    conversation_id: str
    """With the thread it stands in."""


class WhatIfEvent(Value):
    """An account that would have been marked in a month."""

    team_name: str
    aws_account_id: str
    service: str
    day: date
    """The first day as of which it would have been marked."""
    excess: Decimal


class WhatIf(Value):
    """What another threshold would have marked in the past."""

    span: "SpanDays"
    currency: str
    threshold: float
    """Percent as it is; ``candidate``: as it might be."""
    candidate: float
    min_increase: float
    candidate_min_increase: float
    marked: int
    candidate_marked: int
    missed: tuple[WhatIfEvent, ...] = ()
    """Marked now and not by the candidate, largest first."""
    added: tuple[WhatIfEvent, ...] = ()


class WeekCost(Value):
    """Net cost of a week of a history; the last may be shorter."""

    first: date
    last: date
    amount: Decimal
    change_percent: Decimal | None = None
    """Against the week before; None for the first, and from nothing."""


class CostHistory(Value):
    """Daily net costs of a team's account."""

    team: Team
    span: "SpanDays"
    currency: str
    data_through: date
    days: tuple["DayAmount", ...]
    services: tuple[tuple[str, tuple["DayAmount", ...]], ...] = ()
    """The largest services, at most two, with their days."""
    weeks: tuple[WeekCost, ...] = ()
    total: Decimal
    sample: bool = False


class CostRow(Value):
    """Costs of one team's account on one day."""

    team_id: str
    aws_account_id: str
    day: date
    currency: str
    total: Decimal
    """Net, all charge categories; ``usage``: that category alone."""
    usage: Decimal
    services: tuple[tuple[str, Decimal], ...]
    """(name, net cost), by name; they add up to the total."""
    sample: bool = False


# People and conversations in Teams


class Person(Value):
    """Somebody in Teams, known by Entra object id and tenant; the name is for reading only."""

    object_id: str
    tenant_id: str
    name: str = ""
    user_id: str = ""
    """The id by which the channel knows the person ("29:…")."""


Role = Literal["viewer", "admin"]


class AdminEntry(Value):
    """Somebody who was made an admin."""

    object_id: str
    tenant_id: str
    name: str
    since: datetime
    by: str


class Conversation(Value):
    """A Teams conversation that the app is in; where messages can be posted without being asked."""

    id: str
    """Without the part of a thread."""
    kind: Literal["personal", "group", "channel"]
    service_url: str
    tenant_id: str
    bot_id: str
    title: str = ""
    state: Literal["active", "uninstalled", "blocked"] = "active"
    welcomed: bool = False
    alerts_since: datetime | None = None
    """Since when alerts go here; None: they do not."""
    alerts_by: str = ""
    updated_at: datetime


class PlannedChange(Value):
    """A change of usage that somebody announced: no alert for it, reported against the plan."""

    id: str
    account_id: str
    percent: Decimal
    """Usage above the month before, in percent."""
    first: date
    last: date
    reason: str = ""
    by: str
    at: datetime


class PendingImport(Value):
    """Teams that were checked and wait for Confirm."""

    id: str
    text: str
    by_id: str
    at: datetime


class OpenCard(Value):
    """A card that still changes by itself: brought to its end also after a restart."""

    id: str
    """Conversation and message."""
    conversation_id: str
    """With the thread it stands in."""
    service_url: str
    activity_id: str
    run_id: str | None = None
    """The run whose progress it shows; None: a command that was being worked on."""
    last: dict[str, object] | None = None
    """How it is to look in the end, when that could not be shown yet."""
    asked_by: str = ""
    owner: str = ""
    """The worker that keeps it up to date."""
    created_at: datetime
    touched_at: datetime | None = None
    """When its owner was last there."""


# Figures: what the analysis says of one account or of all


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


class Forecast(Value):
    """Net cost expected at month end, with the ends of the 80 % range."""

    month: str
    amount: Decimal
    low: Decimal
    high: Decimal


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
    forecast: Forecast | None = None
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


class Restatement(Value):
    """A closed report whose total has moved since it was sent."""

    label: str
    reported_on: date
    reported: Decimal
    now: Decimal
    percent: Decimal


class TeamReport(Value):
    """What a team's mail says."""

    team: Team
    figures: AccountFigures
    anomalies: tuple[Anomaly, ...] = ()
    """Open ones, largest excess first."""
    restatement: Restatement | None = None
    plan: PlannedChange | None = None
    """A change that was announced for days of the window."""
    expected_through: date
    """Last day that should be complete; later than figures.data_through when data is late."""
    sample: bool = False
    period: str
    made_at: datetime


class TeamLine(Value):
    """One team in the admin report."""

    id: str
    team_name: str
    aws_account_id: str
    current: Decimal
    previous: Decimal
    change_percent: Decimal | None
    above_threshold: bool = False


class UnmappedAccount(Value):
    """An account with costs and no team."""

    aws_account_id: str
    account_name: str | None = None
    current: Decimal
    previous: Decimal


class SilentTeam(Value):
    """A team whose account has no data in the window."""

    id: str
    team_name: str
    aws_account_id: str
    last_day: date | None = None


class AnomalyLine(Value):
    """An open anomaly with the name of its team."""

    team_name: str
    anomaly: Anomaly


class DeliveryRecap(Value):
    """How the mails of an earlier period went."""

    period: str
    sent: int
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason)"""
    open: int = 0


class AdminReport(Value):
    """What the admins' mail says."""

    window: WindowDays
    data_through: date
    expected_through: date
    currency: str
    accounts: int
    current_total: Decimal
    previous_total: Decimal
    change_percent: Decimal | None
    usage_current: Decimal
    usage_previous: Decimal
    threshold: float
    """Percent by which all accounts together may move without a word."""
    categories: tuple[CategoryAmounts, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    teams: tuple[TeamLine, ...]
    """All teams, largest absolute change first."""
    unmapped: tuple[UnmappedAccount, ...] = ()
    silent: tuple[SilentTeam, ...] = ()
    anomalies: tuple[AnomalyLine, ...] = ()
    deliveries: DeliveryRecap | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the admins, such as unknown charge categories."""
    sample: bool = False
    period: str
    made_at: datetime


class Attachment(Value):
    """A file beside the mail."""

    name: str
    content_type: str
    content: bytes


class RenderedReport(Value):
    """A report as people read it."""

    subject: str
    preheader: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()


# Runs, frozen reports, deliveries


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
    channel: Literal["mail", "teams"] = "mail"
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


# What those see who watch the agent from outside


@dataclass(frozen=True, slots=True)
class Facts:
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


# What conversations are told


class AnomalyNews(Value):
    """All that a card says of an anomaly."""

    anomaly: Anomaly
    team: Team | None
    """None when the account's team was removed."""
    figures: AccountFigures | None = None
    """None when there are no costs to show."""
    grown_from: Decimal | None = None
    """The excess that the conversation was told before, when it has doubled since."""
    sample: bool = False


class DigestNews(Value):
    """Anomalies in one message: accounts that moved together, or more than an hour's cards."""

    lines: tuple[AnomalyLine, ...]
    together: bool = False
    """They have a driver and a beginning in common."""
    sample: bool = False


class RunNews(Value):
    """A run that did not go out, or not in full."""

    run: Run
    sent: int = 0
    waiting: int = 0
    """Mails that are still to be sent."""
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason)"""
    sample: bool = False


News = AnomalyNews | DigestNews | RunNews
