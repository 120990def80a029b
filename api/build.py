"""Builds the REST interface over an application."""

from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from api.app import build_api
from api.entra import EntraTokens
from api.guard import Guard
from api.state import About, Exposition, Outbox, RestContext
from services.application import Application
from services.domain import Anomaly
from services.ports import HttpClient, Meter, Start
from services.settings import TeamsAppSettings


class MetricsPage(Meter, Exposition, Protocol):
    """Counts events, and renders the counters for Prometheus."""


def build_guard(app: Application, settings: TeamsAppSettings, http: HttpClient) -> Guard:
    """Build the guard, which decides who may make a request."""
    clock = app.context.clock
    tokens = None
    if settings.api_audience is not None:
        tokens = EntraTokens(settings, http, clock)
    return Guard(
        app.administration.api_keys,
        tokens,
        clock,
        has_app_id=settings.app_id is not None,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages show in addition to the application."""

    outbox: Outbox
    metrics: MetricsPage
    version: str


def build_rest(
    app: Application, guard: Guard, messages: Handler, pages: Pages, start: Start
) -> web.Application:
    """Build the routes and pages; ``messages`` handles the Bot Framework's endpoint."""

    def show(anomaly: Anomaly) -> None:
        start(f"cards {anomaly.id}", app.alerts.refresh(anomaly, app.context.clock()))

    about = About(version=pages.version, source=app.context.source.name)
    services = RestContext(app, show, pages.metrics, pages.outbox, about)
    return build_api(services, guard, messages, pages.metrics)
