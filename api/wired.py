"""What the REST interface works with, put together by the composition root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from services.administration.config import Config
from services.anomalies.listing import AnomalyList
from services.anomalies.resolutions import Resolutions
from services.application import Application
from services.costs.rows import CostRowReader
from services.domain import Anomaly, MetricsSnapshot, SourceName
from services.operations.health import Health
from services.operations.metrics_snapshot import MetricsReader
from services.ports import Clock
from services.reports.previews import ReportPreviewer
from services.runs.requests import RunRequests
from services.teams import Teams


class Outbox(Protocol):
    """Captured emails."""

    async def list_messages(self, limit: int = 500) -> list[Any]:
        """Newest first: ID, subject, recipient, date, size."""
        ...

    async def read_message(self, mail_id: str) -> Any:
        """One email: entry, headers, html, text, attachments. Raises NotFoundError."""
        ...


class Exposition(Protocol):
    """The metrics of this process."""

    def exposition(self, facts: MetricsSnapshot) -> bytes:
        """All time series in Prometheus' text format."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """Version and cost source of the agent."""

    version: str
    source: SourceName


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The application behind the routes, and what only REST has."""

    app: Application
    show: Callable[[Anomaly], None]
    """Updates the cards of an anomaly in the background."""
    metrics: Exposition
    outbox: Outbox
    about: About

    @property
    def teams(self) -> Teams:
        return self.app.teams

    @property
    def config(self) -> Config:
        return self.app.administration.config

    @property
    def cost_rows(self) -> CostRowReader:
        return self.app.costs.rows

    @property
    def anomalies(self) -> AnomalyList:
        return self.app.anomalies.listing

    @property
    def resolutions(self) -> Resolutions:
        return self.app.anomalies.resolutions

    @property
    def previews(self) -> ReportPreviewer:
        return self.app.reports.previews

    @property
    def runs(self) -> RunRequests:
        return self.app.runs.requests

    @property
    def work(self) -> Callable[[str], None]:
        return self.app.runs.scheduler.work

    @property
    def health(self) -> Health:
        return self.app.operations.health

    @property
    def watch(self) -> MetricsReader:
        return self.app.operations.metrics

    @property
    def clock(self) -> Clock:
        return self.app.context.clock


class RestInterface(Protocol):
    """What the OpenAPI document says about the interface as a whole."""

    @property
    def endpoints(self) -> Sequence[Any]: ...

    async def locked(self) -> bool:
        """Whether a key is needed."""
        ...


SERVICES = web.AppKey("services", ApiServices)
REST_INTERFACE = web.AppKey("rest_interface", RestInterface)
OUTBOX = web.AppKey("outbox", Outbox)
