"""Types of single fields: validation together with the JSON Schema that describes it.

The schemas are written out because pydantic cannot derive one from a function. REST takes a name
or an account ID unchanged or not at all, so that it reads back as it was sent; trimming spaces and
removing hyphens is for forms and spreadsheets.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from services.domain.addresses import MAX_ADDRESS_LENGTH
from services.domain.pasted import account_id_text
from services.domain.validation import (
    MAX_ADDRESSES,
    MAX_NAME_LENGTH,
    MAX_PERCENT,
    AccountId,
    Address,
    Addresses,
    Name,
    Percent,
)

# Character classes that read the same in every dialect of regular expressions.
CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
SPACE = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
INVISIBLE = r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
ANY_TEXT = f"[^{CONTROL}]*"
NOT_SPACE = f"[^{CONTROL}{SPACE}]"
VISIBLE = f"[^{CONTROL}{SPACE}{INVISIBLE}]"
NAME_PATTERN = (
    f"^(?:{VISIBLE}(?:{ANY_TEXT}{NOT_SPACE})?"
    f"|{NOT_SPACE}{ANY_TEXT}{VISIBLE}(?:{ANY_TEXT}{NOT_SPACE})?)$"
)
"""No control characters, no space at either end, and at least one visible character."""
LINE_PATTERN = f"^{NOT_SPACE}(?:{ANY_TEXT}{NOT_SPACE})?$"
ACCOUNT_ID_PATTERN = "^[0-9]{12}$"

EMAIL_SCHEMA: dict[str, Any] = {
    "type": "string",
    "format": "email",
    "maxLength": MAX_ADDRESS_LENGTH,
    # Domains that never receive mail from outside; email-validator refuses them.
    "not": {"pattern": r"\.(arpa|invalid|local|localhost|onion|test)$"},
    "description": "An email address; its domain is stored in lower case and in ASCII.",
}
PERCENT_SCHEMA = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_PERCENT}


def without_defaults(*examples: Any) -> ConfigDict:
    """A model of changes: an absent field is left unchanged, so its schema has no default."""

    def change(schema: dict[str, Any]) -> None:
        for field in schema["properties"].values():
            field.pop("default", None)
        schema["examples"] = list(examples)

    return ConfigDict(json_schema_extra=change)


def _no_outer_spaces(value: Any) -> Any:
    if isinstance(value, str) and value != value.strip():
        raise ValueError("begins or ends with a space; remove it")
    return value


def _digits_only(value: Any) -> Any:
    if isinstance(value, str) and account_id_text(value) != value:
        raise ValueError("must be 12 digits, without spaces or hyphens")
    return value


NameField = Annotated[
    Name,
    BeforeValidator(_no_outer_spaces),
    WithJsonSchema({"type": "string", "maxLength": MAX_NAME_LENGTH, "pattern": NAME_PATTERN}),
]
AccountIdField = Annotated[
    AccountId,
    BeforeValidator(_digits_only),
    WithJsonSchema({"type": "string", "pattern": ACCOUNT_ID_PATTERN}),
]
EmailField = Annotated[Address, BeforeValidator(_no_outer_spaces), WithJsonSchema(EMAIL_SCHEMA)]
EmailsField = Annotated[
    Addresses,
    WithJsonSchema(
        {
            "type": ["array", "null"],
            "items": EMAIL_SCHEMA,
            "maxItems": MAX_ADDRESSES,
            "description": "Email addresses; duplicates are removed.",
        }
    ),
]
PercentField = Annotated[Percent, WithJsonSchema(PERCENT_SCHEMA)]
OptionalPercentField = Annotated[
    Percent | None, WithJsonSchema({**PERCENT_SCHEMA, "type": ["number", "null"]})
]
