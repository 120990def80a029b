"""The current time and the death of workers, as injectable functions."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Returns the current time, time-zone-aware, in UTC."""

IsWorkerDead = Callable[[str], bool]
"""Whether the worker with this name has certainly ended, so that its leases can be taken over."""
