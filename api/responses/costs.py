"""Responses about costs."""

from datetime import date

from pydantic import Field

from api.responses.base import Money, ResponseModel


class CostRowResponse(ResponseModel):
    """Costs of a team's account on one UTC day."""

    team_id: str
    aws_account_id: str
    date: date
    total: Money = Field(description="All charge categories.")
    usage: Money = Field(description="Usage charges only.")
    currency: str
    metric: str = Field(
        description="The cost source's name for its metric, such as net amortized or list price."
    )
    services: dict[str, Money] = Field(description="Cost by service, all charge categories.")
    sample: bool
