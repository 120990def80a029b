"""Oracles that know Adaptive Cards from others than the cards themselves.

``strict_problems`` holds a card against Microsoft's typed models, key by key, as these accept
unknown keys; ``schema_problems`` against the published schema of version 1.5, in which charts and
other later elements are replaced by what they fall back to.
"""

import inspect
import json
import types
import typing
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
from microsoft_teams.cards import core
from pydantic import BaseModel, ValidationError

Json = dict[str, Any]
LATER = ("Chart.", "ProgressBar", "ProgressRing", "Badge", "Icon", "CodeBlock", "Rating")
"""Types that phones, the Playground or version 1.5 do not know."""


@cache
def model_of(kind: str) -> type[BaseModel] | None:
    """Microsoft's model of an element type such as ``Chart.Line``."""
    for _, found in inspect.getmembers(core, inspect.isclass):
        field = getattr(found, "model_fields", {}).get("type")
        if field is not None and kind in typing.get_args(field.annotation):
            return typing.cast("type[BaseModel]", found)
    return None


def strict_problems(card: Json) -> list[str]:
    """Unknown types, unknown keys and bad values, wherever they are in the card."""
    return list(_problems(card, model_of("AdaptiveCard"), "card"))


def _problems(value: Json, model: type[BaseModel] | None, path: str) -> Iterator[str]:
    if "type" in value:
        model = model_of(str(value["type"]))
    if model is None:
        yield f"{path}: unknown type {value.get('type')!r}"
        return
    fields = {str(field.validation_alias or name): field for name, field in _fields(model)}
    for key, inner in value.items():
        if key == "$schema" and model is model_of("AdaptiveCard"):
            continue
        if key not in fields:
            yield f"{path}: {model.__name__} has no {key}"
            continue
        if key == "data" and model.__name__ in {"ExecuteAction", "SubmitAction"}:
            continue  # whatever the bot wants back
        inside = next(_models(fields[key].annotation), None)
        parts = inner if isinstance(inner, list) else [inner]
        for i, part in enumerate(parts):
            if isinstance(part, dict):
                yield from _problems(part, inside, f"{path}.{key}[{i}]")
    try:
        model.model_validate(value)
    except ValidationError as error:
        for one in error.errors():
            yield f"{path}: {one['loc']} {one['msg']}"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    yield from model.model_fields.items()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, through lists, unions and Annotated."""
    if inspect.isclass(annotation) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from _models(inner)


@cache
def _schema() -> jsonschema_rs.Draft6Validator:
    text = (files("adaptive_cards") / "schemas" / "schema-1.5.json").read_text("utf-8")
    return jsonschema_rs.Draft6Validator(json.loads(text))


def schema_problems(card: Json) -> list[str]:
    """Where a card leaves the schema of version 1.5."""
    old = as_old_clients_see(card)
    return [
        f"{error.instance_path}: {error.message[:300]}" for error in _schema().iter_errors(old)
    ]


def as_old_clients_see(value: Any) -> Any:
    """The card with later elements replaced by their fallback, and without Teams' own keys."""
    if isinstance(value, list):
        seen = (as_old_clients_see(one) for one in value)
        return [one for one in seen if one is not None]
    if not isinstance(value, dict):
        return value
    if str(value.get("type", "")).startswith(LATER):
        fallback = value.get("fallback", "drop")
        return None if fallback == "drop" else as_old_clients_see(fallback)
    renamed = {"firstRowAsHeaders": "firstRowAsHeader"}  # the schema's spelling, read by nobody
    return {
        renamed.get(key, key): as_old_clients_see(inner)
        for key, inner in value.items()
        if key not in {"msteams", "targetWidth"}
    }


def walk(value: Any) -> Iterator[Json]:
    """Every object inside a card that has a type, itself included."""
    if isinstance(value, list):
        for one in value:
            yield from walk(one)
    elif isinstance(value, dict):
        if "type" in value:
            yield value
        for key, inner in value.items():
            if key != "data" or str(value.get("type")).startswith("Chart."):
                yield from walk(inner)
