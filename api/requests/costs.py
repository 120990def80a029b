"""Requests about costs."""

from pydantic import Field

from api.requests.queries import CURSOR_DESCRIPTION, LIMIT_DESCRIPTION, DayField, LimitField, Query


class HistoryQuery(Query):
    """Which costs to list."""

    limit: LimitField = Field(100, description=LIMIT_DESCRIPTION)
    team_id: str | None = Field(None, description="Only of this team.")
    first: DayField | None = Field(None, alias="from", description="First UTC day.")
    last: DayField | None = Field(None, alias="to", description="Last UTC day.")
    cursor: str | None = Field(None, description=CURSOR_DESCRIPTION)
