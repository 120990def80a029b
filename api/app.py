"""Builds the web application of the REST door and the pages."""

from aiohttp import web

from api.local_mode import local_only
from api.outbox import pages
from api.problems import problems
from api.routes import BULK_BYTES, routes
from api.wired import OUTBOX, SERVICES, ApiServices, Outbox


def build_api(services: ApiServices) -> web.Application:
    """All routes and pages, in local mode."""
    app = web.Application(middlewares=[problems, local_only], client_max_size=BULK_BYTES)
    app[SERVICES] = services
    app[OUTBOX] = services.outbox
    app.add_routes(routes)
    app.add_routes(pages)
    return app


def build_outbox(outbox: Outbox) -> web.Application:
    """Only the pages of captured mails."""
    app = web.Application(middlewares=[problems, local_only])
    app[OUTBOX] = outbox
    app.add_routes(pages)
    return app
