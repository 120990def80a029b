"""The OpenAPI 3.1 document, made from the endpoints: what is checked is what is described.

pydantic writes JSON Schema 2020-12, which is the dialect of OpenAPI 3.1, so that the schemas go
into the document as they are.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.answers import Problem
from api.bodies import JSON_TYPE
from api.endpoints import LONGEST_ID, Endpoint
from api.guard import READING
from api.problems import FIRST_ERROR, PROBLEM_TYPE

Json = dict[str, Any]

REFERENCES = "#/components/schemas/{model}"
DESCRIPTION = (
    "AWS costs of many accounts: teams, settings, costs, anomalies, reports and their runs. "
    "Money is a decimal string with two places, days are UTC days. Lists are bare arrays; the "
    "address of the next page stands in the `Link` header. Errors are RFC 9457 problems."
)
KEY = "key"
SECURITY: Json = {
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`app.py api-key create`), or an access token of Entra ID "
        "where API_AUDIENCE is set. Reading needs the scope or app role `read`, changing `write`.",
    }
}
WORDS = {
    200: "Done, or what was asked for.",
    201: "Added.",
    202: "Begun, or there already.",
    400: "The request is no valid HTTP, or its body no JSON.",
    401: "A key or token is missing, wrong, revoked or expired.",
    403: "The key's scope does not cover this; in local mode: not from this machine.",
    404: "There is nothing of this id or cursor.",
    405: "The path does not know this method.",
    409: "It clashes with what is there, or a setting is missing.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "A field is wrong; `errors` names it.",
    429: "Too many wrong keys from one address; `Retry-After` says how long to wait.",
    500: "Internal error; the log has it under the `request_id`.",
    502: "The cost source gave no usable answer.",
    503: "MongoDB does not answer.",
}
LINK: Json = {
    "Link": {
        "description": 'The next page, as `<address>; rel="next"`; absent on the last.',
        "schema": {"type": "string"},
    }
}
LOCATION: Json = {
    "Location": {
        "description": "Where it is.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    }
}


def document(endpoints: Sequence[Endpoint], version: str, *, locked: bool) -> Json:
    """The document; ``locked``: whether a key is needed now."""
    paths, schemas = _described(tuple(endpoints))
    responses = {
        f"Problem{status}": {
            "description": words,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": REFERENCES.format(model="Problem")}}},
        }
        for status, words in WORDS.items()
        if status >= FIRST_ERROR
    }
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": "AWS Cost Agent", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "responses": responses},
    }
    if not locked:
        found["info"]["description"] += " Local mode: no key exists yet and none is asked for."
        return found
    found["components"]["securitySchemes"] = SECURITY
    found["paths"] = {
        path: {
            method: {**operation, "security": _security(endpoint)}
            for method, operation, endpoint in _operations(paths[path], path, endpoints)
        }
        for path in paths
    }
    return found


def _operations(
    item: Json, path: str, endpoints: Sequence[Endpoint]
) -> Iterator[tuple[str, Json, Endpoint]]:
    for endpoint in endpoints:
        if endpoint.path == path:
            yield endpoint.method, item[endpoint.method], endpoint


def _security(endpoint: Endpoint) -> list[Json]:
    if not endpoint.keyed:
        return []
    return [{KEY: ["read" if endpoint.method.upper() in READING else "write"]}]


@lru_cache(maxsize=2)
def _described(endpoints: tuple[Endpoint, ...]) -> tuple[Json, Json]:
    """(paths, schemas)."""
    types = _Types(endpoints)
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _operation(endpoint, types)
    return paths, types.definitions


class _Types:
    """The JSON Schemas of all bodies, queries and answers, with what they share set apart."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        inputs: list[tuple[tuple[str, str], JsonSchemaMode, TypeAdapter[Any]]] = [
            (("problem", ""), "serialization", TypeAdapter(Problem))
        ]
        for one in endpoints:
            if one.query is not None:
                inputs.append((("query", one.name), "validation", TypeAdapter(one.query)))
            if one.body is not None:
                inputs.append((("body", one.name), "validation", one.body_adapter))
            if one.answer is not None:
                inputs.append((("answer", one.name), "serialization", one.answer_adapter))
            inputs += [
                ((f"answer {status}", one.name), "serialization", TypeAdapter(kind))
                for status, kind in one.also.items()
            ]
        found, together = TypeAdapter.json_schemas(inputs, ref_template=REFERENCES)
        self._found: dict[tuple[str, str], Json] = {
            key: schema for (key, _), schema in found.items()
        }
        self._all: Json = together.get("$defs", {})
        self._queries: set[str] = set()

    @property
    def definitions(self) -> Json:
        """The shared schemas, without those that have become parameters."""
        names = sorted(self._all.keys() - self._queries)
        return {name: _untitled(self._all[name]) for name in names}

    def of(self, what: str, endpoint: Endpoint | None = None) -> Json:
        """The schema of one part of an endpoint."""
        key = (what, endpoint.name if endpoint is not None else "")
        return self._found[key]

    def parameters(self, endpoint: Endpoint) -> list[Json]:
        """The query as parameters."""
        schema = self.of("query", endpoint)
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self._queries.add(name)
            schema = self._all[name]
        return [
            {"name": name, "in": "query", "required": False, **_apart(one)}
            for name, one in schema.get("properties", {}).items()
        ]


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, which say nothing more."""
    if isinstance(schema, list):
        return [_untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _untitled(value)
        for name, value in schema.items()
        if name != "title" or not isinstance(value, str)
    }


def _apart(schema: Json) -> Json:
    """A parameter's description beside its schema; null means that it is absent."""
    schema = _untitled(schema)
    description = schema.pop("description", None)
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(others) == 1:
        schema = others[0]
    elif schema.get("default", 0) is None:
        schema.pop("default")
    return {"schema": schema, **({"description": description} if description else {})}


def _operation(endpoint: Endpoint, types: _Types) -> Json:
    summary, rest = endpoint.about
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary,
        **({"description": rest} if rest else {}),
        "parameters": _parameters(endpoint, types),
        "responses": _responses(endpoint, types),
    }
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint, types)
    return operation


def _parameters(endpoint: Endpoint, types: _Types) -> list[Json]:
    found: list[Json] = []
    if endpoint.has_id:
        schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if endpoint.query is not None:
        found += types.parameters(endpoint)
    return found


def _request_body(endpoint: Endpoint, types: _Types) -> Json:
    content: Json = {JSON_TYPE: {"schema": types.of("body", endpoint)}}
    if endpoint.example is not None:
        content[JSON_TYPE]["example"] = endpoint.example
    if endpoint.csv is not None:
        content["text/csv"] = {"schema": endpoint.csv}
    return {"required": True, "content": content}


def _responses(endpoint: Endpoint, types: _Types) -> Json:
    content: Json = {}
    if endpoint.answer is not None:
        content[JSON_TYPE] = {"schema": types.of("answer", endpoint)}
    content |= {kind: {"schema": schema} for kind, schema in endpoint.other_types.items()}
    headers = {**(LINK if endpoint.paged else {}), **(LOCATION if endpoint.located else {})}
    good: Json = {"description": WORDS[endpoint.status], "content": content}
    if headers:
        good["headers"] = headers
    found = {str(endpoint.status): good}
    for status in _problems(endpoint):
        found[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    for status in endpoint.also:
        answer = {JSON_TYPE: {"schema": types.of(f"answer {status}", endpoint)}}
        # The same status may also come as a problem, such as before the handler is reached.
        answer[PROBLEM_TYPE] = {"schema": types.of("problem")}
        found[str(status)] = {"description": "Something is ill; it is named.", "content": answer}
    return dict(sorted(found.items()))


def _problems(endpoint: Endpoint) -> list[int]:
    """The statuses of the problems that a request can be answered with."""
    found = {400, 403, 413, 500, 503, *endpoint.problems}
    if endpoint.keyed:
        found |= {401, 429}
    if endpoint.has_id or endpoint.paged:
        found.add(404)
    if endpoint.query is not None:
        found.add(422)
    if endpoint.body is not None:
        found |= {415, 422}
    return sorted(found)
