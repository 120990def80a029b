"""Builds the web application of the REST door and the pages."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from api import documents, local_mode, swagger_ui
from api.callers import CALLER, LOCAL
from api.endpoints import Endpoint
from api.guard import Guard, guarding, must_be_local
from api.outbox import pages
from api.problems import MESSAGES, answering
from api.routes import ENDPOINTS
from api.wired import DOOR, OUTBOX, SERVICES, ApiServices, Outbox
from services.ports import UNMEASURED, Meter

ALL: tuple[Endpoint, ...] = (*ENDPOINTS, *documents.endpoints.all)
LARGEST_BODY = max(one.most_bytes for one in ALL)


class Door:
    """What the documents tell of the door itself."""

    def __init__(self, guard: Guard, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = endpoints
        self._guard = guard

    async def locked(self) -> bool:
        """Whether a key is needed."""
        return await self._guard.locked()


def build_api(
    services: ApiServices, guard: Guard, messages: Handler, meter: Meter
) -> web.Application:
    """All endpoints and pages behind the guard, and the Bot Framework's endpoint."""
    sample = services.about.source == "sample"
    app = web.Application(
        middlewares=[answering(meter, sample=sample), guarding(guard)],
        client_max_size=LARGEST_BODY,
    )
    app[SERVICES] = services
    app[OUTBOX] = services.outbox
    app[DOOR] = Door(guard, ALL)
    for one in ALL:
        path = _pattern(one.path)
        app.router.add_route(one.method.upper(), path, one.handle)
        if one.method == "get":
            app.router.add_route("HEAD", path, one.handle)
    app.router.add_get("/api", _about)
    app.add_routes(pages)
    app.add_routes(swagger_ui.routes)
    app.router.add_post(MESSAGES, messages)
    return app


def _pattern(path: str) -> str:
    """The path as the router takes it: an id is nothing that is a path of its own."""
    before, found, after = path.partition("{id}")
    if not found:
        return path
    others = [one.path.removeprefix(before) for one in ALL if one.path.startswith(before)]
    words = sorted({other for other in others if "/" not in other and "{" not in other})
    not_these = f"(?!(?:{'|'.join(words)})$)" if words else ""
    return f"{before}{{id:{not_these}[^{{}}/]+}}{after}"


async def _about(request: web.Request) -> web.StreamResponse:
    """``/api`` is ``/api/``."""
    return await next(one for one in ALL if one.path == "/api/").handle(request)


def build_outbox(outbox: Outbox) -> web.Application:
    """Only the pages of captured mails, for this machine."""

    @web.middleware
    async def local(request: web.Request, handler: Handler) -> web.StreamResponse:
        must_be_local(request, local_mode.ALWAYS)
        request[CALLER] = LOCAL
        return await handler(request)

    app = web.Application(middlewares=[answering(UNMEASURED, sample=False), local])
    app[OUTBOX] = outbox
    app.add_routes(pages)
    return app
