"""Responses about anomalies."""

from datetime import date
from typing import Literal

from pydantic import Field

from api.responses.base import Instant, Money, ResponseModel
from services.domain import AnomalyStatus

AnomalyKind = Literal["threshold", "spike", "shift", "drift"]


class ResolutionResponse(ResponseModel):
    """What somebody said the anomaly is."""

    by: str
    at: Instant
    until: date | None
    reason: str


class AccountAmountsResponse(ResponseModel):
    """Amounts of the whole account in the days of an anomaly."""

    excess: Money
    actual: Money | None = Field(description="null: not known.")
    expected: Money | None = Field(description="null: not known.")


class AnomalyResponse(ResponseModel):
    """An anomaly."""

    id: str
    kind: AnomalyKind
    status: AnomalyStatus
    team_id: str | None = Field(description="null: the account belongs to no team now.")
    team_name: str | None
    aws_account_id: str
    service: str
    start: date
    end: date | None = Field(
        description="null: it still lasts. Of a `threshold`, the last of the compared days, "
        "which begin on `start`."
    )
    found_at_install: bool = Field(description="Whether it began before the agent was installed.")
    excess: Money = Field(
        description="Of `service`; of the account if `kind` is `threshold`, or if it was recorded "
        "without that of its service."
    )
    actual: Money | None = Field(description="Of the same. null: not known.")
    expected: Money | None = Field(description="Of the same. null: not known.")
    account: AccountAmountsResponse
    currency: str
    answer: ResolutionResponse | None
    raised_at: Instant
    updated_at: Instant
    sample: bool
