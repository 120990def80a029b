"""Endpoints, declared once: the request is checked, and the OpenAPI document made, from the same.

A handler gets a ``Call``, whose parts are checked already, and returns what the endpoint declares,
or a ``Reply`` that says more.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.bodies import JSON_TYPE, MOST_BYTES, must_be, parse_json, read_body
from api.callers import CALLER, Caller
from api.inputs import Query
from api.wired import SERVICES, ApiServices
from services.domain.errors import InvalidError, NotFoundError
from services.domain.validation import problems_of

Method = Literal["get", "post", "put", "patch", "delete"]
Tag = Literal["Health", "Teams", "Settings", "Costs", "Reports", "Runs", "Documents"]

HTML_TYPE = "text/html"
LONGEST_ID = 200
MOST_WORDS = 20
"""Wrong fields that a sentence names."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked."""

    services: ApiServices
    caller: Caller
    now: datetime
    request: web.Request
    query: Any
    body: Any = None
    """The checked body; None where the endpoint takes none."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Of an object, only the fields that were sent."""

    @property
    def id(self) -> str:
        """The id in the path. Raises NotFoundError for one that can be none."""
        found = self.request.match_info["id"]
        if len(found) > LONGEST_ID or not (found.isascii() and found.isprintable()):
            raise NotFoundError("There is nothing of this id. See the list.")
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with more than its content."""

    content: Any
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Any]]
Decorated = TypeVar("Decorated", bound=Handler)


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One method of one path, and all that is to be known of it."""

    method: Method
    path: str
    handler: Handler
    tag: Tag
    answer: Any
    """The type of the answer's JSON; None: the handler answers something else."""
    status: int = 200
    query: type[Query] | None = Query
    """None: whatever stands there is left alone."""
    body: Any = None
    """The type of the JSON body; None: it takes none."""
    example: Any = None
    most_bytes: int = MOST_BYTES
    problems: tuple[int, ...] = ()
    """Statuses of problems beyond those that follow from the rest."""
    keyed: bool = True
    """Whether it needs a key once the door is locked."""
    paged: bool = False
    located: bool = False
    also: Mapping[int, Any] = field(default_factory=dict)
    """Other statuses with their types."""
    other_types: Mapping[str, Any] = field(default_factory=dict)
    """Other media types of the answer, with their schemas."""
    csv: Any = None
    """The schema of a body of text/csv, where that is taken too."""

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def about(self) -> tuple[str, str]:
        """(the first sentence, the rest) of what it does."""
        text = " ".join((self.handler.__doc__ or "").split())
        first, _, rest = text.partition(". ")
        return first.rstrip(".") + ".", rest

    @property
    def has_id(self) -> bool:
        return "{id}" in self.path

    @cached_property
    def body_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.body)

    @cached_property
    def answer_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.answer)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Checks the request, calls the handler, and makes the answer."""
        services = request.app[SERVICES]
        query = self._query(request)
        body, given = await self._body(request)
        call = Call(
            services, request[CALLER], services.clock(), request, query, body=body, given=given
        )
        made = await self.handler(call)
        if isinstance(made, web.StreamResponse):
            return made
        reply = made if isinstance(made, Reply) else Reply(made)
        return web.Response(
            body=self.answer_adapter.dump_json(reply.content, by_alias=True),
            status=reply.status or self.status,
            content_type=JSON_TYPE,
            headers=reply.headers,
        )

    def _query(self, request: web.Request) -> Any:
        if self.query is None:
            return None
        twice = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
        if twice:
            raise InvalidError("The query is wrong.", [(name, "stands twice") for name in twice])
        return checked(self.query, dict(request.query), "The query")

    async def _body(self, request: web.Request) -> tuple[Any, Mapping[str, Any]]:
        if self.csv is not None and must_be(request, JSON_TYPE, "text/csv") == "text/csv":
            return await read_body(request, self.most_bytes), {}
        if self.body is None:
            await _must_be_empty(request)
            return None, {}
        must_be(request, JSON_TYPE)
        found = checked(
            self.body_adapter, parse_json(await read_body(request, self.most_bytes)), "The body"
        )
        given = found.model_dump(exclude_unset=True) if isinstance(found, BaseModel) else {}
        return found, given


async def _must_be_empty(request: web.Request) -> None:
    """What nobody reads must not look as if it had been obeyed."""
    if not request.body_exists:
        return
    data = await read_body(request, MOST_BYTES)
    if data.strip() not in {b"", b"{}"}:
        raise InvalidError("This takes no body.", [("body", "must be empty")])


def checked(model: Any, value: Any, what: str) -> Any:
    """The value as its model has it. Raises InvalidError that names each wrong field."""
    try:
        if isinstance(model, TypeAdapter):
            return model.validate_python(value)
        return model.model_validate(value)
    except ValidationError as error:
        problems = problems_of(error)
        words = "; ".join(f"{field[:80]} {reason}" for field, reason in problems[:MOST_WORDS])
        more = f"; and {len(problems) - MOST_WORDS} more" if len(problems) > MOST_WORDS else ""
        raise InvalidError(f"{what} is wrong: {words}{more}.", problems) from error


class Endpoints:
    """Collects endpoints; each module of routes has one."""

    def __init__(self, tag: Tag) -> None:
        self._tag: Tag = tag
        self.all: list[Endpoint] = []

    def __call__(
        self, method: Method, path: str, answer: Any, **more: Any
    ) -> Callable[[Decorated], Decorated]:
        """Declares the decorated handler; ``more``: see ``Endpoint``."""

        def declare(handler: Decorated) -> Decorated:
            self.all.append(Endpoint(method, path, handler, self._tag, answer, **more))
            return handler

        return declare


def wants_html(request: web.Request) -> bool:
    """Whether the asker would rather have a page than JSON."""
    wanted = {HTML_TYPE: 0.0, JSON_TYPE: 0.0}
    for part in request.headers.get("Accept", "").lower().split(","):
        name, _, rest = part.partition(";")
        if name.strip() in wanted:
            wanted[name.strip()] = _quality(rest)
    return wanted[HTML_TYPE] > wanted[JSON_TYPE]


def _quality(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
