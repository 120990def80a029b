"""Input as people and programs give it, checked: problems come back as (field, reason)."""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from services.settings import mail_address
from services.wording import neutral

LONGEST_NAME = 200
MOST_ADDRESSES = 100
ACCOUNT_DIGITS = 12
MOST_PERCENT = 1_000_000
"""Beyond any growth that means something."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Problems = list[tuple[str, str]]


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    name = value.strip()
    if not neutral(name):
        raise ValueError("is missing")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"has {len(name)} characters; the most is {LONGEST_NAME}")
    if CONTROLS.search(name):
        raise ValueError("has a control character or a line break; remove it")
    return name


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
    if len(plain) < ACCOUNT_DIGITS:
        raise ValueError(
            f"has {len(plain)} digits, needs {ACCOUNT_DIGITS}; a spreadsheet may have dropped "
            "leading zeros"
        )
    if len(plain) > ACCOUNT_DIGITS:
        raise ValueError(f"has {len(plain)} digits, needs {ACCOUNT_DIGITS}")
    return plain


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing")
    return mail_address(value)


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
            address = mail_address(item)
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


def problems_of(error: ValidationError) -> Problems:
    """A validation error as (field, reason) pairs."""
    found = []
    for item in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or "body"
        reason = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            reason = "is not a known field"
        elif item["type"] == "missing":
            reason = "is missing"
        found.append((field, reason))
    return found
