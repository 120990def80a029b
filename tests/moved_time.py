"""A time that tests move, in the place of MongoDB's."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Self

from services.ports import Clock
from services.runtime.server_clock import AskTime, ServerClock


class MovedTime(ServerClock):
    """The time of everything: no clock differs from it."""

    def __init__(self, ask: AskTime, clock: Clock) -> None:
        super().__init__(ask, clock)
        self._clock = clock

    def now(self) -> datetime:
        return self._clock()

    def skew(self) -> timedelta:
        return timedelta()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        yield self


def moved_by(clock: Clock) -> Callable[[AskTime], MovedTime]:
    """What ``open_agent`` takes as ``clock_of``."""
    return lambda ask: MovedTime(ask, clock)
