"""The present and the ended, as arguments."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""The present instant, aware, UTC."""

SurelyGone = Callable[[str], bool]
"""Whether the worker of this name has ended for certain, so that its leases are free."""
