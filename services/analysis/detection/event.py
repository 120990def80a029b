"""An anomaly of an account as detection sees it: it begins, goes on, and ends."""

import math
from dataclasses import dataclass, field
from typing import Literal

ACCOUNT = ""
"""Name of the column of the whole account."""
WHOLE_ACCOUNT = "All services"
"""The driver of an event in which no single service stands out."""
SPIKE_DAYS = 3
"""An event of at most so many days is a spike."""
DRIFT_DAYS = 8
"""With fewer days a slow rise cannot be told from a step."""
FEW_SERVICES = 3
CARRIED = 0.6
RISES = 1.6
"""A drift's later half exceeds its earlier half by this factor."""

Kind = Literal["spike", "shift", "drift"]


def diffuse(account: float, services: float, number: int) -> bool:
    """Whether an excess is one of the whole account, and not of so many services.

    A few services that carry most of it are measured better by themselves: the noise of all the
    others stays out.
    """
    return not 0 < number <= FEW_SERVICES or services < CARRIED * account


@dataclass(slots=True)
class Event:
    """An anomaly of an account as detection sees it; days are ordinals, money is floats."""

    start: int
    raised: int
    """The day whose costs raised it."""
    last: int
    """Last day that belongs to it."""
    horizon: int
    score: float
    sums: dict[str, float] = field(default_factory=dict)
    """Column → money above what was expected; the account under ``""``."""
    shares: dict[int, float] = field(default_factory=dict)
    """Day → excess as a share of what was expected."""
    quiet: int = 0
    """Days without excess since ``last``."""
    ended: int | None = None
    """The day whose costs ended it; None while open."""
    accepted: bool = False
    """Ended because it is the new normal."""

    @property
    def excess(self) -> float:
        """Money above what was expected, so far."""
        services = math.fsum(x for name, x in self.sums.items() if name != ACCOUNT)
        if ACCOUNT in self.sums and diffuse(self.sums[ACCOUNT], services, len(self.sums) - 1):
            return self.sums[ACCOUNT]
        return services

    @property
    def driver(self) -> str:
        """The service with the largest excess; ``WHOLE_ACCOUNT`` when none stands out."""
        services = [name for name in self.sums if name != ACCOUNT]
        return max(services, key=lambda name: (self.sums[name], name), default=WHOLE_ACCOUNT)

    @property
    def kind(self) -> Kind:
        """What it looks like so far."""
        if self.last - self.start < SPIKE_DAYS:
            return "spike"
        shares = [share for _, share in sorted(self.shares.items())]
        half = len(shares) // 2
        if len(shares) >= DRIFT_DAYS:
            early, late = math.fsum(shares[:half]), math.fsum(shares[-half:])
            return "drift" if late > RISES * early else "shift"
        return "shift"
