"""The data that a button sends, and the field types of the models that check it.

Each verb has a model, declared next to its handler. Anyone in a conversation can send an invoke
with any JSON, so a model accepts the fields that its card sends and no others, within limits.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.domain.formatting import exact_number

MAX_TEXT = 20_000
"""Of the longest input, the pasted teams of an import."""


def to_text(value: Any) -> str:
    """Adaptive Card inputs arrive as strings; some clients send numbers and toggles as JSON
    numbers and booleans, and an input that was left empty as null or not at all.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return exact_number(value) if isinstance(value, float) else str(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise ValueError("must be text")
    return value.strip()


Text = Annotated[str, BeforeValidator(to_text)]
Number = Annotated[int, BeforeValidator(to_text), Field(ge=1, le=1_000_000)]


class Payload(BaseModel):
    """The data of a button, without its verb; by itself, that of a button that sends nothing.

    Fields that the button itself carries are required. Fields that come from an input default to
    empty, and their handler says what is missing.
    """

    # The input is left out of errors: what people typed does not belong in a log.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class TeamPayload(Payload):
    """The ID of a team, chosen from a list or carried by the button."""

    team: Text = ""


class TextPayload(Payload):
    """Text that was typed, or that a button sends instead."""

    text: Text = ""
