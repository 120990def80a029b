"""The ticker: APScheduler ticks and hands over; it decides nothing and works on nothing.

APScheduler cancels running jobs at its shutdown, so a tick's work belongs to the background.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

SECONDS = 30

Start = Callable[[str, Coroutine[Any, Any, None]], object]


class Ticker:
    """Calls ``tick`` at once and then every 30 seconds, in the background."""

    def __init__(
        self,
        tick: Callable[[], Coroutine[Any, Any, None]],
        start: Start,
        clock: Callable[[], datetime],
        seconds: float = SECONDS,
    ) -> None:
        self._tick = tick
        self._start = start
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._seconds = seconds
        self.last_tick: datetime | None = None
        """When the last tick was handed over."""

    @property
    def running(self) -> bool:
        """Whether it ticks."""
        return bool(self._scheduler.running)

    def start(self) -> None:
        """Begins to tick."""
        self._scheduler.add_job(
            self._hand_over,
            "interval",
            seconds=self._seconds,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        self._scheduler.start()

    async def _hand_over(self) -> None:
        """Has to be a coroutine: APScheduler runs plain functions in a thread without a loop."""
        self.last_tick = self._clock()
        self._start("tick", self._tick())

    def stop(self) -> None:
        """Ticks no more; what was handed over goes on."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
