"""The ticker: APScheduler ticks and hands over; it decides nothing and works on nothing.

APScheduler cancels running jobs at its shutdown, so a tick's work belongs to the background. It
waits for an hour of the day: when the machine's clock is set back, it would not tick until that hour
comes again, so somebody whose watch only counts seconds looks after it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger()

SECONDS = 30
JOB = "tick"

Start = Callable[[str, Coroutine[Any, Any, None]], object]


class Ticker:
    """Calls a function at once and then every 30 seconds, in the background."""

    def __init__(
        self,
        start: Start,
        clock: Callable[[], datetime],
        seconds: float = SECONDS,
    ) -> None:
        self._tick: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._start = start
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._seconds = seconds
        self._look: asyncio.TimerHandle | None = None
        self.last_tick: datetime | None = None
        """When the last tick was handed over."""

    @property
    def running(self) -> bool:
        """Whether it ticks."""
        return bool(self._scheduler.running)

    def on_tick(self, tick: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Set what is called; the application that it belongs to is built after the ticker."""
        self._tick = tick

    def start(self) -> None:
        """Start to tick."""
        self._scheduler.add_job(
            self._hand_over,
            "interval",
            id=JOB,
            seconds=self._seconds,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        self._scheduler.start()
        self._look_after()

    def _look_after(self) -> None:
        """Ticks now when the next tick is further away than any should be."""
        self._look = asyncio.get_running_loop().call_later(self._seconds, self._look_after)
        job, now = self._scheduler.get_job(JOB), datetime.now(UTC)
        if job is None or job.next_run_time is None:
            return
        if job.next_run_time - now > timedelta(seconds=2 * self._seconds):
            log.warning("clock_set_back", next_tick=job.next_run_time.isoformat())
            job.modify(next_run_time=now)

    async def _hand_over(self) -> None:
        """Has to be a coroutine: APScheduler runs plain functions in a thread without a loop."""
        self.last_tick = self._clock()
        if self._tick is not None:
            self._start("tick", self._tick())

    def stop(self) -> None:
        """Ticks no more; what was handed over goes on."""
        if self._look is not None:
            self._look.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
