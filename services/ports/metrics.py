"""Counters and timers for monitoring."""

from typing import Protocol

from services.domain import RunKind


class Meter(Protocol):
    """Records events for monitoring, without labels that name a team or a person."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request to REST or to a page was answered."""
        ...

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        """Another system was queried; ``outcome`` is the HTTP status or ``error``."""
        ...

    def delivered(self, channel: str, outcome: str) -> None:
        """A delivery reached this state; ``retry`` means that it will be tried again."""
        ...

    def unsure(self, channel: str) -> None:
        """A message was sent, but its fate is unknown."""
        ...

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        """A run ended or failed."""
        ...

    def lost_lease(self) -> None:
        """Another worker has taken over a run or a delivery."""
        ...


class Unmeasured:
    """A ``Meter`` that records nothing, for short-lived commands and tests."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        pass

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        pass

    def delivered(self, channel: str, outcome: str) -> None:
        pass

    def unsure(self, channel: str) -> None:
        pass

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        pass

    def lost_lease(self) -> None:
        pass


UNMEASURED = Unmeasured()
