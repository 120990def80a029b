"""JSON Schemas of all bodies, query parameters and responses, in the form of OpenAPI 3.1."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.endpoints import RestEndpoint
from api.responses.problems import Problem

Json = dict[str, Any]
Key = tuple[str, str]
"""(part of an endpoint, name of the endpoint)."""

COMPONENTS = "#/components/schemas/{model}"
PROBLEM: Key = ("problem", "")


def component_ref(name: str) -> str:
    """The address of a shared schema within the document."""
    return COMPONENTS.format(model=name)


class Schemas:
    """All schemas of some endpoints, with the shared ones set apart as components."""

    def __init__(self, endpoints: Sequence[RestEndpoint]) -> None:
        inputs: list[tuple[Key, JsonSchemaMode, TypeAdapter[Any]]] = [
            (PROBLEM, "serialization", TypeAdapter(Problem))
        ]
        for endpoint in endpoints:
            inputs += _inputs(endpoint)
        schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=COMPONENTS)
        self._schemas: dict[Key, Json] = {key: schema for (key, _), schema in schemas.items()}
        self._shared: Json = shared.get("$defs", {})
        self._query_models: set[str] = set()

    @property
    def problem(self) -> Json:
        return self._schemas[PROBLEM]

    @property
    def components(self) -> Json:
        """The shared schemas, without those that became query parameters."""
        names = sorted(self._shared.keys() - self._query_models)
        return {name: _without_titles(self._shared[name]) for name in names}

    def find(self, part: str, endpoint: RestEndpoint) -> Json:
        """The schema of a part of an endpoint, such as "query", "body" or "response"."""
        return self._schemas[part, endpoint.name]

    def query_parameters(self, endpoint: RestEndpoint) -> list[Json]:
        """The fields of the query model as OpenAPI parameters."""
        schema = self.find("query", endpoint)
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self._query_models.add(name)
            schema = self._shared[name]
        return [
            {"name": name, "in": "query", "required": False, **_parameter(field)}
            for name, field in schema.get("properties", {}).items()
        ]


def _inputs(endpoint: RestEndpoint) -> list[tuple[Key, JsonSchemaMode, TypeAdapter[Any]]]:
    inputs: list[tuple[Key, JsonSchemaMode, TypeAdapter[Any]]] = []
    name = endpoint.name
    if endpoint.accepts.query is not None:
        inputs.append((("query", name), "validation", TypeAdapter(endpoint.accepts.query)))
    if endpoint.accepts.body is not None:
        inputs.append((("body", name), "validation", endpoint.body_adapter))
    if endpoint.returns.response is not None:
        inputs.append((("response", name), "serialization", endpoint.response_adapter))
    inputs += [
        ((f"response {status}", name), "serialization", TypeAdapter(model))
        for status, model in endpoint.returns.other_statuses.items()
    ]
    return inputs


def _without_titles(schema: Any) -> Any:
    """Remove the title that pydantic makes of every name, as it adds nothing. A field may be
    called title.
    """
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(value)
        for name, value in schema.items()
        if name != "title" or not isinstance(value, str)
    }


def _parameter(schema: Json) -> Json:
    """Schema and description of a parameter, side by side. An absent parameter is never null."""
    schema = _without_titles(schema)
    description = schema.pop("description", None)
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = choices[0]
    elif schema.get("default", 0) is None:
        schema.pop("default")
    return {"schema": schema, **({"description": description} if description else {})}
