"""Reports to teams and admins, as figures and as rendered."""

from datetime import date, datetime
from decimal import Decimal

from services.domain.anomalies import Anomaly, AnomalyStatus
from services.domain.base import Value
from services.domain.explanations import Explanation, SharedMove
from services.domain.figures import AccountFigures, CategoryAmounts, ServiceChange, WindowDays
from services.domain.forecasts import Forecast, TrackRecord
from services.domain.planned_changes import PlannedChange
from services.domain.teams import Team


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
    ended: tuple[Anomaly, ...] = ()
    """Those of the last week that were over when they were raised, largest excess first."""
    restatement: Restatement | None = None
    planned_change: PlannedChange | None = None
    """A change that was announced for days of the window."""
    expected_through: date
    """Last day that should be complete; later than figures.data_through when data is late."""
    sample: bool = False
    source_title: str
    """What the cost source is called in a sentence."""
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
    above_threshold: bool = False
    """A detected event that stands for a crossed threshold, which has no line of its own."""


class DeliveryRecap(Value):
    """How the mails of an earlier period went."""

    period: str
    sent: int
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason)"""
    open: int = 0


class AlertRecord(Value):
    """What became of the anomalies that were raised in the last days."""

    days: int
    statuses: tuple[tuple[AnomalyStatus, int], ...] = ()
    """How many there are of each status, only those that occur."""
    median_days: Decimal | None = None
    """From the first day of a detected event to its alert; None without any."""

    @property
    def total(self) -> int:
        return sum(number for _, number in self.statuses)


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
    explanation: Explanation | None = None
    """The change of all accounts together, line by line."""
    shared_moves: tuple[SharedMove, ...] = ()
    """Services that moved the same way in many accounts, largest first."""
    forecast: Forecast | None = None
    """Of all accounts together."""
    forecast_record: TrackRecord | None = None
    """How such forecasts came out before."""
    alert_record: AlertRecord | None = None
    teams: tuple[TeamLine, ...]
    """All teams, largest absolute change first."""
    unmapped: tuple[UnmappedAccount, ...] = ()
    silent: tuple[SilentTeam, ...] = ()
    anomalies: tuple[AnomalyLine, ...] = ()
    restated: tuple[tuple[str, Restatement], ...] = ()
    """(team name, what its last report said and is not so any more), largest change first."""
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
