"""Validates input from people and programs; problems are (field, reason) pairs."""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from services.domain.addresses import email_address
from services.domain.formatting import neutral
from services.domain.pasted import account_id_text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_NAME_LENGTH = 200
MAX_ADDRESSES = 100
ACCOUNT_DIGITS = 12
MAX_PERCENT = 1_000_000
"""Beyond any meaningful growth."""
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")
"""JSON can contain them as escapes, but neither UTF-8 nor MongoDB can store them (RFC 8259, 8.2)."""
LONE_SURROGATE_REASON = "contains half of a character (a lone surrogate); send the whole character"

Problems = list[tuple[str, str]]


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    name = one_line(value.strip())
    if not name:
        raise ValueError("is missing")
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"has {len(name)} characters; the maximum is {MAX_NAME_LENGTH}")
    if not neutral(name):
        raise ValueError("has no visible characters")
    return name


def one_line(text: str) -> str:
    """Return the text. Raises ValueError if it is not one line or cannot be stored."""
    if LONE_SURROGATES.search(text):
        raise ValueError(LONE_SURROGATE_REASON)
    if CONTROL_CHARACTERS.search(text):
        raise ValueError("has a control character or a line break; remove it")
    return text


def _account(value: Any) -> str:
    # 012345678901 as a JSON number is a syntax error or has lost its leading zero.
    if isinstance(value, int | float):
        raise ValueError('must be text such as "012345678901", as leading zeros matter')
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing")
    text = account_id_text(value)
    # Excel shows numbers of 12 and more digits as 1.23457E+11, and saves a CSV as shown.
    if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", text, re.ASCII):
        raise ValueError(
            f"{text} was rounded by a spreadsheet; format the column as text and enter the "
            "account ID again"
        )
    if not re.fullmatch(r"\d+", text, re.ASCII):
        raise ValueError("must be 12 digits")
    if len(text) == ACCOUNT_DIGITS:
        return text
    reason = f"has {len(text)} digit{'s' if len(text) > 1 else ''}, needs {ACCOUNT_DIGITS}"
    if len(text) < ACCOUNT_DIGITS:
        reason += "; a spreadsheet may have dropped leading zeros"
    raise ValueError(reason)


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing")
    return email_address(value)


def _addresses(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError("must be a list of email addresses")
    if len(value) > MAX_ADDRESSES:
        raise ValueError(f"has {len(value)} addresses; the maximum is {MAX_ADDRESSES}")
    by_key: dict[str, str] = {}
    for item in value:
        if not isinstance(item, str):
            raise ValueError("must contain email addresses as text")
        try:
            address = email_address(item)
        except ValueError as error:
            raise ValueError(f"{item[:80]!r} {error}") from error
        by_key.setdefault(address.casefold(), address)
    return tuple(by_key.values())


def _number(value: Any) -> float:
    # bool is a subclass of int: JSON true must not become 1.0.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except OverflowError:  # JSON integers have any size in Python
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0")
    if value > MAX_PERCENT:
        raise ValueError(f"must be at most {MAX_PERCENT:,}")
    return value


Name = Annotated[str, BeforeValidator(_name)]
AccountId = Annotated[str, BeforeValidator(_account)]
Address = Annotated[str, BeforeValidator(_address)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]
Number = Annotated[float, BeforeValidator(_number)]
Percent = Annotated[float, BeforeValidator(_number), AfterValidator(_positive)]


class Input(BaseModel):
    """Base class of input models: unknown fields are errors that name the field."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


REASONS: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a known field",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "invalid_key": "has a name that is not text",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_too_long": "has more than {max_length} characters",
    "string_type": "must be text",
    "string_unicode": LONE_SURROGATE_REASON,
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
}
"""pydantic's error types in our words; our own checks raise ``value_error`` with their own message."""
OTHER_REASON = "is not valid"


def problems_of(error: ValidationError) -> Problems:
    """Convert a pydantic error into (field, reason) pairs."""
    of_union = error.title.startswith("tagged-union")
    return [
        (_field(item, of_union=of_union), _reason(item))
        for item in error.errors(include_input=False, include_url=False)
    ]


def _field(item: "ErrorDetails", *, of_union: bool) -> str:
    path = [str(part) for part in item["loc"]]
    if of_union:
        path = path[1:]  # the tag of the chosen union member, not a field
    if item["type"].startswith("union_tag"):
        path.append(item["ctx"]["discriminator"].strip("'"))
    return ".".join(path) or "body"


def _reason(item: "ErrorDetails") -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    return REASONS.get(item["type"], OTHER_REASON).format_map(item.get("ctx", {}))
