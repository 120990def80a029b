"""The delivery ledger, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.domain import (
    Delivery,
    DeliveryPhase,
    DeliveryState,
)


@dataclass
class MemoryDeliveries:
    """Implements ``services.ports.DeliveryLedger``."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.deliveries.setdefault(delivery.id, delivery)

    def _of(self, run_id: str, *states: DeliveryState) -> list[Delivery]:
        return [
            delivery
            for delivery in self.deliveries.values()
            if delivery.run_id == run_id and (not states or delivery.state in states)
        ]

    def _put(self, delivery: Delivery, **update: object) -> Delivery:
        self.deliveries[delivery.id] = self.deliveries[delivery.id].model_copy(update=update)
        return self.deliveries[delivery.id]

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        due = [
            delivery
            for delivery in self._of(run_id, DeliveryState.PENDING)
            if delivery.not_before <= now <= delivery.not_after
        ]
        if not due:
            return None
        first = min(due, key=lambda delivery: (delivery.not_before, delivery.id))
        return self._put(
            first,
            state=DeliveryState.SENDING,
            phase=DeliveryPhase.CLAIM,
            owner=owner,
            lease_until=now + ttl,
            attempts=first.attempts + 1,
            fence=first.fence + 1,
            updated_at=now,
        )

    def _mine(self, delivery: Delivery, phase: DeliveryPhase) -> bool:
        stored = self.deliveries[delivery.id]
        state = (stored.fence, stored.state, stored.phase)
        return state == (delivery.fence, DeliveryState.SENDING, phase)

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        if not self._mine(delivery, DeliveryPhase.CLAIM):
            return False
        self._put(
            delivery,
            phase=DeliveryPhase.DATA,
            raw_sha256=raw_sha256,
            lease_until=now + ttl,
            updated_at=now,
        )
        return True

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
        if not self._mine(delivery, phase):
            return False
        stored = self.deliveries[delivery.id]
        self._put(
            delivery,
            state=state,
            phase=None,
            owner=None,
            lease_until=None,
            reply=reply,
            error=error,
            updated_at=now,
            not_before=not_before or stored.not_before,
            ambiguous=stored.ambiguous + ambiguous,
        )
        return True

    async def any_due(self, run_id: str, now: datetime) -> bool:
        pending = self._of(run_id, DeliveryState.PENDING)
        return any(delivery.not_before <= now <= delivery.not_after for delivery in pending)

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        stored = self.deliveries[delivery.id]
        if (stored.fence, stored.state) != (delivery.fence, DeliveryState.SENDING):
            return False
        self._put(
            delivery,
            state=DeliveryState.PENDING,
            phase=None,
            owner=None,
            lease_until=None,
            attempts=stored.attempts - 1,
            updated_at=now,
        )
        return True

    async def owners(self, run_id: str) -> set[str]:
        return {
            delivery.owner
            for delivery in self._of(run_id, DeliveryState.SENDING)
            if delivery.owner
        }

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        for delivery in self._of(run_id, DeliveryState.SENDING):
            if delivery.owner == owner:
                self._put(delivery, lease_until=now - timedelta(seconds=1))

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        delivery_counts = [
            delivery
            for delivery in self._of(run_id, DeliveryState.SENDING)
            if delivery.lease_until is not None and delivery.lease_until < now
        ]
        return sorted(delivery_counts, key=lambda delivery: (delivery.recipient, delivery.id))

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        stored = self.deliveries[delivery.id]
        ended = stored.lease_until is not None and stored.lease_until < now
        same = (stored.fence, stored.state) == (delivery.fence, DeliveryState.SENDING)
        if not (ended and same):
            return None
        return self._put(
            stored, owner=owner, lease_until=now + ttl, fence=stored.fence + 1, updated_at=now
        )

    async def expire(self, run_id: str, now: datetime) -> int:
        late = [
            delivery
            for delivery in self._of(run_id, DeliveryState.PENDING)
            if delivery.not_after < now
        ]
        for delivery in late:
            self._put(delivery, state=DeliveryState.EXPIRED, updated_at=now)
        return len(late)

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        ended = self._of(
            run_id, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN
        )
        for delivery in ended:
            self._put(
                delivery,
                state=DeliveryState.PENDING,
                not_before=now,
                not_after=not_after,
                updated_at=now,
            )
        return len(ended)

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        delivery_counts: dict[DeliveryState, int] = {}
        for delivery in self._of(run_id):
            delivery_counts[delivery.state] = delivery_counts.get(delivery.state, 0) + 1
        return delivery_counts

    async def next_due(self, run_id: str) -> datetime | None:
        times = [delivery.not_before for delivery in self._of(run_id, DeliveryState.PENDING)]
        times += [
            delivery.lease_until
            for delivery in self._of(run_id, DeliveryState.SENDING)
            if delivery.lease_until
        ]
        return min(times, default=None)

    async def last_sent(self, run_id: str) -> datetime | None:
        sent = self._of(run_id, DeliveryState.SENT)
        return max((delivery.updated_at for delivery in sent), default=None)

    async def list_deliveries(
        self,
        run_id: str,
        *,
        states: Sequence[DeliveryState] | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        deliveries = self._of(run_id, *(states or ()))
        deliveries.sort(key=lambda delivery: (delivery.recipient, delivery.id))
        return [
            delivery
            for delivery in deliveries
            if after is None or (delivery.recipient, delivery.id) > after
        ][:limit]
