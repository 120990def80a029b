"""Requests about runs."""

from pydantic import Field

from api.requests.queries import (
    CURSOR_DESCRIPTION,
    LIMIT_DESCRIPTION,
    FlagField,
    LimitField,
    Query,
    WeekField,
)
from services.domain import RunKind


class RunsQuery(Query):
    """Which runs to list."""

    limit: LimitField = Field(100, description=LIMIT_DESCRIPTION)
    kind: RunKind | None = Field(None, description="Only of this kind.")
    cursor: str | None = Field(None, description=CURSOR_DESCRIPTION)


class DeliveriesQuery(Query):
    """Which page of deliveries."""

    limit: LimitField = Field(100, description=LIMIT_DESCRIPTION)
    cursor: str | None = Field(None, description=CURSOR_DESCRIPTION)


class TriggerQuery(Query):
    """Which run to start."""

    period: WeekField | None = Field(None, description="ISO week; the current one by default.")
    again: FlagField = Field(
        default=False, description="Repeat a finished period as a new run, which sends again."
    )
