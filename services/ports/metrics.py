"""What is counted and timed."""

from typing import Protocol

from services.domain import RunKind


class Meter(Protocol):
    """Counts what happens, for whoever watches the agent; never says of which team or person."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request to the REST door or a page."""
        ...

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        """A request to another system; ``outcome``: its status, or ``error``."""
        ...

    def delivered(self, channel: str, outcome: str) -> None:
        """A delivery has come to this state (``retry``: it is tried again)."""
        ...

    def unsure(self, channel: str) -> None:
        """The fate of a handed-over message is not known."""
        ...

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        """A run was worked on until it ended or failed."""
        ...

    def lost_lease(self) -> None:
        """Another worker has taken over."""
        ...


class Unmeasured:
    """A ``Meter`` that counts nothing: for commands that end, and whoever does not care."""

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
