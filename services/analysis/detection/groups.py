"""Groups of accounts that move together, alerted as one: a price, a shared service, a holiday."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.analysis.detection.replay import Detected

MIN_ACCOUNTS = 5
MIN_SHARE = 0.15
"""A group has at least this many accounts, and this share of all accounts."""
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
    groups: list[EventGroup] = []
    for driver, driven in by_driver.items():
        oldest_first = sorted(driven, key=lambda event: (event.start, event.raised_on))
        groups += _groups_of(driver, oldest_first, accounts)
    return sorted(groups, key=lambda group: (group.start, group.driver))


def _groups_of(driver: str, events: Sequence[Detected], accounts: int) -> list[EventGroup]:
    groups, remaining = [], deque(events)
    while remaining:
        first = remaining[0]
        together = _together(remaining)
        if len({event.account_id for event in together}) >= max(
            MIN_ACCOUNTS, MIN_SHARE * accounts
        ):
            raised_on = min(event.raised_on for event in together)
            groups.append(EventGroup(driver, first.start, raised_on, tuple(together)))
            taken = set(map(id, together))
            remaining = deque(event for event in remaining if id(event) not in taken)
        else:
            remaining.popleft()
    return groups


def _together(events: Iterable[Detected]) -> list[Detected]:
    """The first event with those that may belong to its group; ``events``: oldest first."""
    together: list[Detected] = []
    for event in events:
        first = together[0] if together else event
        if event.start - first.start > STARTS_WITHIN:
            break
        if abs(event.raised_on - first.raised_on) <= RAISED_WITHIN:
            together.append(event)
    return together
