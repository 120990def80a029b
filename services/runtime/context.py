"""What all use cases of one process share."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from services.domain import SourceDescription
from services.ports import UNMEASURED, Clock, IsWorkerDead, Meter
from services.runtime.server_clock import seconds_since_boot
from services.runtime.shutdown import Shutdown
from services.runtime.timeouts import PRODUCTION, Timing


def _random() -> random.Random:
    return random.Random()  # noqa: S311 - spreads retries, hides nothing


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a process measures time and waits; tests pass a time of their own."""

    timer: Callable[[], float] = seconds_since_boot
    """Seconds since an arbitrary moment; never set back, unlike the clock."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    rng: random.Random = field(default_factory=_random)
    skew: Callable[[], timedelta] = timedelta
    """How far this machine's clock is ahead of MongoDB's; none unless it is measured."""


@dataclass(frozen=True, slots=True)
class Context:
    """The process and its source, passed on as a whole."""

    source: SourceDescription
    clock: Clock
    """MongoDB's time: see ``services.runtime.server_clock``."""
    worker: str
    """The name of this process, different from that of every other process so far."""
    is_worker_dead: IsWorkerDead
    shutdown: Shutdown = field(default_factory=Shutdown)
    timing: Timing = PRODUCTION
    metrics: Meter = UNMEASURED
    pacing: Pacing = field(default_factory=Pacing)
