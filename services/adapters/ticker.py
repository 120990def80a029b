"""The ticker: APScheduler calls it every 30 seconds, and it starts the work in the background.

What is due is decided from the database, not by APScheduler: in memory it forgets what was due while
the process was down, and with a shared job store two schedulers would both run it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger()

INTERVAL_SECONDS = 30
JOB_ID = "tick"

Start = Callable[[str, Coroutine[Any, Any, None]], object]


class Ticker:
    """Calls a function at its start and then every 30 seconds, in the background."""

    def __init__(
        self,
        start: Start,
        clock: Callable[[], datetime],
        seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._tick: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._start = start
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._seconds = seconds
        self._clock_check: asyncio.TimerHandle | None = None
        self.last_tick: datetime | None = None
        """When the last tick was started."""

    @property
    def running(self) -> bool:
        return bool(self._scheduler.running)

    def on_tick(self, tick: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Set the function: the application that it belongs to is built after the ticker."""
        self._tick = tick

    def start(self) -> None:
        self._scheduler.add_job(
            self._start_tick,
            "interval",
            id=JOB_ID,
            seconds=self._seconds,
            next_run_time=datetime.now(UTC),  # an interval trigger would wait 30 seconds first
            coalesce=True,
            max_instances=1,
            # The default grace is one second: a tick that a busy event loop delays by more is
            # dropped (APScheduler 3.11).
            misfire_grace_time=None,
        )
        self._scheduler.start()
        self._check_clock()

    def _check_clock(self) -> None:
        """Tick now if the next tick is further away than it can be.

        APScheduler waits for a time of day: when the machine's clock is set back by an hour, it
        would not tick for an hour. ``call_later`` counts seconds on the monotonic clock.
        """
        self._clock_check = asyncio.get_running_loop().call_later(self._seconds, self._check_clock)
        job, now = self._scheduler.get_job(JOB_ID), datetime.now(UTC)
        if job is None or job.next_run_time is None:
            return
        if job.next_run_time - now > timedelta(seconds=2 * self._seconds):
            log.warning("clock_set_back", next_tick=job.next_run_time.isoformat())
            job.modify(next_run_time=now)

    # A coroutine, as APScheduler runs plain functions in a thread, which has no event loop.
    async def _start_tick(self) -> None:
        self.last_tick = self._clock()
        if self._tick is not None:
            # In the background: at its shutdown APScheduler cancels the jobs that are running.
            self._start("tick", self._tick())

    def stop(self) -> None:
        """Stop ticking; work that was started continues."""
        if self._clock_check is not None:
            self._clock_check.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
