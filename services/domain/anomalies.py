"""Anomalies, their resolutions, and the alerts about them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from services.domain.amounts import cents
from services.domain.base import Value
from services.domain.costs import SourceName

WHOLE_ACCOUNT = "All services"
"""The driver of an event in which no single service stands out."""

AnomalyStatus = Literal[
    "open", "ended", "expected", "not_an_anomaly", "too_small", "snoozed", "accepted"
]


class Resolution(Value):
    """A person's decision about an anomaly, or one that was adopted from an earlier anomaly."""

    by: str
    """Name, for display only."""
    by_id: str
    at: datetime
    until: date | None = None
    """Last day of a snooze; otherwise the last day on which similar anomalies are suppressed."""
    reason: str = ""
    excess: Decimal = Decimal(0)
    """The anomaly's excess when it was resolved; a snooze ends when it has doubled."""
    floor: Decimal | None = None
    """The account's alert minimum that resolved it automatically."""
    like: date | None = None
    """First day of the earlier anomaly whose resolution was adopted."""


@dataclass(frozen=True, slots=True)
class EventAmounts:
    """What was spent above what was expected, by one driver or by a whole account."""

    excess: Decimal
    actual: Decimal | None
    """None if it is not known."""

    @property
    def expected(self) -> Decimal | None:
        """From the amounts as printed, so that actual − expected is the printed excess.

        None where that is below zero: the costs were restated since, and it is not known.
        """
        if self.actual is None:
            return None
        expected = cents(self.actual) - cents(self.excess)
        return expected if expected >= 0 else None


class Anomaly(Value):
    """One event in one account; its ID is fixed when it is first raised."""

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
    """Last day that belongs to it so far. A threshold has no onset: ``start`` and ``last`` are those of
    the days that are compared, or None in ``last`` if an earlier version raised it."""
    excess: Decimal
    """The account's cost above what was expected, so far. Beside the driver stands ``driver``."""
    usage: Decimal | None = None
    """The account's usage cost during the event."""
    driver_usage: Decimal | None = None
    """The driver's usage cost during the event; None in those recorded before it was stored."""
    shares: tuple[tuple[str, Decimal], ...] = ()
    """Excess by service, largest first."""
    group: str = ""
    """The same ID for all accounts that moved together."""
    currency: str = "USD"
    status: AnomalyStatus = "open"
    answer: Resolution | None = None
    """The newest resolution; None while nobody has answered. Stored under this name."""
    raised_at: datetime
    updated_at: datetime
    found_at_install: bool = False
    """It began before the agent was installed, so it says nothing about how alerts are answered."""

    @property
    def last_day(self) -> date | None:
        """The last day that it is dated by; None while it lasts.

        A threshold has no onset: it is dated by the days that are compared.
        """
        return self.last or self.end if self.kind == "threshold" else self.end

    @property
    def account(self) -> EventAmounts:
        """The amounts of the account."""
        return EventAmounts(self.excess, self.usage)

    @property
    def driver(self) -> EventAmounts | None:
        """The amounts of the driver alone; None for a threshold, and if its excess is not known."""
        if self.service == WHOLE_ACCOUNT:
            return self.account
        excess = dict(self.shares).get(self.service)
        return None if excess is None else EventAmounts(excess, self.driver_usage)

    @property
    def amounts(self) -> EventAmounts:
        """What an alert is about: the driver's amounts, or the account's where it has none.

        A crossed threshold is the account's. ``is_of_driver`` tells the two apart.
        """
        return self.driver or self.account

    @property
    def is_of_driver(self) -> bool:
        """Whether ``amounts`` are the driver's, so that they may stand beside its name."""
        return self.driver is not None


class AlertMinimum(Value):
    """The excess below which an account's anomalies raise no alerts."""

    account_id: str
    source: SourceName
    amount: Decimal
    by: str
    """Name of the person who set it, for display only."""
    at: datetime
    entry: str = ""
    """ID of the change in the audit trail."""


class AlertMinimumOffer(Value):
    """An alert minimum that would have suppressed an anomaly, and others in its account."""

    current: Decimal
    """The minimum that applies now."""
    amount: Decimal
    hidden: int
    """How many of the account's last alerts it would have suppressed."""
    alerts: int
    """How many alerts the account had."""


class Alert(Value):
    """A card about one subject in one conversation; it is updated in place."""

    id: str
    """Made from the subject and the conversation."""
    subject: str
    """The anomaly's ID, or ``run:`` and the ID of a run that is in trouble."""
    source: SourceName
    conversation_id: str
    state: Literal["pending", "posting", "posted", "failed", "unknown"] = "pending"
    """``posting``: sent to Teams, no response stored yet; ``unknown``: no response came, and the
    card is not posted again, as it may be there."""
    fence: int = 0
    """Fencing token: each change raises it on condition of the previous one, so that a stale worker
    writes nothing."""
    activity_id: str | None = None
    """ID of the message, once it is posted."""
    thread: str | None = None
    """The conversation ID for updating the message: in a channel, the thread that it started."""
    shown: str = ""
    """Hash of the card's content; the card is updated only when it changes."""
    excess_told: Decimal = Decimal(0)
    """Excess at the last notification; people are notified again when it has doubled."""
    error: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def message(self) -> "PostedMessage | None":
        """The posted message; None if there is no message to update."""
        if not self.activity_id:
            return None
        return PostedMessage(self.activity_id, self.thread or self.conversation_id)


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message of the bot in Teams, with what is needed to update it or to reply to it."""

    activity_id: str
    conversation_id: str
    """Includes the message's thread."""
