"""Requests about the stored settings."""

from typing import Annotated

from pydantic import Field, StrictBool, WithJsonSchema

from api.requests.fields import (
    ANY_TEXT,
    EMAIL_SCHEMA,
    LINE_PATTERN,
    EmailsField,
    PercentField,
    without_defaults,
)
from services.administration import (
    MAX_AMOUNT,
    MAX_HOUR,
    MAX_PORT,
    MAX_TEXT_LENGTH,
    ConfigPatch,
    Host,
    Hour,
    Money,
    Port,
    Secret,
    Sender,
    Text,
    Weekday,
    Zone,
)
from services.domain.schedule import WEEKDAYS

HOST_PATTERN = r"^[A-Za-z0-9._:\[\]-]+$"
ZONE_PATTERN = "^[A-Za-z0-9_+/-]+$"
"""The characters of IANA's names; whether there is such a zone is checked against the database."""


def _removable_text(pattern: str) -> WithJsonSchema:
    """A text; null and the empty text both remove the stored value."""
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": pattern},
                {"type": "null"},
                {"const": ""},
            ]
        }
    )


PORT_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_PORT},
        {"type": "null"},
        {"const": ""},
    ]
}


class ConfigRequest(ConfigPatch):
    """Changes of the stored settings. Absent fields are left unchanged; all or none are stored."""

    model_config = without_defaults(
        {
            "anomaly_threshold": 20,
            "schedule_day": "monday",
            "schedule_hour": 9,
            "global_admin_emails": ["finance-team@yourcompany.com"],
        }
    )

    anomaly_threshold: PercentField = Field(20.0, description="Percent.")
    min_increase: Annotated[
        Money, WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_AMOUNT})
    ] = Field(25.0, description="An amount in the currency of the cost source.")
    schedule_day: Annotated[
        Weekday, WithJsonSchema({"type": "string", "enum": list(WEEKDAYS)})
    ] = "monday"
    schedule_hour: Annotated[
        Hour, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_HOUR})
    ] = 9
    schedule_timezone: Annotated[
        Zone,
        WithJsonSchema({"type": "string", "format": "iana-time-zone", "pattern": ZONE_PATTERN}),
    ] = Field("UTC", description="The name of an IANA time zone, such as `Europe/Berlin`.")
    global_admin_emails: EmailsField = Field(
        (), description="Recipients of the consolidated report."
    )
    smtp_host: Annotated[Host, _removable_text(HOST_PATTERN)] = Field(
        None, description="Changing it removes the stored password."
    )
    smtp_port: Annotated[Port, WithJsonSchema(PORT_SCHEMA)] = None
    smtp_user: Annotated[Text, _removable_text(LINE_PATTERN)] = None
    smtp_password: Annotated[Secret, _removable_text(f"^{ANY_TEXT}$")] = Field(
        None, description="Stored encrypted, and never returned."
    )
    sender_email: Annotated[
        Sender, WithJsonSchema({"anyOf": [EMAIL_SCHEMA, {"type": "null"}, {"const": ""}]})
    ] = None
    smtp_password_set: StrictBool = Field(
        default=False,
        description="Read-only. Accepted with its present value, so that a response of GET can be "
        "sent back.",
        json_schema_extra={"readOnly": True},
    )
