"""Responses about runs and their deliveries."""

from datetime import date
from typing import Literal

from pydantic import Field

from api.responses.base import Instant, Money, ResponseModel
from services.domain import DeliveryState, RunKind, RunState, SourceName


class RunSummaryResponse(ResponseModel):
    """Figures of a run."""

    accounts: int
    teams: int
    currency: str
    total: Money
    previous_total: Money
    anomalies: int
    data_through: date
    metric: str = Field(description="As in a preview; empty in runs made before it was stored.")


class RequesterResponse(ResponseModel):
    """Who requested a run, and through which interface."""

    interface: Literal["cli", "rest", "chat", "scheduler"]
    door: Literal["cli", "rest", "chat", "clock"] = Field(
        deprecated=True, description="The former name of interface; clock is the scheduler."
    )
    name: str = ""
    id: str = ""


class RunResponse(ResponseModel):
    """A run."""

    id: str
    kind: RunKind
    period: str
    team_id: str | None
    state: RunState
    planned: bool
    source: SourceName
    transport: str
    requested_by: RequesterResponse
    created_at: Instant
    finished_at: Instant | None
    last_error: str | None
    summary: RunSummaryResponse | None


class DeliveryResponse(ResponseModel):
    """One message to one recipient."""

    id: str
    channel: Literal["mail", "teams"]
    recipient: str
    state: DeliveryState
    attempts: int
    ambiguous: int = Field(description="Attempts whose outcome is unknown.")
    message_id: str
    reply: str | None
    error: str | None
    updated_at: Instant


class RunDetailsResponse(RunResponse):
    """A run with its counts and the deliveries that can be retried."""

    counts: dict[str, int] = Field(description="Deliveries by state.")
    deliveries: list[DeliveryResponse] = Field(
        description="At most 100 that failed, expired, or are unknown; all of them, and those that "
        "were sent, are at `/api/runs/{id}/deliveries`."
    )


class RetryResponse(RunDetailsResponse):
    """A run whose deliveries are retried."""

    retried: int = Field(description="Deliveries that are retried.")
