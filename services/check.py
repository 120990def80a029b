"""Looks at every outside system: works, or what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.errors import AgentError
from services.model import SourceName
from services.ports import Store
from services.transports import Transports
from services.worker import reach


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check."""

    system: str
    ok: bool
    text: str


class CostCheck(Protocol):
    """A cost source that can say whether it works."""

    async def check(self, now: datetime) -> Sequence[str]:
        """Sentences about what works; raises CostSourceError with the cure."""
        ...


class BotSignIn(Protocol):
    """The bot's own tokens."""

    async def get(self) -> str | None:
        """A token, None in local mode; raises AgentError with the cure."""
        ...


class Check:
    """Tries each outside system once."""

    def __init__(
        self,
        *,
        store: Store,
        costs: CostCheck | None,
        transports: Transports,
        source: SourceName,
        app_id: str | None,
        bot: BotSignIn,
    ) -> None:
        self._store = store
        self._costs = costs
        self._transports = transports
        self._source = source
        self._app_id = app_id
        self._bot = bot

    async def all(self, now: datetime) -> list[Finding]:
        """MongoDB, Datadog, mail and Teams, in this order; never raises for an ill system."""
        return [
            await self._mongodb(),
            await self._datadog(now),
            await self._mail(now),
            await self._teams(),
        ]

    async def _mongodb(self) -> Finding:
        try:
            await self._store.ping()
        except AgentError as error:
            return Finding("MongoDB", ok=False, text=str(error))
        return Finding("MongoDB", ok=True, text="answers")

    async def _datadog(self, now: datetime) -> Finding:
        if self._costs is None:
            return Finding(
                "Datadog",
                ok=True,
                text="not set, sample costs are used. Set DATADOG_API_KEY and DATADOG_APP_KEY "
                "to read your own.",
            )
        try:
            return Finding("Datadog", ok=True, text=" ".join(await self._costs.check(now)))
        except AgentError as error:
            return Finding("Datadog", ok=False, text=str(error))

    async def _mail(self, now: datetime) -> Finding:
        try:
            name = await self._transports.configured(now)
            if name == "outbox":
                return Finding(
                    "Mail",
                    ok=True,
                    text="not set, mails go to the outbox. Set SMTP_HOST to send them.",
                )
            transport = await self._transports.named(name, now)
            await reach(transport)
        except AgentError as error:
            return Finding("Mail", ok=False, text=str(error))
        said = f"signed in; mails are sent from {transport.sender}"
        warning = await self._transports.warning(now)
        return Finding("Mail", ok=True, text=f"{said}. {warning}" if warning else said)

    async def _teams(self) -> Finding:
        try:
            token = await self._bot.get()
        except AgentError as error:
            return Finding("Teams", ok=False, text=str(error))
        if token is None:
            return Finding(
                "Teams", ok=True, text="not set (local mode). Set MicrosoftAppId to use Teams."
            )
        return Finding("Teams", ok=True, text=f"signed in as app {self._app_id}")
