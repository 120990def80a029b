"""The content of alerts, before it becomes cards."""

from decimal import Decimal

from services.domain.anomalies import AlertMinimum, AlertMinimumOffer, Anomaly
from services.domain.base import Value
from services.domain.figures import AccountFigures
from services.domain.reports import AnomalyLine
from services.domain.runs import Run
from services.domain.teams import Team


class AnomalyContent(Value):
    """Everything that a card shows about an anomaly."""

    anomaly: Anomaly
    team: Team | None
    """None if the account's team was removed."""
    figures: AccountFigures | None = None
    """None if there are no costs to show."""
    grown_from: Decimal | None = None
    """The excess at the last alert, if it has doubled since."""
    has_reopened: bool = False
    """It was suppressed for a while, and has become open again automatically."""
    minimum: AlertMinimum | None = None
    """The account's own alert minimum, if the anomaly was resolved as too small."""
    offer: AlertMinimumOffer | None = None
    """A higher alert minimum that would have suppressed it."""
    sample: bool = False


class DigestContent(Value):
    """Several anomalies in one message.

    Either their accounts moved together, or there were too many for one hour's cards.
    """

    lines: tuple[AnomalyLine, ...]
    together: bool = False
    """They share a driver and a first day."""
    sample: bool = False


class RunContent(Value):
    """A run of which some or all emails were not sent."""

    run: Run
    sent: int = 0
    waiting: int = 0
    """Emails that still have to be sent."""
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason) of as many as are shown"""
    more_failed: int = 0
    sample: bool = False

    @property
    def failed_count(self) -> int:
        """All emails that failed."""
        return len(self.failed) + self.more_failed


AlertContent = AnomalyContent | DigestContent | RunContent
