"""What the REST door works with, wired by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from services.config import Config
from services.health import Health
from services.model import SourceName
from services.ports import Clock
from services.reports import Reports
from services.runs import Runs
from services.teams import Teams


class Outbox(Protocol):
    """Captured mails to look at."""

    async def list_messages(self, limit: int = 500) -> list[Any]:
        """The newest first: id, subject, recipient, date, size."""
        ...

    async def read_message(self, mail_id: str) -> Any:
        """One mail: entry, headers, html, text, attachments; NotFoundError."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """What the agent says of itself."""

    version: str
    source: SourceName


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The use cases behind the routes."""

    teams: Teams
    config: Config
    reports: Reports
    runs: Runs
    work: Callable[[str], None]
    """Starts to work on a run in the background."""
    health: Health
    outbox: Outbox
    clock: Clock
    about: About


SERVICES = web.AppKey("services", ApiServices)
OUTBOX = web.AppKey("outbox", Outbox)
