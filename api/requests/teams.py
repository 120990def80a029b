"""Requests about teams."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema

from api.requests.fields import (
    AccountIdField,
    EmailField,
    EmailsField,
    NameField,
    OptionalPercentField,
    without_defaults,
)
from api.requests.queries import CURSOR_DESCRIPTION, FlagField, LimitField, Query
from services.domain.validation import Input
from services.teams import TeamInput

TEAM_EXAMPLE: dict[str, Any] = {
    "team_name": "Platform Team",
    "aws_account_id": "123456789012",
    "team_email": "platform@yourcompany.com",
    "admin_emails": ["team-lead@yourcompany.com"],
}
OWN_THRESHOLD = "The team's own threshold, in percent."


class TeamsQuery(Query):
    """Which page of teams."""

    limit: LimitField | None = Field(
        None, description="Teams per page; without it, all teams are returned at once."
    )
    cursor: str | None = Field(None, description=CURSOR_DESCRIPTION)


class BulkQuery(Query):
    """How to import."""

    dry_run: FlagField = Field(
        default=False, description="Return what would change, without storing anything."
    )


class TeamRequest(TeamInput):
    """A new team."""

    model_config = ConfigDict(json_schema_extra={"examples": [TEAM_EXAMPLE]})

    team_name: NameField
    aws_account_id: AccountIdField
    team_email: EmailField
    admin_emails: EmailsField = ()
    anomaly_threshold: OptionalPercentField = Field(None, description=OWN_THRESHOLD)


class TeamChangeRequest(Input):
    """Changes of a team. Absent fields are left unchanged; null removes the own threshold."""

    model_config = without_defaults({"anomaly_threshold": 35})

    team_name: NameField = ""
    aws_account_id: AccountIdField = ""
    team_email: EmailField = ""
    admin_emails: EmailsField = ()
    anomaly_threshold: OptionalPercentField = Field(None, description=OWN_THRESHOLD)


class UnchangedFields(Input):
    """The fields of an imported row that must read back as they were sent."""

    team_name: NameField = ""
    aws_account_id: AccountIdField = ""
    team_email: EmailField = ""


TeamRows = Annotated[
    list[Any],
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "description": "A team as in POST /api/teams. Invalid rows are listed in `failed`; "
                "the others are imported. Absent fields keep their stored values."
            },
            "examples": [[TEAM_EXAMPLE]],
        }
    ),
]

CSV_SCHEMA = {
    "type": "string",
    "description": "The columns team_name,aws_account_id,team_email and, optionally, "
    "admin_emails (separated by `;`) and anomaly_threshold.",
    "pattern": '^team_name,aws_account_id,team_email(\\r?\\n[^"\\u0000]*)?$',
    "examples": [
        "team_name,aws_account_id,team_email\nPlatform,123456789012,platform@yourcompany.com\n"
    ],
}
