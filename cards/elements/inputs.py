"""Form fields."""

from collections.abc import Sequence

from cards.elements.texts import Element


def text_input(
    name: str,
    label: str,
    *,
    value: str = "",
    required: bool = False,
    error: str = "",
    max_length: int = 200,
    multiline: bool = False,
    placeholder: str = "",
) -> Element:
    """A field to type in."""
    field: Element = {
        "type": "Input.Text",
        "id": name,
        "label": label,
        "maxLength": max_length,
        "isMultiline": multiline,
        "isRequired": required,
        "errorMessage": error or f"{label} is required.",
    }
    if value:
        field["value"] = value
    if placeholder:
        field["placeholder"] = placeholder
    return field


def choice_input(
    name: str, label: str, choices: Sequence[tuple[str, str]], *, value: str = ""
) -> Element:
    """A drop-down list of choices (title, value); none is selected without a value."""
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": label,
        "style": "compact",
        "isRequired": True,
        "errorMessage": "Choose one.",
        "choices": [{"title": title, "value": choice} for title, choice in choices],
        **({"value": value} if value else {"placeholder": "Choose one"}),
    }
