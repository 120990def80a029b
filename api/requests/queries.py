"""Base and field types of query parameters."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

MAX_PAGE_ROWS = 1000
WEEK_PATTERN = "^20[0-9]{2}-W(0[1-9]|[1-4][0-9]|5[0-3])$"


class Query(BaseModel):
    """Base of query parameters: unknown ones are refused by name. The base has none."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)


def _parse_flag(value: Any) -> Any:
    if value in {"true", "True"}:
        return True
    if value in {"false", "False"}:
        return False
    raise ValueError("must be true or false")


def _parse_limit(value: Any) -> int:
    # int() alone would also take "+1", "1_0" and digits of other scripts.
    is_number = re.fullmatch(r"[0-9]{1,6}", str(value), re.ASCII)
    if not is_number or not 1 <= int(value) <= MAX_PAGE_ROWS:
        raise ValueError(f"must be from 1 to {MAX_PAGE_ROWS}")
    return int(value)


def _parse_day(value: Any) -> date:
    try:
        # fromisoformat() alone would also take 20261101 and 2026-W48-1.
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value), re.ASCII):
            return date.fromisoformat(str(value))
    except ValueError:
        pass  # no such day; the reason below covers it
    raise ValueError("must be a UTC day such as 2026-11-01")


def _parse_week(value: Any) -> str:
    try:
        if re.fullmatch(WEEK_PATTERN, str(value), re.ASCII):
            # Only some years have a week 53, which a pattern cannot express.
            date.fromisocalendar(int(value[:4]), int(value[-2:]), 1)
            return str(value)
    except ValueError:
        pass  # no such week; the reason below covers it
    raise ValueError("must be an ISO week such as 2026-W47")


FlagField = Annotated[bool, BeforeValidator(_parse_flag), WithJsonSchema({"type": "boolean"})]
LimitField = Annotated[
    int,
    BeforeValidator(_parse_limit),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ROWS}),
]
DayField = Annotated[
    date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})
]
WeekField = Annotated[
    str,
    BeforeValidator(_parse_week),
    WithJsonSchema({"type": "string", "format": "iso-week", "pattern": WEEK_PATTERN}),
]
LIMIT_DESCRIPTION = "Rows per page."
CURSOR_DESCRIPTION = "Start of the page, from the Link header of the previous page."
