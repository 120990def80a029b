"""Reports to teams and admins: their content, and the rendered emails."""

from datetime import date, datetime
from decimal import Decimal

from services.domain.anomalies import Anomaly, AnomalyStatus
from services.domain.base import Value
from services.domain.explanations import Explanation
from services.domain.figures import (
    AccountFigures,
    CategoryAmounts,
    DataState,
    ServiceChange,
    ServiceMove,
    Spent,
    WindowDays,
)
from services.domain.forecasts import Forecast, TrackRecord
from services.domain.planned_changes import PlannedChange
from services.domain.teams import Team


class Restatement(Value):
    """A report of a closed period whose total has changed since it was sent."""

    label: str
    reported_on: date
    reported: Decimal
    now: Decimal
    percent: Decimal | None
    """None from an amount that is printed as zero."""


class TeamReport(Value):
    """The content of a team's email."""

    team: Team
    figures: AccountFigures
    anomalies: tuple[Anomaly, ...] = ()
    """Open ones, largest excess first."""
    ended: tuple[Anomaly, ...] = ()
    """Those of the last week that had already ended when raised, largest excess first."""
    learning: str = ""
    """How much of what detection needs is known, "12 of 35 days"; empty once it is enough."""
    has_detected: bool = True
    """Whether detection has run, so that no anomalies means that there are none."""
    restatement: Restatement | None = None
    planned_change: PlannedChange | None = None
    """An announced usage change that overlaps the window."""
    expected_through: date
    """Last day that should be complete; later than ``figures.data_through`` if data is late."""
    sample: bool = False
    source_title: str
    """The cost source's name as written in the middle of a sentence."""
    metric: str = ""
    """What the amounts are, by the source's name for its metric: "net amortized", "list price"."""
    contacts: tuple[str, ...] = ()
    """The addresses of the admins, who answer questions about it."""
    period: str
    made_at: datetime


class TeamLine(Value):
    """One team in the admin report."""

    id: str
    team_name: str
    aws_account_id: str
    current: Decimal
    previous: Decimal
    is_new_spend: bool = True
    """Whether there was no cost before, not even usage that credits covered."""
    above_threshold: bool = False
    state: DataState = DataState.CURRENT
    last_day: date | None = None
    """Last day with data; None if there is no data."""
    week_rise: bool = False
    """Its last seven days exceed those before by more than the threshold."""
    learning: bool = False
    """Detection does not know enough of the account's costs yet."""


class UnmappedAccount(Value):
    """An account that has costs but no team."""

    aws_account_id: str
    account_name: str | None = None
    current: Decimal
    previous: Decimal
    is_new_spend: bool = True
    """As of a team."""
    state: DataState = DataState.CURRENT
    last_day: date | None = None
    """The last day with costs."""


class ComparedAccount(Value):
    """An account as part of a total; one that is left out has amounts of zero."""

    aws_account_id: str
    current: Decimal
    previous: Decimal
    window: WindowDays | None
    """Its compared days: a late account has a window of its own, one that is left out has none."""
    state: DataState = DataState.CURRENT


class LateAccount(Value):
    """An account whose last days are missing, so that it is compared over its own days."""

    aws_account_id: str
    name: str
    """Of the team, or else of the account."""
    last_day: date
    left_out: bool
    """Whether it has too few days to compare."""


class MissingData(Value):
    """The silent accounts whose costs fell, and what moved without them."""

    accounts: int
    current: Decimal
    previous: Decimal
    other_explanation: Explanation
    """Of all other accounts."""


class SilentTeam(Value):
    """A team whose account has stopped having data."""

    id: str
    team_name: str
    aws_account_id: str
    last_day: date | None = None
    spent: Spent | None = None


class AnomalyLine(Value):
    """An anomaly and the name of its team."""

    team_name: str
    anomaly: Anomaly
    above_threshold: bool = False
    """The account is also above its threshold, which gets no line of its own."""


class DeliveryRecap(Value):
    """How the delivery of an earlier period's emails went."""

    period: str
    sent: int
    failed: tuple[tuple[str, str], ...] = ()
    """(recipient, reason)"""
    open: int = 0


class AlertRecord(Value):
    """What happened to the anomalies that were raised in the last days."""

    days: int
    statuses: tuple[tuple[AnomalyStatus, int], ...] = ()
    """The number of anomalies in each status that occurs."""
    found_at_install: int = 0
    """Anomalies that began before the agent was installed, which are not counted above."""
    median_days: Decimal | None = None
    """Median days from the first day of a detected event to its alert; None without alerts."""

    @property
    def total(self) -> int:
        return sum(number for _, number in self.statuses)


class AdminReport(Value):
    """The content of the admins' email."""

    window: WindowDays
    data_through: date
    expected_through: date
    currency: str
    metric: str = ""
    """As in ``TeamReport``."""
    accounts: int
    current_total: Decimal
    previous_total: Decimal
    usage_current: Decimal
    usage_previous: Decimal
    threshold: float
    """The threshold for all accounts together, in percent."""
    categories: tuple[CategoryAmounts, ...] = ()
    services: tuple[ServiceChange, ...] = ()
    explanation: Explanation | None = None
    """The change of all accounts together, line by line."""
    moves: tuple[ServiceMove, ...] = ()
    """Moves from one service to another, largest first, each with all its accounts."""
    month_to_date: Decimal | None = None
    """Net cost of all accounts together in the month of ``data_through``."""
    forecast: Forecast | None = None
    """The forecast for all accounts together; None where the past allows no honest range."""
    forecast_record: TrackRecord | None = None
    """How accurate earlier forecasts were."""
    alert_record: AlertRecord | None = None
    has_detected: bool = True
    """Whether detection has run, so that no anomalies means that there are none."""
    teams: tuple[TeamLine, ...]
    """All teams, largest absolute change first."""
    compared: tuple[ComparedAccount, ...] = ()
    """All accounts in the totals, by ID."""
    late: tuple[LateAccount, ...] = ()
    missing: MissingData | None = None
    unmapped: tuple[UnmappedAccount, ...] = ()
    silent: tuple[SilentTeam, ...] = ()
    anomalies: tuple[AnomalyLine, ...] = ()
    restated: tuple[tuple[str, Restatement], ...] = ()
    """(team name, restatement of its last report), largest change first."""
    deliveries: DeliveryRecap | None = None
    notes: tuple[str, ...] = ()
    """Full sentences for the admins, for example about unknown charge categories."""
    sample: bool = False
    period: str
    made_at: datetime


class Attachment(Value):
    """A file attached to an email."""

    name: str
    content_type: str
    content: bytes


class RenderedReport(Value):
    """A report as an email: subject, body and attachments."""

    subject: str
    preheader: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()
