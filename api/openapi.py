"""The OpenAPI 3.1 document, made from the endpoints: what is validated is what is described.

pydantic writes JSON Schema 2020-12, the dialect of OpenAPI 3.1, so its schemas are used as they
are.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from api.endpoints import CSV_TYPE, MAX_ID_LENGTH, RestEndpoint
from api.guard import SAFE_METHODS
from api.openapi_schemas import Json, Schemas, component_ref
from api.problems import FIRST_ERROR_STATUS, PROBLEM_TYPE
from api.requests.body import JSON_TYPE

DESCRIPTION = (
    "AWS costs of many accounts: teams, settings, costs, anomalies, reports and their runs. "
    "Money is a decimal string with two places, days are UTC days. Lists are bare arrays; the "
    "address of the next page is in the `Link` header. Errors are RFC 9457 problems."
)
LOCAL_MODE = " Local mode: no key is needed, and only this machine is answered."
KEY = "key"
SECURITY: Json = {
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`app.py api-key create`), or an access token of Entra ID "
        "where API_AUDIENCE is set. Reads need the scope or app role `read`, changes `write`.",
    }
}
STATUS_DESCRIPTIONS = {
    200: "Success.",
    201: "Added.",
    202: "Started, or running already.",
    400: "The body is not valid JSON.",
    401: "A key or token is missing, not valid, revoked or expired.",
    403: "The key does not have the scope; in local mode: not from this machine.",
    404: "There is nothing with this ID, or the cursor is invalid.",
    405: "The path does not support this method.",
    408: "The body did not arrive in time.",
    409: "It conflicts with the present state, or a setting is missing.",
    413: "The body is too large.",
    415: "The body has another media type, or is compressed.",
    422: "A field is invalid; `errors` names it.",
    500: "Internal error; its log entry has the `request_id`.",
    502: "The cost source returned no usable data.",
    503: "MongoDB is not responding.",
}
LINK: Json = {
    "Link": {
        "description": 'The next page, as `<address>; rel="next"`; absent on the last page.',
        "schema": {"type": "string"},
    }
}
LOCATION: Json = {
    "Location": {
        "description": "Its address.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    }
}


def document(endpoints: Sequence[RestEndpoint], version: str, *, locked: bool) -> Json:
    """The document; ``locked``: whether a key is needed now."""
    paths, schemas = _paths_and_schemas(tuple(endpoints))
    responses = {
        f"Problem{status}": {
            "description": description,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": component_ref("Problem")}}},
        }
        for status, description in STATUS_DESCRIPTIONS.items()
        if status >= FIRST_ERROR_STATUS
    }
    openapi: Json = {
        "openapi": "3.1.0",
        "info": {"title": "AWS Cost Agent", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "responses": responses},
    }
    if not locked:
        openapi["info"]["description"] += LOCAL_MODE
        return openapi
    openapi["components"]["securitySchemes"] = SECURITY
    openapi["paths"] = {
        path: {
            method: {**operation, "security": _security(endpoint)}
            for method, operation, endpoint in _operations(paths[path], path, endpoints)
        }
        for path in paths
    }
    return openapi


def _operations(
    item: Json, path: str, endpoints: Sequence[RestEndpoint]
) -> Iterator[tuple[str, Json, RestEndpoint]]:
    for endpoint in endpoints:
        if endpoint.path == path:
            yield endpoint.method, item[endpoint.method], endpoint


def _security(endpoint: RestEndpoint) -> list[Json]:
    if not endpoint.needs_key:
        return []
    return [{KEY: ["read" if endpoint.method.upper() in SAFE_METHODS else "write"]}]


@lru_cache(maxsize=2)
def _paths_and_schemas(endpoints: tuple[RestEndpoint, ...]) -> tuple[Json, Json]:
    schemas = Schemas(endpoints)
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _operation(endpoint, schemas)
    return paths, schemas.components


def _operation(endpoint: RestEndpoint, schemas: Schemas) -> Json:
    summary, description = endpoint.documentation
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary,
        **({"description": description} if description else {}),
        "parameters": _parameters(endpoint, schemas),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.accepts.body is not None:
        operation["requestBody"] = _request_body(endpoint, schemas)
    return operation


def _parameters(endpoint: RestEndpoint, schemas: Schemas) -> list[Json]:
    parameters: list[Json] = []
    if endpoint.has_id:
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}
        parameters.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if endpoint.accepts.query is not None:
        parameters += schemas.query_parameters(endpoint)
    return parameters


def _request_body(endpoint: RestEndpoint, schemas: Schemas) -> Json:
    content: Json = {JSON_TYPE: {"schema": schemas.find("body", endpoint)}}
    if endpoint.accepts.body_example is not None:
        content[JSON_TYPE]["example"] = endpoint.accepts.body_example
    if endpoint.accepts.csv_schema is not None:
        content[CSV_TYPE] = {"schema": endpoint.accepts.csv_schema}
    return {"required": True, "content": content}


def _responses(endpoint: RestEndpoint, schemas: Schemas) -> Json:
    content: Json = {}
    if endpoint.returns.response is not None:
        content[JSON_TYPE] = {"schema": schemas.find("response", endpoint)}
    content |= {
        media_type: {"schema": schema}
        for media_type, schema in endpoint.returns.other_media_types.items()
    }
    headers = {
        **(LINK if endpoint.returns.is_paged else {}),
        **(LOCATION if endpoint.returns.has_location else {}),
    }
    success: Json = {
        "description": STATUS_DESCRIPTIONS[endpoint.returns.status],
        "content": content,
    }
    if headers:
        success["headers"] = headers
    responses = {str(endpoint.returns.status): success}
    for status in _problem_statuses(endpoint):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    for status in endpoint.returns.other_statuses:
        other = {JSON_TYPE: {"schema": schemas.find(f"response {status}", endpoint)}}
        # The same status may also be a problem, such as before the handler is reached.
        other[PROBLEM_TYPE] = {"schema": schemas.problem}
        responses[str(status)] = {"description": "A component is failing.", "content": other}
    return dict(sorted(responses.items()))


def _problem_statuses(endpoint: RestEndpoint) -> list[int]:
    statuses = {400, 403, 408, 413, 415, 500, 503, *endpoint.returns.problem_statuses}
    if endpoint.needs_key:
        statuses.add(401)
    if endpoint.has_id or endpoint.returns.is_paged:
        statuses.add(404)
    if endpoint.accepts.query is not None:
        statuses.add(422)
    if endpoint.accepts.body is not None:
        statuses.add(422)
    return sorted(statuses)
