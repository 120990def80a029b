"""The page about the API, made from its own OpenAPI document. No script, nothing from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from aiohttp import web

from api.bodies import JSON_TYPE
from api.pages import html_page

Json = dict[str, Any]
MOST_CHOICES = 12
"""Choices of a field that are listed; of more only some are."""


def reference_page(document: Json) -> web.Response:
    """The whole reference as a page."""
    tags: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            text = _operation(document, path, method, operation)
            tags.setdefault(operation["tags"][0], []).append(text)
    parts = "".join(f"<h2>{escape(tag)}</h2>{''.join(ones)}" for tag, ones in tags.items())
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f'<div class="open">{_schema_table(schema)}</div></details>'
        for name, schema in document["components"]["schemas"].items()
    )
    info = document["info"]
    return html_page(
        f"{info['title']} API",
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>"
        f"<p>{_prose(info['description'])}</p>{_key_words(document)}"
        '<p><a href="/api/openapi.json">The OpenAPI document</a></p>'
        f"{parts}<h2>Values</h2>{schemas}",
    )


def _key_words(document: Json) -> str:
    schemes = document["components"].get("securitySchemes", {})
    return "".join(
        f"<p>{_prose(one['description'])} Send it as "
        "<code>Authorization: Bearer &lt;key&gt;</code>.</p>"
        for one in schemes.values()
    )


def _operation(document: Json, path: str, method: str, operation: Json) -> str:
    about = f"<p>{_prose(operation['description'])}</p>" if "description" in operation else ""
    scopes = [scope for one in operation.get("security", []) for scope in one.get("key", [])]
    scope = f"<p>Needs the scope <code>{escape(scopes[0])}</code>.</p>" if scopes else ""
    return (
        f"<details><summary><code>{method.upper()} {escape(path)}</code> "
        f"{_prose(operation['summary'])}</summary>"
        f'<div class="open">{about}{scope}'
        f"{_parameters(operation)}{_body(document, operation)}{_answers(document, operation)}"
        f"<pre>{escape(_curl(document, path, method, operation))}</pre></div></details>"
    )


def _parameters(operation: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['in']}</td>"
        f"<td>{_kind(one['schema'])}</td><td>{_prose(one.get('description', ''))}</td></tr>"
        for one in operation["parameters"]
    )
    return f"<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>{rows}</table>" * (
        bool(rows)
    )


def _body(document: Json, operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "".join(
        f"<p>Body <code>{escape(kind)}</code>: {_kind(one['schema'])}. "
        f"{_prose(one['schema'].get('description', ''))}</p>"
        for kind, one in content.items()
    )


def _answers(document: Json, operation: Json) -> str:
    rows = "".join(
        f"<tr><td>{status}</td><td>{_prose(one['description'])}</td><td>"
        + ", ".join(
            f"<code>{escape(kind)}</code> {_kind(found['schema'])}"
            for kind, found in one.get("content", {}).items()
        )
        + "</td></tr>"
        for status, one in _resolved(document, operation["responses"])
    )
    return f"<table><tr><th>Status</th><th>Means</th><th>Content</th></tr>{rows}</table>"


def _resolved(document: Json, responses: Json) -> Iterator[tuple[str, Json]]:
    shared = document["components"]["responses"]
    for status, one in responses.items():
        yield status, shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one


def _schema_table(schema: Json) -> str:
    about = f"<p>{_prose(schema['description'])}</p>" if "description" in schema else ""
    if "properties" not in schema:
        return f"{about}<p>{_kind(schema)}</p>"
    needed = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_kind(one)}"
        f"{'' if name in needed else ', optional'}</td>"
        f"<td>{_prose(one.get('description', ''))}</td></tr>"
        for name, one in schema["properties"].items()
    )
    return f"{about}<table><tr><th>Field</th><th>Type</th><th></th></tr>{rows}</table>"


def _kind(schema: Json) -> str:
    """What a value is, in a few words of HTML."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_kind(one) for one in schema[several])
    if "enum" in schema or "const" in schema:
        return _choices(schema.get("enum", [schema.get("const")]))
    kinds = schema.get("type", "any")
    name = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in schema:
        return f"{escape(name)} of {_kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{escape(name)} of {_kind(schema['additionalProperties'])}"
    return escape(" ".join(filter(None, (name, schema.get("format"), _range(schema)))))


def _choices(values: list[Any]) -> str:
    shown = ", ".join(f"<code>{escape(json.dumps(one))}</code>" for one in values[:MOST_CHOICES])
    return f"{shown} …" if len(values) > MOST_CHOICES else shown


def _range(schema: Json) -> str:
    words = {
        "exclusiveMinimum": "above",
        "minimum": "from",
        "maximum": "to",
        "maxLength": "of at most",
    }
    return " ".join(f"{word} {schema[name]}" for name, word in words.items() if name in schema)


def _prose(text: str) -> str:
    """A sentence with `code` in it."""
    parts = text.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def _curl(document: Json, path: str, method: str, operation: Json) -> str:
    words = ["curl"]
    if method != "get":
        words += ["-X", method.upper()]
    words.append(f'"$API_URL{path}"')
    if operation.get("security"):
        words.append('-H "Authorization: Bearer $API_KEY"')
    example = _example(document, operation)
    if example is not None:
        words.append('-H "Content-Type: application/json"')
        words.append(f"-d '{json.dumps(example)}'")
    return " ".join(words)


def _example(document: Json, operation: Json) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE)
    if content is None:
        return None
    if "example" in content:
        return content["example"]
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return next(iter(schema.get("examples", ())), None)
