"""What is wrong with a setting, in one sentence that names it, its value, and what to do."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from services.domain.formatting import neutral

MAX_VALUE_LENGTH = 60
SERVICE_LINK = ("tcp://", "udp://", "sctp://")
"""How Kubernetes and Docker links begin ``<SERVICE>_PORT``."""


def explanation(
    error: ErrorDetails, fields: Mapping[str, FieldInfo], values: Mapping[str, str]
) -> str:
    """A sentence about a validation error; ``fields`` and ``values`` by setting.

    The library's own sentence is not used: it speaks of strings, patterns and inputs.
    """
    if not error["loc"]:  # a check of several settings, which names them itself
        return f"{_own_words(error)}."
    name = str(error["loc"][0])
    field, value = fields.get(name), values.get(name, "")
    reason = _reason(error, field)
    if value.lower().startswith(SERVICE_LINK):
        service = name.lower().removesuffix("_port")
        reason += (
            f'. "{neutral(value, MAX_VALUE_LENGTH)}" is what Kubernetes sets for a service named '
            f"{service}: set {name} yourself, or enableServiceLinks: false for the pod"
        )
    elif value and field is not None and not is_secret(field):
        reason += f' (it is "{neutral(value, MAX_VALUE_LENGTH)}")'
    return f"{name} {reason}."


def _reason(error: ErrorDetails, field: FieldInfo | None) -> str:
    if error["type"] == "value_error":
        return _own_words(error)
    if field is None:
        return "is not valid"
    context = error.get("ctx", {})
    match error["type"]:
        case "literal_error":
            *others, last = choices(field)
            reason = f"must be {', '.join(others)} or {last}"
        case "string_too_short" | "too_short":
            reason = f"must have at least {context['min_length']} characters"
        case "string_too_long":
            reason = f"must have at most {context['max_length']} characters"
        case _:
            is_number = field.annotation is int or int in get_args(field.annotation)
            reason = f"must be a whole number{_bounds(field)}" if is_number else "is not valid"
    return reason


def _own_words(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _bounds(field: FieldInfo) -> str:
    lowest = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    highest = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    if lowest is None:
        return ""
    return f" of at least {lowest}" if highest is None else f" from {lowest} to {highest}"


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The values of a setting that allows only a few; empty for all others."""
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def is_secret(field: FieldInfo) -> bool:
    """Whether the value must never be shown."""
    return _holds_secret(field.annotation)


def _holds_secret(kind: Any) -> bool:
    """Whether a type is SecretStr, or a union or an Annotated with it, however nested."""
    return kind is SecretStr or any(map(_holds_secret, get_args(kind)))
