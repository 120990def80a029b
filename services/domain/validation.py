"""Input as people and programs give it, checked: problems come back as (field, reason)."""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from services.domain.addresses import email_address
from services.domain.formatting import neutral

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_NAME = 200
MOST_ADDRESSES = 100
ACCOUNT_DIGITS = 12
MOST_PERCENT = 1_000_000
"""Beyond any growth that means something."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
HALVES = re.compile(r"[\ud800-\udfff]")
HALF = "holds half of a character (a lone surrogate); send the whole character"

Problems = list[tuple[str, str]]


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    name = one_line(value.strip())
    if not name:
        raise ValueError("is missing")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"has {len(name)} characters; the most is {LONGEST_NAME}")
    if not neutral(name):
        raise ValueError("has no character that can be seen")
    return name


def one_line(text: str) -> str:
    """The text itself. Raises ValueError for what can stand in no line, or be stored nowhere."""
    if HALVES.search(text):
        raise ValueError(HALF)
    if CONTROLS.search(text):
        raise ValueError("has a control character or a line break; remove it")
    return text


def _account(value: Any) -> str:
    if isinstance(value, int | float):
        raise ValueError('must be text such as "012345678901", as leading zeros matter')
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing")
    text = value.strip()
    if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", text, re.ASCII):
        raise ValueError(
            f"{text} was rounded by a spreadsheet; format the column as text and enter the "
            "account id again"
        )
    plain = text.replace("-", "").replace(" ", "")
    if not re.fullmatch(r"\d+", plain, re.ASCII):
        raise ValueError("must be 12 digits")
    if len(plain) == ACCOUNT_DIGITS:
        return plain
    said = f"has {len(plain)} digit{'s' if len(plain) > 1 else ''}, needs {ACCOUNT_DIGITS}"
    if len(plain) < ACCOUNT_DIGITS:
        said += "; a spreadsheet may have dropped leading zeros"
    raise ValueError(said)


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing")
    return email_address(value)


def _addresses(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError("must be a list of mail addresses")
    if len(value) > MOST_ADDRESSES:
        raise ValueError(f"has {len(value)} addresses; the most is {MOST_ADDRESSES}")
    found: dict[str, str] = {}
    for item in value:
        if not isinstance(item, str):
            raise ValueError("must hold mail addresses as text")
        try:
            address = email_address(item)
        except ValueError as error:
            raise ValueError(f"{item[:80]!r} {error}") from error
        found.setdefault(address.casefold(), address)
    return tuple(found.values())


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0")
    if value > MOST_PERCENT:
        raise ValueError(f"must be at most {MOST_PERCENT:,}")
    return value


Name = Annotated[str, BeforeValidator(_name)]
AccountId = Annotated[str, BeforeValidator(_account)]
Address = Annotated[str, BeforeValidator(_address)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]
Number = Annotated[float, BeforeValidator(_number)]
Percent = Annotated[float, BeforeValidator(_number), AfterValidator(_positive)]


class Input(BaseModel):
    """Base of what comes from outside: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


WORDS: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a known field",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "invalid_key": "has a name that is no text",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_too_long": "has over {max_length} characters",
    "string_type": "must be text",
    "string_unicode": HALF,
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
}
"""What pydantic's own checks are called here; ours come as ``value_error`` with words of their own."""
OTHER_WORDS = "is not what it must be"


def problems_of(error: ValidationError) -> Problems:
    """A validation error as (field, reason) pairs."""
    of_union = error.title.startswith("tagged-union")
    return [
        (_field(item, of_union=of_union), _reason(item))
        for item in error.errors(include_input=False, include_url=False)
    ]


def _field(item: "ErrorDetails", *, of_union: bool) -> str:
    place = [str(part) for part in item["loc"]]
    if of_union:
        place = place[1:]  # which of several objects it is, and no field of it
    if item["type"].startswith("union_tag"):
        place.append(item["ctx"]["discriminator"].strip("'"))
    return ".".join(place) or "body"


def _reason(item: "ErrorDetails") -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    return WORDS.get(item["type"], OTHER_WORDS).format_map(item.get("ctx", {}))
