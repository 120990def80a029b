"""The delivery ledger."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.domain import (
    Delivery,
    DeliveryPhase,
    DeliveryState,
)


class DeliveryLedger(Protocol):
    """One document per message and recipient; every change is a compare-and-set.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        """Stores those that are not there yet by id; a stored one is never changed."""
        ...

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Takes one pending delivery that is due (``not_before <= now <= not_after``).

        Sets sending/claim, owner, ``lease_until = now + ttl``, attempts + 1 and fence + 1;
        returns the delivery after the change. None: nothing is due.
        """
        ...

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        """sending/claim → sending/data under the delivery's fence; False: it was taken over."""
        ...

    async def finish(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> bool:
        """sending/``phase`` → ``state`` under the fence; False: it was taken over.

        ``pending`` takes ``not_before``; ``ambiguous`` raises that counter.
        """
        ...

    async def any_due(self, run_id: str, now: datetime) -> bool:
        """Whether ``claim`` would find something."""
        ...

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        """From sending to pending under the fence, as if never claimed (attempts − 1).

        In either phase, for whoever knows that nothing of the body has left.
        """
        ...

    async def owners(self, run_id: str) -> set[str]:
        """The workers that have claimed a delivery which is still sending."""
        ...

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        """Ends the leases of a worker's sending deliveries before ``now``."""
        ...

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        """Sending deliveries whose lease ended before ``now``."""
        ...

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Raises the fence of an abandoned delivery; None: somebody else was faster."""
        ...

    async def expire(self, run_id: str, now: datetime) -> int:
        """Pending ones past ``not_after`` become expired; their number."""
        ...

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        """Failed, expired and unknown ones become pending again; their number."""
        ...

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """How many are in each state; states with none are left out."""
        ...

    async def next_due(self, run_id: str) -> datetime | None:
        """When the next pending one is due, or a sending one's lease ends; None: all final."""
        ...

    async def last_sent(self, run_id: str) -> datetime | None:
        """When a delivery was last stored as sent; None while none was."""
        ...

    async def list_deliveries(
        self, run_id: str, *, states: Sequence[DeliveryState] | None = None
    ) -> list[Delivery]:
        """By recipient, then id."""
        ...
