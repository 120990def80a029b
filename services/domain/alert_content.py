"""What the alerts of conversations say."""

from decimal import Decimal

from services.domain.anomalies import AlertMinimum, AlertMinimumOffer, Anomaly
from services.domain.base import Value
from services.domain.figures import AccountFigures
from services.domain.reports import AnomalyLine
from services.domain.runs import Run
from services.domain.teams import Team


class AnomalyContent(Value):
    """All that a card says of an anomaly."""

    anomaly: Anomaly
    team: Team | None
    """None when the account's team was removed."""
    figures: AccountFigures | None = None
    """None when there are no costs to show."""
    grown_from: Decimal | None = None
    """The excess of the last alert, when it has doubled since."""
    has_reopened: bool = False
    """It was suppressed for a while, and is open again without anybody reopening it."""
    floor: AlertMinimum | None = None
    """The account's own alert minimum, where the anomaly was said to be too small."""
    offer: AlertMinimumOffer | None = None
    """A higher one that would have suppressed it."""
    sample: bool = False


class DigestContent(Value):
    """Anomalies in one message: accounts that moved together, or more than an hour's cards."""

    lines: tuple[AnomalyLine, ...]
    together: bool = False
    """They have a driver and an onset in common."""
    sample: bool = False


class RunContent(Value):
    """A run that did not go out, or not in full."""

    run: Run
    sent: int = 0
    waiting: int = 0
    """Emails that are still to be sent."""
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason)"""
    sample: bool = False


AlertContent = AnomalyContent | DigestContent | RunContent
