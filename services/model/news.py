"""What conversations are told."""

from decimal import Decimal

from services.model.anomalies import Anomaly, Floor, FloorOffer
from services.model.base import Value
from services.model.figures import AccountFigures
from services.model.reports import AnomalyLine
from services.model.runs import Run
from services.model.teams import Team


class AnomalyNews(Value):
    """All that a card says of an anomaly."""

    anomaly: Anomaly
    team: Team | None
    """None when the account's team was removed."""
    figures: AccountFigures | None = None
    """None when there are no costs to show."""
    grown_from: Decimal | None = None
    """The excess that the conversation was told before, when it has doubled since."""
    is_back: bool = False
    """It was quiet for a while and is open again by itself."""
    floor: Floor | None = None
    """The account's own floor, where the anomaly was said to be too small."""
    offer: FloorOffer | None = None
    """A higher one that would have kept it quiet."""
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
