"""The fields of the stored settings as REST and forms send them, and what is valid in each."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ValidationError

from services.domain.errors import InvalidError
from services.domain.schedule import WEEKDAYS
from services.domain.validation import (
    Address,
    Addresses,
    Input,
    Number,
    Percent,
    one_line,
    problems_of,
)

MAX_HOUR = 23
MAX_PORT = 65535
MAX_TEXT_LENGTH = 255
MAX_AMOUNT = 1_000_000_000_000
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+", re.ASCII)


def _weekday(value: Any) -> str:
    if isinstance(value, str) and value.strip().lower() in WEEKDAYS:
        return value.strip().lower()
    raise ValueError(f"must be one of {', '.join(WEEKDAYS)}")


def _whole(value: Any, lowest: int, highest: int) -> int | None:
    """Parse a whole number within bounds; None for everything else.

    9.0 is accepted: JSON does not distinguish it from 9 (RFC 8259, 6), and JavaScript cannot.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if lowest <= value <= highest and value == int(value) else None


def _hour(value: Any) -> int:
    hour = _whole(value, 0, MAX_HOUR)
    if hour is None:
        raise ValueError("must be a whole hour from 0 to 23")
    return hour


def _zone(value: Any) -> str:
    try:
        if isinstance(value, str) and value:
            return ZoneInfo(value).key
    # ZoneInfo opens a file of this name: a directory such as "Europe" is an OSError, and a path
    # that leaves the database, or a null character, a ValueError.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError("must be an IANA time zone such as Europe/Berlin")


def _port(value: Any) -> int | None:
    if value is None or value == "":
        return None
    port = _whole(value, 1, MAX_PORT)
    if port is None:
        raise ValueError("must be a port from 1 to 65535")
    return port


def _secret(value: Any) -> str | None:
    """Check one line of text without changing it, as a password may begin or end with a space."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        raise ValueError(f"must be at most {MAX_TEXT_LENGTH} characters of text in one line")
    return one_line(value)


def _text(value: Any) -> str | None:
    text = _secret(value)
    if text is not None and text != text.strip():
        raise ValueError("begins or ends with a space; remove it")
    return text


def _host(value: Any) -> str | None:
    text = _text(value)
    if text is not None and not HOST.fullmatch(text):
        raise ValueError("must be a host name such as smtp.example.com, or an IP address")
    return text


def _amount(value: Any) -> Any:
    if isinstance(value, int | float) and value < 0:
        raise ValueError("must not be negative")
    if isinstance(value, int | float) and value > MAX_AMOUNT:
        raise ValueError(f"must be at most {MAX_AMOUNT:,}")
    return value


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Text = Annotated[str | None, BeforeValidator(_text)]
Host = Annotated[str | None, BeforeValidator(_host)]
Secret = Annotated[str | None, BeforeValidator(_secret)]
Money = Annotated[Number, BeforeValidator(_amount)]
Weekday = Annotated[str, BeforeValidator(_weekday)]
Hour = Annotated[int, BeforeValidator(_hour)]
Zone = Annotated[str, BeforeValidator(_zone)]
Port = Annotated[int | None, BeforeValidator(_port)]
Sender = Annotated[Address | None, BeforeValidator(_empty_is_none)]


class ConfigPatch(Input):
    """A partial update of the stored settings; absent fields stay as they are."""

    anomaly_threshold: Percent = 20.0
    min_increase: Money = 25.0
    schedule_day: Weekday = "monday"
    schedule_hour: Hour = 9
    schedule_timezone: Zone = "UTC"
    global_admin_emails: Addresses = ()
    smtp_host: Host = None
    smtp_port: Port = None
    smtp_user: Text = None
    smtp_password: Secret = None
    sender_email: Sender = None


def valid_changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a body changes. Raises InvalidError, which names each invalid one."""
    try:
        return ConfigPatch.model_validate(dict(body)).model_dump(exclude_unset=True)
    except ValidationError as error:
        problems = problems_of(error)
        words = "; ".join(f"{field} {reason}" for field, reason in problems)
        raise InvalidError(f"The settings were not changed: {words}.", problems) from error
