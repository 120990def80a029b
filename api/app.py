"""Builds the web application of the REST door and the pages."""

from aiohttp import web

from api.local_mode import GUARDED_ELSEWHERE, local_only
from api.outbox import pages
from api.problems import Handler, problems
from api.routes import BULK_BYTES, routes
from api.wired import OUTBOX, SERVICES, ApiServices, Outbox

MESSAGES = "/api/messages"


def build_api(
    services: ApiServices, messages: Handler, *, messages_authenticate: bool
) -> web.Application:
    """All routes and pages in local mode, and the Bot Framework's endpoint.

    ``messages_authenticate``: the endpoint checks who asks, so it is open to the network.
    """
    app = web.Application(middlewares=[problems, local_only], client_max_size=BULK_BYTES)
    app[SERVICES] = services
    app[OUTBOX] = services.outbox
    app.add_routes(routes)
    app.add_routes(pages)
    app.router.add_post(MESSAGES, messages)
    if messages_authenticate:
        app[GUARDED_ELSEWHERE] = (MESSAGES,)
    return app


def build_outbox(outbox: Outbox) -> web.Application:
    """Only the pages of captured mails."""
    app = web.Application(middlewares=[problems, local_only])
    app[OUTBOX] = outbox
    app.add_routes(pages)
    return app
