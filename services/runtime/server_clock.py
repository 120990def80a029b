"""MongoDB's time, which governs everything that workers share; this machine's clock decides
nothing.

Two workers agree on when a lease ends only if they read the same clock: with one that was 150 s
ahead, 3 of 40 people got an email twice.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

import structlog

from services.domain.errors import ClockSkewError, StoreUnavailableError
from services.ports import Clock

log = structlog.get_logger()

MAX_SKEW = timedelta(seconds=30)
"""A worker whose machine's clock is further off than this takes on no work."""
MEASURE_SECONDS = 30.0
MAX_ROUND_TRIP_SECONDS = 0.5
"""Half a round trip is how wrong a measurement can be; a slower one is repeated."""
MAX_MEASUREMENTS = 3


AskTime = Callable[[], Awaitable[datetime]]
"""Asks MongoDB for its time; raises StoreUnavailableError."""


def seconds_since_boot() -> float:
    """Seconds that are never set back, and that also count while the machine sleeps.

    ``time.monotonic`` stops during a suspend on Linux (clock_gettime(2), CLOCK_BOOTTIME), and a
    worker that wakes up would believe that its leases still last.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class ServerClock:
    """MongoDB's time, extrapolated from its last measurement by seconds since boot."""

    def __init__(
        self,
        ask: AskTime,
        local: Clock = partial(datetime.now, UTC),  # noqa: B008 - immutable
        timer: Callable[[], float] = seconds_since_boot,
    ) -> None:
        """``local``: this machine's clock."""
        self._ask = ask
        self._local = local
        self._timer = timer
        self._measured: tuple[datetime, float] | None = None
        """MongoDB's time, and the timer then."""

    def now(self) -> datetime:
        """MongoDB's time; this machine's until the first measurement."""
        if self._measured is None:
            return self._local()
        server, at = self._measured
        return server + timedelta(seconds=self._timer() - at)

    def skew(self) -> timedelta:
        """How far this machine's clock is ahead of MongoDB's; negative when it is behind."""
        return self._local() - self.now()

    async def measure(self) -> None:
        """Ask MongoDB for its time. Raises StoreUnavailableError."""
        fastest = float("inf")
        for _ in range(MAX_MEASUREMENTS):
            asked_at = self._timer()
            server = await self._ask()
            answered_at = self._timer()
            round_trip = answered_at - asked_at
            if round_trip < fastest:
                fastest = round_trip
                self._measured = (server + timedelta(seconds=round_trip / 2), answered_at)
            if round_trip <= MAX_ROUND_TRIP_SECONDS:
                return

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Measure now and then twice a minute. Raises StoreUnavailableError."""
        await self.measure()
        task = asyncio.create_task(self._keep_measuring(), name="server clock")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_measuring(self) -> None:
        """While MongoDB does not respond, the last measurement stays in use."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self.measure()
            except StoreUnavailableError as error:
                log.debug("clock_not_measured", error=str(error))


ClockOf = Callable[[AskTime], ServerClock]
"""Makes the clock that everything depends on; tests pass one that they can move."""


def skew_problem(skew: timedelta) -> str | None:
    """What is wrong with this machine's clock and what to do; None if it may be used."""
    if abs(skew) <= MAX_SKEW:
        return None
    seconds = round(abs(skew).total_seconds())
    side = "ahead of" if skew > timedelta() else "behind"
    return (
        f"This machine's clock is {seconds:,} s {side} MongoDB's, so this worker sends nothing "
        f"until they agree within {MAX_SKEW.total_seconds():.0f} s. Let NTP set both "
        "(timedatectl set-ntp true)."
    )


def check_skew(skew: timedelta) -> None:
    """Raise ClockSkewError if this machine's clock is too far off to take work."""
    problem = skew_problem(skew)
    if problem is not None:
        raise ClockSkewError(problem)
