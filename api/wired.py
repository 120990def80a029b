"""What the REST door works with, wired by the composition root."""

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
    """Captured mails to look at."""

    async def list_messages(self, limit: int = 500) -> list[Any]:
        """The newest first: id, subject, recipient, date, size."""
        ...

    async def read_message(self, mail_id: str) -> Any:
        """One mail: entry, headers, html, text, attachments; NotFoundError."""
        ...


class Exposition(Protocol):
    """Prints metrics."""

    def exposition(self, facts: MetricsSnapshot) -> bytes:
        """All series in Prometheus' text format."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What the agent says of itself."""

    version: str
    source: SourceName


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The application behind the routes, and what only REST has."""

    app: Application
    show: Callable[[Anomaly], None]
    """Brings the cards of an anomaly up to date in the background."""
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


class Door(Protocol):
    """The REST door, as its own documents tell of it."""

    @property
    def endpoints(self) -> Sequence[Any]: ...

    async def locked(self) -> bool:
        """Whether a key is needed."""
        ...


SERVICES = web.AppKey("services", ApiServices)
DOOR = web.AppKey("door", Door)
OUTBOX = web.AppKey("outbox", Outbox)
