"""What the REST interface uses, put together by the composition root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from services.application import Application
from services.domain import Anomaly, MetricsSnapshot, SourceName


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
class RestContext:
    """The application behind the routes, and what is specific to REST."""

    app: Application
    show: Callable[[Anomaly], None]
    """Updates the cards of an anomaly in the background."""
    metrics: Exposition
    outbox: Outbox
    about: About


class RestInterface(Protocol):
    """What the OpenAPI document says about the interface as a whole."""

    @property
    def endpoints(self) -> Sequence[Any]: ...

    async def locked(self) -> bool:
        """Whether a key is needed."""
        ...


SERVICES = web.AppKey("services", RestContext)
REST_INTERFACE = web.AppKey("rest_interface", RestInterface)
OUTBOX = web.AppKey("outbox", Outbox)
