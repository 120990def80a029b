"""How long the event loop is held up, in CPU seconds of its own thread.

A timer is set again and again. What the loop's thread computes between setting it and its ringing
is what held it up: wall time would count whatever else the machine does. A pause of the garbage
collector holds up everybody, in whichever thread it happens. With the clock of the whole process,
a thread that does not let go of the interpreter's lock counts too.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

EVERY = 0.005
"""Seconds between two rings."""


@dataclass
class Lag:
    """A context manager around what is measured; ``longest`` afterwards."""

    clock: Callable[[], float] = time.thread_time
    longest: float = 0.0
    """CPU seconds without a ring; the garbage collection's are among them."""
    _cpu: float = 0.0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        self._note(self._cpu)

    def _set(self) -> None:
        self._cpu = self.clock()
        self._timer = self._loop.call_later(EVERY, self._ring)

    def _ring(self) -> None:
        self._note(self._cpu)
        self._set()

    def _note(self, began: float) -> None:
        self.longest = max(self.longest, self.clock() - began)
