"""What counts as an anomaly: the limits of detection.

No labeled set of real cloud cost anomalies is public, so the limits were calibrated on seeded worlds
and frozen before they were measured on others (``docs/detection.md``). Rules as they are usually
shipped, such as a z-score above 3, raise many times the false alerts there.
"""

from dataclasses import dataclass

LEARNING_DAYS = 35
"""Days of data after which an account is evaluated in full."""
WINDOW = 91
"""Days of history that define what is normal: 13 weeks."""
HORIZONS = (1, 3, 7, 14, 21)
"""Over how many days excess is added up before it is evaluated, in days."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of detection; money in the source's currency, shares and ratios as fractions.

    ``scores`` and ``shares`` have one entry for each horizon: how many spreads, and which share of
    the expected amount, a sum must lie above what is usual to raise an anomaly.
    """

    alert_minimum: float = 25.0
    """Excess a day, in money, below which nothing is raised: the alert minimum of all accounts."""
    scores: tuple[float, ...] = (4.7, 3.6, 4.9, 4.3, 4.4)
    shares: tuple[float, ...] = (0.2, 0.2, 0.18, 0.14, 0.15)
    service_score: float = 2.2
    """Added to the scores when a single service is evaluated: there are many of them."""
    service_share: float = 0.33
    """Replaces ``shares`` for a service over more than three days."""
    account_share: float = 0.08
    """Share of the account's usual day that a service's excess must make up."""
    slow_share: float = 0.2
    """The same for an excess over several days together."""
    day_spread: float = 0.05
    week_spread: float = 0.04
    """Smallest spread that is assumed, as a share of the expected day and week."""
    spread_growth: float = 0.7
    """The spread of n weeks is that of one, times n to this power: neighboring weeks correlate."""
    slow_money: float = 1.5
    """Alert minimums that an excess over several days must reach."""
    similar: float = 0.7
    """An earlier excess of at least this share of today's counts as similar."""
    similar_times: int = 2
    """This many similar excesses in 100 days are a recurring pattern, which raises nothing."""
    accept_after: int = 28
    """Days after which a stable excess is the new normal."""
    accept_latest: int = 56
    """Days after which any excess is the new normal."""
    sparse: float = 1.5
    """A rarely used service must exceed its largest day by this factor."""
