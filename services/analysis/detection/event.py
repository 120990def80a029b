"""An anomaly of an account as detection sees it: it starts, continues, and ends."""

import math
from dataclasses import dataclass, field
from typing import Literal

from services.domain import WHOLE_ACCOUNT

ACCOUNT = ""
"""The name of the whole account's column."""
SPIKE_DAYS = 3
"""An event of up to so many days is a spike."""
MIN_DRIFT_DAYS = 8
"""With fewer days a slow rise looks like a step."""
MAX_CARRIERS = 3
MIN_CARRIED = 0.6
"""Share of an account's excess that a few services carry, so that they measure it better."""
DRIFT_FACTOR = 1.6
"""A drift's later half exceeds its earlier half by this factor."""

Kind = Literal["spike", "shift", "drift"]


def diffuse(account: float, services: float, number: int) -> bool:
    """Whether an excess is one of the whole account rather than of ``number`` services.

    A few services that carry most of it are measured better on their own, without the noise of
    all the others.
    """
    return not 0 < number <= MAX_CARRIERS or services < MIN_CARRIED * account


@dataclass(slots=True)
class Event:
    """An anomaly of an account as detection sees it; days are ordinals, money is floats."""

    start: int
    raised: int
    """The day whose costs raised it."""
    last: int
    """The last day that belongs to it."""
    horizon: int
    score: float
    sums: dict[str, float] = field(default_factory=dict)
    """Money above expected, by column name; the account under ``""``."""
    shares: dict[int, float] = field(default_factory=dict)
    """Excess as a share of what was expected, by day."""
    quiet: int = 0
    """Days without excess since ``last``."""
    ended: int | None = None
    """The day whose costs ended it; None while open."""
    accepted: bool = False
    """Ended because it is the new normal."""

    @property
    def excess(self) -> float:
        """Money above expected so far."""
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
        """How it looks so far; a shift may still become a drift."""
        if self.last - self.start < SPIKE_DAYS:
            return "spike"
        shares = [share for _, share in sorted(self.shares.items())]
        half = len(shares) // 2
        if len(shares) >= MIN_DRIFT_DAYS:
            early, late = math.fsum(shares[:half]), math.fsum(shares[-half:])
            return "drift" if late > DRIFT_FACTOR * early else "shift"
        return "shift"
