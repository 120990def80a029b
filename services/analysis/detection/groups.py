"""Many accounts that move together are one alert: a price, a shared service, a holiday."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.analysis.detection.replay import Detected

MIN_ACCOUNTS = 5
MIN_SHARE = 0.15
"""So many accounts, and this share of all, make a group."""
STARTS_WITHIN = timedelta(days=3)
RAISED_WITHIN = timedelta(days=14)
"""Events of noisier accounts are raised later; they still belong to the group."""


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events of several accounts with the same driver that began together."""

    driver: str
    start: date
    raised_on: date
    """The day whose costs raised the first of them."""
    events: tuple[Detected, ...]

    @property
    def key(self) -> str:
        """The same on every day, even when accounts join later."""
        return f"{self.driver}|{self.raised_on.isoformat()}"


def grouped(events: Iterable[Detected], accounts: int) -> list[EventGroup]:
    """Find the groups among events, oldest first; ``accounts``: how many are watched.

    An event belongs to at most one group; those in none are alerts of their own.
    """
    by_driver: dict[str, list[Detected]] = defaultdict(list)
    for event in events:
        by_driver[event.driver].append(event)
    found: list[EventGroup] = []
    for driver, held in by_driver.items():
        found += _groups_of(
            driver, sorted(held, key=lambda one: (one.start, one.raised_on)), accounts
        )
    return sorted(found, key=lambda group: (group.start, group.driver))


def _groups_of(driver: str, events: Sequence[Detected], accounts: int) -> list[EventGroup]:
    found, left = [], deque(events)
    while left:
        first = left[0]
        together = _together(left)
        if len({one.account_id for one in together}) >= max(MIN_ACCOUNTS, MIN_SHARE * accounts):
            raised_on = min(one.raised_on for one in together)
            found.append(EventGroup(driver, first.start, raised_on, tuple(together)))
            taken = set(map(id, together))
            left = deque(one for one in left if id(one) not in taken)
        else:
            left.popleft()
    return found


def _together(events: Iterable[Detected]) -> list[Detected]:
    """The first event with those that may belong to its group; ``events``: oldest first."""
    found: list[Detected] = []
    for one in events:
        first = found[0] if found else one
        if one.start - first.start > STARTS_WITHIN:
            break
        if abs(one.raised_on - first.raised_on) <= RAISED_WITHIN:
            found.append(one)
    return found
