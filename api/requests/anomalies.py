"""Requests about anomalies."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, WithJsonSchema

from api.requests.queries import CURSOR_DESCRIPTION, LIMIT_DESCRIPTION, LimitField, Query
from services.domain import AnomalyStatus
from services.domain.validation import Input

MAX_REASON_LENGTH = 200
SNOOZE_DAYS = (7, 30)


class AnomaliesQuery(Query):
    """Which anomalies to list."""

    limit: LimitField = Field(100, description=LIMIT_DESCRIPTION)
    status: AnomalyStatus | None = Field(None, description="Only with this status.")
    team_id: str | None = Field(None, description="Only of this team's account.")
    cursor: str | None = Field(None, description=CURSOR_DESCRIPTION)


def _validate_snooze_days(value: Any) -> Any:
    if isinstance(value, bool) or value not in SNOOZE_DAYS:
        raise ValueError("must be 7 or 30")
    return int(value)


SnoozeDaysField = Annotated[
    Literal[7, 30],
    BeforeValidator(_validate_snooze_days),
    WithJsonSchema({"type": "integer", "enum": list(SNOOZE_DAYS)}),
]


class _WithReason(Input):
    reason: str = Field("", max_length=MAX_REASON_LENGTH, description="For the audit trail.")


class SnoozeRequest(_WithReason):
    """No notifications about the anomaly for some days."""

    status: Literal["snoozed"]
    days: SnoozeDaysField = 7


class ResolutionRequest(_WithReason):
    """What the anomaly is; ``open`` withdraws the resolution."""

    status: Literal["expected", "not_an_anomaly", "too_small", "accepted", "open"]


ResolveRequest = Annotated[SnoozeRequest | ResolutionRequest, Discriminator("status")]
