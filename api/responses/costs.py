"""Responses about costs."""

from datetime import date

from pydantic import Field

from api.responses.base import Money, ResponseModel


class CostRowResponse(ResponseModel):
    """Costs of a team's account on one UTC day."""

    team_id: str
    aws_account_id: str
    date: date
    total: Money = Field(description="Net, all charge categories.")
    usage: Money = Field(description="Usage charges only.")
    currency: str
    services: dict[str, Money] = Field(description="Net cost by service.")
    sample: bool
