"""Responses about teams and their import."""

from typing import Any, Literal

from pydantic import Field

from api.responses.base import Instant, ResponseModel


class TeamResponse(ResponseModel):
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


class RowProblemResponse(ResponseModel):
    """Why a row was not imported."""

    index: int = Field(description="Of the row, starting at 0.")
    line: int = Field(description="Of the file, starting at 1.")
    field: str
    reason: str


class RowChangeResponse(ResponseModel):
    """What an import changes in a team; only fields that differ are listed."""

    index: int
    action: Literal["create", "update"]
    team_name: str
    aws_account_id: str
    before: dict[str, Any] | None
    after: dict[str, Any]


class ImportResponse(ResponseModel):
    """What an import did or, in a dry run, would do."""

    created: int
    updated: int
    unchanged: int
    failed: list[RowProblemResponse]
    changes: list[RowChangeResponse]
