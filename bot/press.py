"""What comes with a button: one checked shape for all, as anybody can send anything."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.words import whole
from services.errors import InvalidError

LONGEST = 20_000


def _text(value: Any) -> str:
    """Inputs arrive as text; numbers and switches too, from some clients as themselves."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise ValueError("must be text")
    return value.strip()


Text = Annotated[str, BeforeValidator(_text)]


class Press(BaseModel):
    """A button's verb and everything that may come with one; what is absent is empty."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    verb: Text
    team: Text = ""
    entry: Text = ""
    pending: Text = ""
    run: Text = ""
    anomaly: Text = ""
    answer: Literal[
        "expected", "not_an_anomaly", "too_small", "snoozed", "accepted", "open", ""
    ] = ""
    days: Text = ""
    page: Text = ""
    value: Text = ""
    min: Text = ""
    name: Text = ""
    account: Text = ""
    mail: Text = ""
    admins: Text = ""
    threshold: Text = ""
    text: Text = ""
    mails: Text = ""
    day: Text = ""
    hour: Text = ""
    zone: Text = ""
    period: Text = ""
    span: Text = ""
    choice: Text = ""
    person: Text = ""
    conversation: Text = ""

    @property
    def page_number(self) -> int:
        """From 1; what is no number is the first page."""
        return max(whole(self.page, 1), 1)


def pressed(payload: Any) -> Press:
    """The press in a payload; InvalidError when it is none."""
    if not isinstance(payload, dict):
        raise InvalidError("This button is from an older card. Ask for a new one.")
    try:
        return Press.model_validate(payload)
    except ValidationError as error:
        raise InvalidError("This button is from an older card. Ask for a new one.") from error
