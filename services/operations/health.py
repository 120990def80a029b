"""Health: whether MongoDB responds and the scheduler ticks."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.errors import StoreUnavailableError
from services.ports import Store, Ticking

TIMEOUT_SECONDS = 3.0
"""A health request waits no longer than this for MongoDB."""
MAX_TICK_AGE = timedelta(minutes=3)
"""A ticker that has not ticked for this long is failing; it ticks every 30 s."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The failing components, each as ``name: what is wrong and what to do``."""

    failing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failing

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the failing components only, for callers who may see no details."""
        return tuple(reason.partition(":")[0] for reason in self.failing)


class Health:
    """Checks what every request and the scheduler depend on."""

    def __init__(self, store: Store, ticker: Ticking, *, since: datetime) -> None:
        """``since``: when the agent started; its scheduler may tick for the first time a little later."""
        self._store = store
        self._ticker = ticker
        self._since = since

    @property
    def ticking(self) -> bool:
        """Whether the scheduler is running."""
        return self._ticker.running

    async def check(self, now: datetime) -> HealthReport:
        """Check each component; a failing one is named in the report and raises nothing."""
        failing = []
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._store.ping()
        except StoreUnavailableError as error:
            failing.append(f"mongodb: {error}")
        except TimeoutError:
            failing.append(f"mongodb: MongoDB did not answer within {TIMEOUT_SECONDS:g} s.")
        last = self._ticker.last_tick
        stopped = last is not None and not self._ticker.running
        if stopped or now - (last or self._since) > MAX_TICK_AGE:
            failing.append("ticker: the scheduler has stopped; restart the agent")
        return HealthReport(tuple(failing))
