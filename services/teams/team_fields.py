"""The fields of a team that people edit, and what is valid in each."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.validation import (
    AccountId,
    Address,
    Addresses,
    Input,
    Name,
    Percent,
    problems_of,
)

FIELDS = ("team_name", "aws_account_id", "team_email", "admin_emails", "anomaly_threshold")


class TeamInput(Input):
    """A new team."""

    team_name: Name
    aws_account_id: AccountId
    team_email: Address
    admin_emails: Addresses = ()
    anomaly_threshold: Percent | None = None


class TeamPatch(Input):
    """A partial update of a team; absent fields stay as they are."""

    team_name: Name | None = None
    aws_account_id: AccountId | None = None
    team_email: Address | None = None
    admin_emails: Addresses | None = None
    anomaly_threshold: Percent | None = None


def validated(model: type[Any], body: Mapping[str, Any]) -> Any:
    """Return the fields as ``model``. Raises InvalidError, which names each invalid field."""
    try:
        return model.model_validate(dict(body))
    except ValidationError as error:
        problems = problems_of(error)
        words = "; ".join(f"{field} {reason}" for field, reason in problems)
        raise InvalidError(f"The team was not stored: {words}.", problems) from error


def facts_of(team: Team) -> dict[str, object]:
    """The editable fields of a team, as the audit trail stores them."""
    return team.model_dump(include=set(FIELDS))


def input_of(team: Team) -> dict[str, object]:
    """The fields of a stored team, in the form that ``TeamInput`` accepts."""
    return {**facts_of(team), "admin_emails": list(team.admin_emails)}
