"""Builds the web application: REST, the pages, and the Bot Framework's endpoint."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from api import local_mode, swagger_ui
from api.callers import CALLER, LOCAL
from api.endpoints import RestEndpoint
from api.guard import Guard, guarding, require_local
from api.outbox import pages
from api.problems import MESSAGES, responding
from api.routes import ENDPOINTS
from api.state import OUTBOX, REST_INTERFACE, SERVICES, Outbox, RestContext
from services.domain import SAMPLE
from services.ports import UNMEASURED, Meter

MAX_BODY_BYTES = max(endpoint.accepts.max_body_bytes for endpoint in ENDPOINTS)


class GuardedEndpoints:
    """What the OpenAPI document says about the interface as a whole."""

    def __init__(self, guard: Guard, endpoints: Sequence[RestEndpoint]) -> None:
        self.endpoints = endpoints
        self._guard = guard

    async def locked(self) -> bool:
        """Whether a key is needed."""
        return await self._guard.locked()


def build_api(
    services: RestContext, guard: Guard, messages: Handler, meter: Meter
) -> web.Application:
    """All endpoints and pages behind the guard; ``messages`` handles the Bot Framework's."""
    sample = services.about.source == SAMPLE
    app = web.Application(
        middlewares=[responding(meter, sample=sample), guarding(guard)],
        client_max_size=MAX_BODY_BYTES,
    )
    app[SERVICES] = services
    app[OUTBOX] = services.outbox
    app[REST_INTERFACE] = GuardedEndpoints(guard, ENDPOINTS)
    for endpoint in ENDPOINTS:
        path = _route_pattern(endpoint.path)
        app.router.add_route(endpoint.method.upper(), path, endpoint.handle)
        if endpoint.method == "get":
            app.router.add_route("HEAD", path, endpoint.handle)
    app.router.add_get("/api", _about)
    app.add_routes(pages)
    app.add_routes(swagger_ui.routes)
    app.router.add_post(MESSAGES, messages)
    return app


def _route_pattern(path: str) -> str:
    """The path for aiohttp's router, in which no ID is the last part of another path.

    Otherwise PATCH /api/teams/bulk would mean the team "bulk" instead of being 405.
    """
    prefix, placeholder, suffix = path.partition("{id}")
    if not placeholder:
        return path
    siblings = {
        endpoint.path.removeprefix(prefix)
        for endpoint in ENDPOINTS
        if endpoint.path.startswith(prefix)
    }
    words = sorted(name for name in siblings if "/" not in name and "{" not in name)
    exclusion = f"(?!(?:{'|'.join(words)})$)" if words else ""
    return f"{prefix}{{id:{exclusion}[^{{}}/]+}}{suffix}"


async def _about(request: web.Request) -> web.StreamResponse:
    """``/api`` is the same as ``/api/``."""
    about = next(endpoint for endpoint in ENDPOINTS if endpoint.path == "/api/")
    return await about.handle(request)


def build_outbox(outbox: Outbox) -> web.Application:
    """Only the pages of captured emails, for this machine."""

    @web.middleware
    async def local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
        require_local(request, local_mode.ONLY_THIS_MACHINE)
        request[CALLER] = LOCAL
        return await handler(request)

    app = web.Application(middlewares=[responding(UNMEASURED, sample=False), local_only])
    app[OUTBOX] = outbox
    app.add_routes(pages)
    return app
