"""Anomalies, what people said of them, and the alerts that told of them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from services.domain.base import Value
from services.domain.costs import SourceName

AnomalyStatus = Literal[
    "open", "ended", "expected", "not_an_anomaly", "too_small", "snoozed", "accepted"
]


class Resolution(Value):
    """What a person said of an anomaly."""

    by: str
    """Name, for reading."""
    by_id: str
    at: datetime
    until: date | None = None
    """Last day of a snooze; else the last day on which nothing is told of what is alike."""
    reason: str = ""
    excess: Decimal = Decimal(0)
    """The anomaly's excess at the answer; a snooze ends when it has doubled."""
    floor: Decimal | None = None
    """The account's floor that answered, below which nothing is told."""
    like: date | None = None
    """First day of the earlier anomaly whose answer was taken over."""


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
    answer: Resolution | None = None
    """The newest answer; None while nobody has answered."""
    raised_at: datetime
    updated_at: datetime


class AlertMinimum(Value):
    """Excess of an account's anomalies below which nothing is told of them."""

    account_id: str
    source: SourceName
    amount: Decimal
    by: str
    """Name of who has set it, for reading."""
    at: datetime
    entry: str = ""
    """The change in the audit trail."""


class AlertMinimumOffer(Value):
    """A floor that would have kept an anomaly quiet, and others of the account with it."""

    current: Decimal
    """What holds now."""
    amount: Decimal
    hidden: int
    """How many of the account's last alerts it would have kept quiet."""
    alerts: int
    """How many those were."""


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
