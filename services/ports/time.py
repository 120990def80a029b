"""The present and the ended, as arguments."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""The present instant, aware, UTC."""

IsWorkerDead = Callable[[str], bool]
"""Whether the worker of this name has certainly ended, so that its leases are free."""
