"""Whether the agent is well: MongoDB answers and the ticker ticks."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.errors import StoreUnavailableError
from services.ports import Store, Ticking

PATIENCE_SECONDS = 3.0
"""Whoever asks for the health waits no longer for MongoDB."""
SILENCE = timedelta(minutes=3)
"""A ticker that has not ticked for this long is ill; it ticks every 30 s."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """``failing`` names the parts that are ill, in words."""

    failing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failing

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts alone, for those who may know no more."""
        return tuple(one.partition(":")[0] for one in self.failing)


class Health:
    """Looks at what every request and the clock depend on."""

    def __init__(self, store: Store, ticker: Ticking, *, since: datetime) -> None:
        """``since``: when the agent was opened; its clock may begin to tick a little later."""
        self._store = store
        self._ticker = ticker
        self._since = since

    @property
    def ticking(self) -> bool:
        """Whether the clock runs."""
        return self._ticker.running

    async def check(self, now: datetime) -> HealthReport:
        """Never raises for an ill part; names it."""
        failing = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._store.ping()
        except StoreUnavailableError as error:
            failing.append(f"mongodb: {error}")
        except TimeoutError:
            failing.append(f"mongodb: MongoDB did not answer within {PATIENCE_SECONDS:g} s.")
        last = self._ticker.last_tick
        stopped = last is not None and not self._ticker.running
        if stopped or now - (last or self._since) > SILENCE:
            failing.append("ticker: the clock does not tick; restart the agent")
        return HealthReport(tuple(failing))
