"""Past costs by day and week, and as rows for REST and CSV."""

from datetime import date
from decimal import Decimal

from services.domain.base import Value
from services.domain.figures import DayAmount, SpanDays
from services.domain.teams import Team


class WeekCost(Value):
    """Net cost of one week in a history; the last week may be shorter."""

    first: date
    last: date
    amount: Decimal


class CostHistory(Value):
    """Daily and weekly net costs of a team's account."""

    team: Team
    span: SpanDays
    currency: str
    data_through: date
    days: tuple[DayAmount, ...]
    services: tuple[tuple[str, tuple[DayAmount, ...]], ...] = ()
    """Daily costs of the largest services, at most two."""
    weeks: tuple[WeekCost, ...] = ()
    total: Decimal
    metric: str = ""
    """As in ``TeamReport``, also in a row."""
    sample: bool = False


class CostRow(Value):
    """One team's costs on one day."""

    team_id: str
    aws_account_id: str
    day: date
    currency: str
    total: Decimal
    """Net cost over all charge categories; ``usage`` has only that category."""
    usage: Decimal
    services: tuple[tuple[str, Decimal], ...]
    """(name, net cost), by name; they add up to the total."""
    metric: str = ""
    sample: bool = False
