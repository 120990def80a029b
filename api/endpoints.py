"""Endpoints, each declared once: from it, requests are validated and the OpenAPI document is made.

A handler gets a ``Call`` with validated parts. It returns the content that the endpoint declares,
an ``EndpointResponse`` with status or headers beside it, or an aiohttp response.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.callers import CALLER, Caller
from api.requests.body import JSON_TYPE, MAX_BODY_BYTES, parse_json, read_body, require_media_type
from api.requests.queries import Query
from api.state import SERVICES, RestContext
from services.domain.errors import InvalidError, NotFoundError
from services.domain.validation import problems_of

Method = Literal["get", "post", "put", "patch", "delete"]
Tag = Literal["Health", "Teams", "Settings", "Costs", "Reports", "Runs", "Documents"]

HTML_TYPE = "text/html"
CSV_TYPE = "text/csv"
MAX_ID_LENGTH = 200
MAX_BYTES_ON_LOOP = 16 * 1024
"""A larger body is parsed and validated in a thread: of the worst ones, 100 KB take 100 ms."""
MAX_NAMED_FIELDS = 20
"""Invalid fields that the sentence of an error names; ``errors`` lists more."""


@dataclass(frozen=True, slots=True)
class Call:
    """A validated request."""

    services: RestContext
    caller: Caller
    now: datetime
    request: web.Request
    query: Any
    body: Any = None
    """None where the endpoint takes no body; bytes of a CSV file; else the validated value."""
    sent_fields: Mapping[str, Any] = field(default_factory=dict)
    """The fields of an object that were sent, without those that got a default."""

    @property
    def id(self) -> str:
        """The ID in the path. Raises NotFoundError for text that cannot be an ID."""
        value = self.request.match_info["id"]
        if len(value) > MAX_ID_LENGTH or not (value.isascii() and value.isprintable()):
            raise NotFoundError("There is nothing with this ID. List the IDs that exist first.")
        return value


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """Content with a status or headers of its own."""

    content: Any
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Any]]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, kw_only=True)
class Accepts:
    """What an endpoint reads of a request."""

    query: type[Query] | None = Query
    """None: query parameters are ignored."""
    body: Any = None
    """The type of the JSON body; None: no body is accepted."""
    body_example: Any = None
    max_body_bytes: int = MAX_BODY_BYTES
    csv_schema: Any = None
    """The schema of a text/csv body, where one is accepted too."""


@dataclass(frozen=True, kw_only=True)
class Returns:
    """What an endpoint returns."""

    response: Any
    """The type of the JSON response; None: the handler returns something else."""
    status: int = 200
    problem_statuses: tuple[int, ...] = ()
    """Statuses of errors beyond those that follow from the other fields."""
    is_paged: bool = False
    has_location: bool = False
    other_statuses: Mapping[int, Any] = field(default_factory=dict)
    """Other statuses, with the types of their JSON responses."""
    other_media_types: Mapping[str, Any] = field(default_factory=dict)
    """Other media types of the response, with their schemas."""


@dataclass(frozen=True, eq=False)
class RestEndpoint:
    """One method of one path."""

    method: Method
    path: str
    handler: Handler
    tag: Tag
    accepts: Accepts
    returns: Returns
    needs_key: bool = True
    """Whether it needs a key once the first key exists."""

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def documentation(self) -> tuple[str, str]:
        """The handler's docstring as (first sentence, rest)."""
        text = " ".join((self.handler.__doc__ or "").split())
        first, _, rest = text.partition(". ")
        return first.rstrip(".") + ".", rest

    @property
    def has_id(self) -> bool:
        return "{id}" in self.path

    @cached_property
    def body_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.accepts.body)

    @cached_property
    def response_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.returns.response)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Validate the request, call the handler, and serialize what it returns."""
        services = request.app[SERVICES]
        query = self._parse_query(request)
        body, sent_fields = await self._parse_body(request)
        call = Call(
            services,
            request[CALLER],
            services.app.context.clock(),
            request,
            query,
            body,
            sent_fields,
        )
        result = await self.handler(call)
        if isinstance(result, web.StreamResponse):
            return result
        response = result if isinstance(result, EndpointResponse) else EndpointResponse(result)
        return web.Response(
            body=self.response_adapter.dump_json(response.content, by_alias=True),
            status=response.status or self.returns.status,
            content_type=JSON_TYPE,
            headers=response.headers,
        )

    def _parse_query(self, request: web.Request) -> Any:
        if self.accepts.query is None:
            return None
        repeated = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
        if repeated:
            raise InvalidError(
                "The query is invalid: a parameter is repeated.",
                [(name, "is repeated") for name in repeated],
            )
        return validated(self.accepts.query, dict(request.query), "The query")

    async def _parse_body(self, request: web.Request) -> tuple[Any, Mapping[str, Any]]:
        if self.accepts.csv_schema is not None:
            media_type = require_media_type(request, JSON_TYPE, CSV_TYPE)
            if media_type == CSV_TYPE:
                return await read_body(request, self.accepts.max_body_bytes), {}
        if self.accepts.body is None:
            await _require_empty_body(request)
            return None, {}
        require_media_type(request, JSON_TYPE)
        data = await read_body(request, self.accepts.max_body_bytes)
        if len(data) > MAX_BYTES_ON_LOOP:
            return await asyncio.to_thread(self._read_json, data)
        return self._read_json(data)

    def _read_json(self, data: bytes) -> tuple[Any, Mapping[str, Any]]:
        body = validated(self.body_adapter, parse_json(data), "The body")
        sent_fields = body.model_dump(exclude_unset=True) if isinstance(body, BaseModel) else {}
        return body, sent_fields


async def _require_empty_body(request: web.Request) -> None:
    """Refuse a body that would be ignored: its sender expects it to have an effect."""
    if not request.body_exists:
        return
    data = await read_body(request, MAX_BODY_BYTES)
    if data.strip() not in {b"", b"{}"}:
        raise InvalidError("This endpoint accepts no body.", [("body", "must be empty")])


def validated(model: Any, value: Any, noun: str) -> Any:
    """Return the value as its model has it. Raises InvalidError that lists the invalid fields."""
    try:
        if isinstance(model, TypeAdapter):
            return model.validate_python(value)
        return model.model_validate(value)
    except ValidationError as error:
        problems = problems_of(error)
        named = "; ".join(f"{name[:80]} {reason}" for name, reason in problems[:MAX_NAMED_FIELDS])
        rest = len(problems) - MAX_NAMED_FIELDS
        more = f"; and {rest} more" if rest > 0 else ""
        raise InvalidError(f"{noun} is invalid: {named}{more}.", problems) from error


def _taken(options: dict[str, Any], group: type[Any]) -> dict[str, Any]:
    """Remove a group's fields from the options, and return them."""
    names = [item.name for item in fields(group)]
    return {name: options.pop(name) for name in names if name in options}


class Endpoints:
    """Collects endpoints; each module of routes has one instance."""

    def __init__(self, tag: Tag) -> None:
        self._tag: Tag = tag
        self.all: list[RestEndpoint] = []

    def __call__(
        self, method: Method, path: str, response: Any, **options: Any
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare the decorated handler as an endpoint.

        ``options``: fields of ``Accepts``, ``Returns``, and ``RestEndpoint``.
        """
        accepts = Accepts(**_taken(options, Accepts))
        returns = Returns(response=response, **_taken(options, Returns))

        def declare(handler: HandlerT) -> HandlerT:
            self.all.append(
                RestEndpoint(method, path, handler, self._tag, accepts, returns, **options)
            )
            return handler

        return declare


def prefers_html(request: web.Request) -> bool:
    """Whether the Accept header ranks HTML above JSON."""
    quality = {HTML_TYPE: 0.0, JSON_TYPE: 0.0}
    for item in request.headers.get("Accept", "").lower().split(","):
        name, _, parameters = item.partition(";")
        if name.strip() in quality:
            quality[name.strip()] = _quality(parameters)
    return quality[HTML_TYPE] > quality[JSON_TYPE]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
