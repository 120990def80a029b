"""What requests may say: bodies and query parameters, with the JSON Schema of exactly that.

The schemas stand beside the checks that they describe, as pydantic cannot read a function. REST
takes a name or an account id as it is or not at all, so that it comes back unchanged; spaces
around them, and hyphens in account ids, are for forms and spreadsheets.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    WithJsonSchema,
)

from services.administration.config import (
    LAST_PORT,
    LATEST_HOUR,
    LONGEST_TEXT,
    MOST_MONEY,
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
from services.domain import AnomalyStatus, RunKind
from services.domain.schedule import WEEKDAYS
from services.domain.validation import (
    LONGEST_NAME,
    MOST_ADDRESSES,
    MOST_PERCENT,
    AccountId,
    Address,
    Addresses,
    Input,
    Name,
    Percent,
)
from services.teams.teams import TeamInput

MOST_ROWS = 1000
LONGEST_ADDRESS = 254
LONGEST_REASON = 200
SNOOZES = (7, 30)

# Character classes as every dialect of regular expressions reads them.
CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
SPACE = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
UNSEEN = r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
ANY = f"[^{CONTROL}]*"
EDGE = f"[^{CONTROL}{SPACE}]"
SEEN = f"[^{CONTROL}{SPACE}{UNSEEN}]"
NAME = f"^(?:{SEEN}(?:{ANY}{EDGE})?|{EDGE}{ANY}{SEEN}(?:{ANY}{EDGE})?)$"
LINE = f"^{EDGE}(?:{ANY}{EDGE})?$"
ZONE_NAME = "^[A-Za-z0-9_+/-]+$"
WEEK = "^20[0-9]{2}-W(0[1-9]|[1-4][0-9]|5[0-3])$"

MAIL_SCHEMA: dict[str, Any] = {
    "type": "string",
    "format": "email",
    "maxLength": LONGEST_ADDRESS,
    "not": {"pattern": r"\.(arpa|invalid|local|localhost|onion|test)$"},
    "description": "A mail address; its domain is kept in lower case and in ASCII.",
}


def _without_defaults(*examples: Any) -> ConfigDict:
    """For changes: what is absent stays as it is, so that no default is named."""

    def change(schema: dict[str, Any]) -> None:
        for one in schema["properties"].values():
            one.pop("default", None)
        schema["examples"] = list(examples)

    return ConfigDict(json_schema_extra=change)


def _unpadded(value: Any) -> Any:
    if isinstance(value, str) and value != value.strip():
        raise ValueError("begins or ends with a space; remove it")
    return value


def _digits_only(value: Any) -> Any:
    if isinstance(value, str) and re.search(r"[\s-]", value):
        raise ValueError("must be 12 digits, without spaces or hyphens")
    return value


WireName = Annotated[
    Name,
    BeforeValidator(_unpadded),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_NAME, "pattern": NAME}),
]
WireAccount = Annotated[
    AccountId,
    BeforeValidator(_digits_only),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{12}$"}),
]
WireAddress = Annotated[Address, BeforeValidator(_unpadded), WithJsonSchema(MAIL_SCHEMA)]
WireAddresses = Annotated[
    Addresses,
    WithJsonSchema(
        {
            "type": ["array", "null"],
            "items": MAIL_SCHEMA,
            "maxItems": MOST_ADDRESSES,
            "description": "Mail addresses; one that stands twice is kept once.",
        }
    ),
]
PERCENT_SCHEMA = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_PERCENT}
WirePercent = Annotated[Percent, WithJsonSchema(PERCENT_SCHEMA)]
OwnPercent = Annotated[
    Percent | None, WithJsonSchema({**PERCENT_SCHEMA, "type": ["number", "null"]})
]

TEAM_EXAMPLE: dict[str, Any] = {
    "team_name": "Platform Team",
    "aws_account_id": "123456789012",
    "team_email": "platform@yourcompany.com",
    "admin_emails": ["team-lead@yourcompany.com"],
}


class TeamBody(TeamInput):
    """A new team."""

    model_config = ConfigDict(json_schema_extra={"examples": [TEAM_EXAMPLE]})

    team_name: WireName
    aws_account_id: WireAccount
    team_email: WireAddress
    admin_emails: WireAddresses = ()
    anomaly_threshold: OwnPercent = Field(None, description="Own threshold in percent.")


class TeamChangeBody(Input):
    """A change of a team; what is absent stays, null takes an own threshold away."""

    model_config = _without_defaults({"anomaly_threshold": 35})

    team_name: WireName = ""
    aws_account_id: WireAccount = ""
    team_email: WireAddress = ""
    admin_emails: WireAddresses = ()
    anomaly_threshold: OwnPercent = Field(None, description="Own threshold in percent.")


def _text(pattern: str) -> WithJsonSchema:
    """Null and an empty text both take the stored value away."""
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST_TEXT, "pattern": pattern},
                {"type": "null"},
                {"const": ""},
            ]
        }
    )


class ConfigBody(ConfigPatch):
    """A change of the stored settings; what is absent stays. All or nothing is stored."""

    model_config = _without_defaults(
        {
            "anomaly_threshold": 20,
            "schedule_day": "monday",
            "schedule_hour": 9,
            "global_admin_emails": ["finance-team@yourcompany.com"],
        }
    )

    anomaly_threshold: WirePercent = Field(20.0, description="Percent.")
    min_increase: Annotated[
        Money, WithJsonSchema({"type": "number", "minimum": 0, "maximum": MOST_MONEY})
    ] = Field(25.0, description="Money, in the source's currency.")
    schedule_day: Annotated[
        Weekday, WithJsonSchema({"type": "string", "enum": list(WEEKDAYS)})
    ] = "monday"
    schedule_hour: Annotated[
        Hour, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LATEST_HOUR})
    ] = 9
    schedule_timezone: Annotated[
        Zone, WithJsonSchema({"type": "string", "format": "iana-time-zone", "pattern": ZONE_NAME})
    ] = Field("UTC", description="The name of an IANA time zone, such as `Europe/Berlin`.")
    global_admin_emails: WireAddresses = Field((), description="Who gets the consolidated report.")
    smtp_host: Annotated[Host, _text(r"^[A-Za-z0-9._:\[\]-]+$")] = Field(
        None, description="Another one takes the stored password away."
    )
    smtp_port: Annotated[
        Port,
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": LAST_PORT},
                    {"type": "null"},
                    {"const": ""},
                ]
            }
        ),
    ] = None
    smtp_user: Annotated[Text, _text(LINE)] = None
    smtp_password: Annotated[Secret, _text(f"^{ANY}$")] = Field(
        None, description="Kept encrypted, and never shown again."
    )
    sender_email: Annotated[
        Sender,
        WithJsonSchema({"anyOf": [MAIL_SCHEMA, {"type": "null"}, {"const": ""}]}),
    ] = None
    smtp_password_set: StrictBool = Field(
        default=False,
        description="As it was answered, so that an answer can be sent back; nothing else.",
        json_schema_extra={"readOnly": True},
    )


def _days(value: Any) -> Any:
    if isinstance(value, bool) or value not in SNOOZES:
        raise ValueError("must be 7 or 30")
    return int(value)


SnoozeDays = Annotated[
    Literal[7, 30],
    BeforeValidator(_days),
    WithJsonSchema({"type": "integer", "enum": list(SNOOZES)}),
]


class _Resolution(Input):
    reason: str = Field("", max_length=LONGEST_REASON, description="For the audit trail.")


class SnoozeBody(_Resolution):
    """Nobody is told of it for some days."""

    status: Literal["snoozed"]
    days: SnoozeDays = 7


class AnswerBody(_Resolution):
    """What it is; ``open`` takes an answer back."""

    status: Literal["expected", "not_an_anomaly", "too_small", "accepted", "open"]


ResolutionBody = Annotated[SnoozeBody | AnswerBody, Discriminator("status")]

TeamRows = Annotated[
    list[Any],
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "description": "Each a team as in POST /api/teams; one that is none is named in "
                "`failed`, and the others are taken. Absent fields keep their stored values."
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


# Query parameters


def _flag(value: Any) -> Any:
    if value in {"true", "True"}:
        return True
    if value in {"false", "False"}:
        return False
    raise ValueError("must be true or false")


def _limit(value: Any) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", str(value), re.ASCII) or not 1 <= int(value) <= MOST_ROWS:
        raise ValueError(f"must be from 1 to {MOST_ROWS}")
    return int(value)


def _day(value: Any) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value), re.ASCII):
            return date.fromisoformat(str(value))
    except ValueError:
        pass
    raise ValueError("must be a UTC day such as 2026-11-01")


def _period(value: Any) -> str:
    try:
        if re.fullmatch(WEEK, str(value), re.ASCII):
            # Only some years have a week 53; no pattern can say which.
            date.fromisocalendar(int(value[:4]), int(value[-2:]), 1)
            return str(value)
    except ValueError:
        pass
    raise ValueError("must be an ISO week such as 2026-W47")


Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Limit = Annotated[
    int,
    BeforeValidator(_limit),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Period = Annotated[
    str,
    BeforeValidator(_period),
    WithJsonSchema({"type": "string", "format": "iso-week", "pattern": WEEK}),
]
CURSOR = "Where the page begins; taken from the Link header of the page before."


class Query(BaseModel):
    """Base of query parameters: unknown ones are refused by name. This one has none."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class TeamsQuery(Query):
    """Pages of teams."""

    limit: Limit | None = Field(None, description="Teams a page; without it they come whole.")
    cursor: str | None = Field(None, description=CURSOR)


class BulkQuery(Query):
    """How to import."""

    dry_run: Flag = Field(default=False, description="Answer what would change; store nothing.")


class HistoryQuery(Query):
    """Which costs."""

    limit: Limit = Field(100, description="Rows a page.")
    team_id: str | None = Field(None, description="Of this team alone.")
    first: Day | None = Field(None, alias="from", description="First UTC day.")
    last: Day | None = Field(None, alias="to", description="Last UTC day.")
    cursor: str | None = Field(None, description=CURSOR)


class AnomaliesQuery(Query):
    """Which anomalies."""

    limit: Limit = Field(100, description="Rows a page.")
    status: AnomalyStatus | None = Field(None, description="In this state alone.")
    team_id: str | None = Field(None, description="Of this team's account alone.")
    cursor: str | None = Field(None, description=CURSOR)


class RunsQuery(Query):
    """Which runs."""

    limit: Limit = Field(100, description="Rows a page.")
    kind: RunKind | None = Field(None, description="Of this kind alone.")
    cursor: str | None = Field(None, description=CURSOR)


class TriggerQuery(Query):
    """Which run to begin."""

    period: Period | None = Field(None, description="ISO week; without it the current one.")
    again: Flag = Field(default=False, description="Repeat a finished period as a new run.")
