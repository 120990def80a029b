"""Storage of deliveries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.domain import (
    Delivery,
    DeliveryPhase,
    DeliveryState,
)


class DeliveryLedger(Protocol):
    """Deliveries, one for each message and recipient; every change is a compare-and-set.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries whose ID does not exist; existing ones are never changed."""
        ...

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Claim one pending delivery that is due (``not_before <= now <= not_after``).

        Sets sending/claim, the owner and ``lease_until = now + ttl``, and raises attempts and fence
        by 1. Returns the changed delivery; None if nothing is due.
        """
        ...

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        """sending/claim → sending/data under the fence; False if it was taken over."""
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
        """sending/``phase`` → ``state`` under the fence; False if it was taken over.

        The state ``pending`` requires ``not_before``; ``ambiguous`` raises that counter.
        """
        ...

    async def any_due(self, run_id: str, now: datetime) -> bool:
        """Whether ``claim`` would find something."""
        ...

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        """Change sending → pending under the fence, as if it had never been claimed (attempts − 1).

        Only for callers who know that no part of the body has left, in either phase.
        """
        ...

    async def owners(self, run_id: str) -> set[str]:
        """The workers that own a delivery in the state sending."""
        ...

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        """End the leases of a worker's sending deliveries, so that they count as abandoned."""
        ...

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        """Sending deliveries whose lease ended before ``now``."""
        ...

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Raise the fence of an abandoned delivery; None if another worker was faster."""
        ...

    async def expire(self, run_id: str, now: datetime) -> int:
        """Expire pending deliveries past ``not_after``; returns how many."""
        ...

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        """Make failed, expired and unknown deliveries pending again; returns how many."""
        ...

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """The number of deliveries in each state that occurs."""
        ...

    async def next_due(self, run_id: str) -> datetime | None:
        """When the next delivery is due or its lease ends; None if all are final."""
        ...

    async def last_sent(self, run_id: str) -> datetime | None:
        """When a delivery was last stored as sent; None if none was."""
        ...

    async def list_deliveries(
        self,
        run_id: str,
        *,
        states: Sequence[DeliveryState] | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        """Deliveries in these states (None: any), by recipient, then ID.

        ``after``: only those that follow this position (recipient, ID).
        ``limit``: at most so many; None for all.
        """
        ...
