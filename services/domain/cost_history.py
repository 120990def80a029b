"""Costs of the past, week by week or row by row."""

from datetime import date
from decimal import Decimal

from services.domain.base import Value
from services.domain.figures import DayAmount, SpanDays
from services.domain.teams import Team


class WeekCost(Value):
    """Net cost of a week of a history; the last may be shorter."""

    first: date
    last: date
    amount: Decimal
    change_percent: Decimal | None = None
    """Against the week before; None for the first, and from nothing."""


class CostHistory(Value):
    """Daily net costs of a team's account."""

    team: Team
    span: SpanDays
    currency: str
    data_through: date
    days: tuple[DayAmount, ...]
    services: tuple[tuple[str, tuple[DayAmount, ...]], ...] = ()
    """The largest services, at most two, with their days."""
    weeks: tuple[WeekCost, ...] = ()
    total: Decimal
    sample: bool = False


class CostRow(Value):
    """Costs of one team's account on one day."""

    team_id: str
    aws_account_id: str
    day: date
    currency: str
    total: Decimal
    """Net, all charge categories; ``usage``: that category alone."""
    usage: Decimal
    services: tuple[tuple[str, Decimal], ...]
    """(name, net cost), by name; they add up to the total."""
    sample: bool = False
