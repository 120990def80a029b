"""How long the work on runs waits, in seconds, for leases, answers and retries.

Nothing in the environment changes these: a shorter lease than the longest answer of a mail
server would weaken what is promised. Tests of dying workers hand in shorter ones as a whole.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of the production, unless a test hands in others."""

    run_lease: float = 60.0
    """How long a dead worker's run waits for the next worker; renewed four times as often."""
    delivery_lease: float = 120.0
    """Longer than the longest wait for an answer of a mail server, by a margin."""
    retries: tuple[float, ...] = (20, 60, 180, 300, 600, 1800, 3600)
    """Before the second, third … attempt of a delivery; the last one repeats."""
    connect_retry: float = 2.0
    """Before the second attempt to connect to a mail server; doubled each time."""
    store_retry: float = 1.0
    """Between two attempts while MongoDB is not responding."""
    store_patience: float = 90.0
    """How long an outcome is kept in hand while MongoDB is not responding."""
    run_patience: float = 75.0
    """A background worker waits so long for the next retry before it leaves it to a later tick."""
    run_retries: tuple[float, ...] = (60, 120, 300, 900, 1800, 3600)
    """After a run's first, second … error."""
    alert_claim: float = 120.0
    """A card that is still not being posted after this was claimed by somebody who is gone."""
    alert_answer: float = 240.0
    """The longest that posting a card may take, with its own retries."""
    alert_lease: float = 600.0
    """After this nobody is still posting a card: its fate is unknown."""

    @property
    def run_ttl(self) -> timedelta:
        return timedelta(seconds=self.run_lease)

    @property
    def delivery_ttl(self) -> timedelta:
        return timedelta(seconds=self.delivery_lease)

    def retry(self, attempts: int) -> float:
        """Seconds to wait after so many attempts of a delivery."""
        return self.retries[min(attempts, len(self.retries)) - 1]

    def run_retry(self, attempts: int) -> timedelta:
        """How long to wait after a run that has failed so many times before."""
        return timedelta(seconds=self.run_retries[min(attempts, len(self.run_retries) - 1)])


PRODUCTION = Timing()
