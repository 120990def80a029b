"""Leases, timeouts and retry delays of the work on runs, in seconds.

They are not settings: with a lease that is shorter than a mail server's slowest reply, an email
could be sent twice. Tests of dying workers pass a set of shorter ones.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """A set of delays; the defaults are those of production."""

    run_lease: float = 60.0
    """How long a dead worker blocks its run; renewed four times in that time."""
    delivery_lease: float = 120.0
    """Longer than the slowest reply of a mail server that is waited for, by a margin."""
    retries: tuple[float, ...] = (20, 60, 180, 300, 600, 1800, 3600)
    """Delays before the second, third … attempt of a delivery; the last one repeats."""
    connect_retry: float = 2.0
    """Delay before the second attempt to connect to a mail server; doubled each time."""
    store_retry: float = 1.0
    """Delay between two attempts while MongoDB does not respond."""
    store_patience: float = 90.0
    """How long an outcome is kept in memory while MongoDB does not respond."""
    run_patience: float = 75.0
    """The longest wait for a retry; a worker leaves later ones to a later tick."""
    run_retries: tuple[float, ...] = (60, 120, 300, 900, 1800, 3600)
    """Delays after a run's first, second … error; the last one repeats."""
    history_patience: float = 1200.0
    """How long the first run waits for the cost history before it goes on without it."""
    alert_claim: float = 120.0
    """If a claimed card is not being posted after this, its worker has died."""
    alert_answer: float = 240.0
    """The longest that posting a card may take, including retries."""
    alert_lease: float = 600.0
    """After this, nobody is still posting a card, and its fate is unknown."""

    @property
    def run_ttl(self) -> timedelta:
        return timedelta(seconds=self.run_lease)

    @property
    def delivery_ttl(self) -> timedelta:
        return timedelta(seconds=self.delivery_lease)

    def retry(self, attempts: int) -> float:
        """Seconds to wait after this many attempts at a delivery."""
        return self.retries[min(attempts, len(self.retries)) - 1]

    def run_retry(self, attempts: int) -> timedelta:
        """How long to wait after an error of a run with this many earlier errors."""
        return timedelta(seconds=self.run_retries[min(attempts, len(self.run_retries) - 1)])


PRODUCTION = Timing()
