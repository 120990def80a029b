"""Responses with previews of reports. Their amounts are those that the email prints."""

from datetime import date

from pydantic import Field

from api.responses.anomalies import AnomalyKind
from api.responses.base import MoneyText, ResponseModel
from services.domain import AnomalyStatus, DataState


class DateRangeResponse(ResponseModel):
    """Days, both ends included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class WindowResponse(ResponseModel):
    """The two date ranges that are compared."""

    current: DateRangeResponse
    previous: DateRangeResponse


class ServiceResponse(ResponseModel):
    """Net cost of a service in both date ranges."""

    name: str
    current: MoneyText
    previous: MoneyText


class ComparedAccountResponse(ResponseModel):
    """An account as part of the totals."""

    aws_account_id: str
    environment: str | None
    current: MoneyText
    previous: MoneyText
    window: WindowResponse | None = Field(
        description="A late account's own days; null: too few to compare, so it is left out."
    )
    state: DataState


class AmountsResponse(ResponseModel):
    """Amounts in both date ranges."""

    current: MoneyText
    previous: MoneyText


class PreviewAccountAmountsResponse(ResponseModel):
    """Amounts of the whole account in the days of an anomaly."""

    excess: MoneyText
    actual: MoneyText | None = Field(description="null: not known.")
    expected: MoneyText | None = Field(description="null: not known.")


class PreviewAnomalyResponse(ResponseModel):
    """An anomaly in a report."""

    id: str
    kind: AnomalyKind
    service: str
    start: date
    end: date | None = Field(
        description="null: it still lasts. Of a `threshold`, the last of the compared days, "
        "which begin on `start`."
    )
    found_at_install: bool = Field(description="Whether it began before the agent was installed.")
    excess: MoneyText = Field(
        description="Of `service`; of the account if `kind` is `threshold`, or if it was recorded "
        "without that of its service."
    )
    actual: MoneyText | None = Field(description="Of the same. null: not known.")
    expected: MoneyText | None = Field(description="Of the same. null: not known.")
    account: PreviewAccountAmountsResponse
    status: AnomalyStatus


class PreviewResponse(ResponseModel):
    """A team's report as it would be sent now."""

    subject: str
    html: str
    text: str
    currency: str
    metric: str = Field(
        description="The cost source's name for its metric, such as net amortized or list price."
    )
    data_through: date
    window: WindowResponse
    current_total: MoneyText
    previous_total: MoneyText
    change_percent: float | None = Field(
        description="Of the amounts as printed; null: there was no cost before."
    )
    usage_current: MoneyText
    usage_previous: MoneyText
    services: list[ServiceResponse]
    accounts: list[ComparedAccountResponse]
    anomalies: list[PreviewAnomalyResponse]
    sample: bool


class PreviewTeamResponse(ResponseModel):
    """A team in the consolidated report."""

    id: str
    team_name: str
    aws_account_id: str
    current: MoneyText
    previous: MoneyText
    change_percent: float | None


class UnmappedAccountResponse(ResponseModel):
    """An account with costs that belongs to no team."""

    aws_account_id: str
    account_name: str | None
    current: MoneyText
    previous: MoneyText


class SilentTeamResponse(ResponseModel):
    """A team whose account has no data."""

    id: str
    team_name: str


class AdminPreviewResponse(PreviewResponse):
    """The consolidated report as it would be sent now."""

    rounding: AmountsResponse = Field(
        description="What the totals hold beyond the printed amounts of all accounts."
    )
    teams: list[PreviewTeamResponse]
    unmapped_accounts: list[UnmappedAccountResponse]
    silent_teams: list[SilentTeamResponse]
