"""What the routes answer; the OpenAPI document is made from these and so says what is true.

Money is a decimal string with two places, days are ISO dates, instants are in UTC.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from services.domain import Actor, AnomalyStatus, DeliveryState, RunKind, RunState, SourceName
from services.domain.formatting import plain_money

Money = Annotated[
    Decimal,
    PlainSerializer(plain_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"}, mode="serialization"),
]
Instant = Annotated[
    datetime,
    # MongoDB keeps milliseconds: what was not stored yet must read as it will be read back.
    PlainSerializer(lambda value: value.isoformat(timespec="milliseconds"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
AnomalyKind = Literal["threshold", "spike", "shift", "drift"]


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class About(Answer):
    """What this is."""

    name: str
    version: str
    source: SourceName
    sample: bool
    banner: str = Field(description="How the door stands, and whether the data is a sample.")


class HealthAnswer(Answer):
    """Whether the agent is well."""

    status: Literal["healthy", "unhealthy"]
    timestamp: Instant
    failing: list[str] = Field(
        [], exclude_if=lambda parts: not parts, description="The parts that are ill."
    )


class Job(Answer):
    """Something that the clock does."""

    id: str
    next_run_time: Instant
    next_runs: list[Instant]


class SchedulerAnswer(Answer):
    """What the clock does next."""

    running: bool
    jobs: list[Job]


class TeamAnswer(Answer):
    """A team."""

    id: str
    team_name: str
    aws_account_id: str
    team_email: str
    admin_emails: list[str]
    anomaly_threshold: float | None
    sample: bool
    created_at: Instant
    updated_at: Instant


class RowProblemAnswer(Answer):
    """Why a row was not taken."""

    index: int = Field(description="Of the row, from 0.")
    line: int = Field(description="Of the file, from 1.")
    field: str
    reason: str


class RowChange(Answer):
    """What an import changes of a team; only what differs is named."""

    index: int
    action: Literal["create", "update"]
    team_name: str
    aws_account_id: str
    before: dict[str, Any] | None
    after: dict[str, Any]


class BulkAnswer(Answer):
    """What an import did, or in a dry run would do."""

    created: int
    updated: int
    unchanged: int
    failed: list[RowProblemAnswer]
    changes: list[RowChange]


class ConfigAnswer(Answer):
    """The stored settings; the password is never answered."""

    anomaly_threshold: float
    min_increase: float
    schedule_day: str
    schedule_hour: int
    schedule_timezone: str
    global_admin_emails: list[str]
    smtp_host: str
    smtp_port: int | None
    smtp_user: str
    smtp_password_set: bool
    sender_email: str


class CostRowAnswer(Answer):
    """Costs of a team's account on a UTC day."""

    team_id: str
    aws_account_id: str
    date: date
    total: Money = Field(description="Net, all charge categories.")
    usage: Money = Field(description="Usage alone.")
    currency: str
    services: dict[str, Money] = Field(description="Net cost by service.")
    sample: bool


class AnswerAnswer(Answer):
    """What somebody said of an anomaly."""

    by: str
    at: Instant
    until: date | None
    reason: str


class AnomalyAnswer(Answer):
    """An anomaly."""

    id: str
    kind: AnomalyKind
    status: AnomalyStatus
    team_id: str | None = Field(description="null: no team has the account now.")
    team_name: str | None
    aws_account_id: str
    service: str
    start: date
    end: date | None
    excess: Money
    currency: str
    answer: AnswerAnswer | None
    raised_at: Instant
    updated_at: Instant
    sample: bool


class Stretch(Answer):
    """Days, both ends included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class WindowAnswer(Answer):
    """Two stretches that are compared."""

    current: Stretch
    previous: Stretch


MoneyText = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"})]


class ServiceAnswer(Answer):
    """Net cost of a service in both stretches."""

    name: str
    current: MoneyText
    previous: MoneyText


class PreviewAnomaly(Answer):
    """An anomaly in a report."""

    id: str
    kind: AnomalyKind
    service: str
    start: date
    end: date | None
    excess: MoneyText
    status: AnomalyStatus


class PreviewAnswer(Answer):
    """A team's report as it would be sent now."""

    subject: str
    html: str
    text: str
    currency: str
    data_through: date
    window: WindowAnswer
    current_total: MoneyText
    previous_total: MoneyText
    change_percent: float | None = Field(description="null: there was nothing before.")
    usage_current: MoneyText
    usage_previous: MoneyText
    services: list[ServiceAnswer]
    anomalies: list[PreviewAnomaly]
    sample: bool


class PreviewTeam(Answer):
    """A team in the consolidated report."""

    id: str
    team_name: str
    aws_account_id: str
    current: MoneyText
    previous: MoneyText
    change_percent: float | None


class PreviewUnmapped(Answer):
    """An account with costs and no team."""

    aws_account_id: str
    account_name: str | None
    current: MoneyText


class PreviewSilent(Answer):
    """A team whose account has no data."""

    id: str
    team_name: str


class AdminPreviewAnswer(PreviewAnswer):
    """The consolidated report as it would be sent now."""

    teams: list[PreviewTeam]
    unmapped_accounts: list[PreviewUnmapped]
    silent_teams: list[PreviewSilent]


class RunSummaryAnswer(Answer):
    """What a run found."""

    accounts: int
    teams: int
    currency: str
    total: Money
    previous_total: Money
    anomalies: int
    data_through: date


class RunAnswer(Answer):
    """A run."""

    id: str
    kind: RunKind
    period: str
    team_id: str | None
    state: RunState
    planned: bool
    source: SourceName
    transport: str
    requested_by: Actor
    created_at: Instant
    finished_at: Instant | None
    last_error: str | None
    summary: RunSummaryAnswer | None


class DeliveryAnswer(Answer):
    """One message to one recipient."""

    id: str
    channel: Literal["mail", "teams"]
    recipient: str
    state: DeliveryState
    attempts: int
    ambiguous: int = Field(description="How often its fate was not known.")
    message_id: str
    reply: str | None
    error: str | None
    updated_at: Instant


class RunView(RunAnswer):
    """A run with its deliveries."""

    counts: dict[str, int] = Field(description="Deliveries by state.")
    deliveries: list[DeliveryAnswer]


class RetryAnswer(RunView):
    """A run that was sent to work again."""

    retried: int = Field(description="Deliveries that are tried again.")


class FieldProblem(Answer):
    """What is wrong with a field."""

    field: str
    reason: str


class Problem(Answer):
    """An error, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = Field([], exclude_if=lambda found: not found)
