"""What became of a delivery, stored even if MongoDB is unavailable for a while.

Each write is a compare-and-set in the ledger, so a worker whose claim was taken over writes
nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import structlog

from services.domain import Delivery, DeliveryPhase, DeliveryState
from services.domain.errors import LostLeaseError, StoreUnavailableError
from services.ports import DeliveryLedger
from services.runtime.context import Context
from services.runtime.timeouts import Timing

log = structlog.get_logger()

MAX_AMBIGUOUS = 2
"""After this many unknown outcomes a delivery is left to a person."""
FINAL_WRITE_SECONDS = 3.0
"""For storing what is known of a delivery when the process must end."""

Outcome = Callable[..., Awaitable[bool]]
"""A compare-and-set write; takes ``now``, returns False when the delivery was taken over."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """The operator's decisions about sending."""

    when_unsure: Literal["resend", "hold"] = "resend"


@dataclass(slots=True)
class DeliveryAttempt:
    """A claimed delivery, and how far it has come in this process."""

    delivery: Delivery
    body_handed_over: bool = False
    """The body may have left."""
    outcome: Outcome | None = None
    """How to store what became of it, once that is known."""


class Backoff:
    """How long a delivery waits for its next attempt."""

    def __init__(self, timing: Timing, rng: random.Random) -> None:
        self._timing = timing
        self._rng = rng

    def after(self, attempts: int) -> timedelta:
        """The wait after ``attempts`` tries, ± 20% so that retries spread."""
        return timedelta(seconds=self._timing.retry(attempts) * self._rng.uniform(0.8, 1.2))


class OutcomeWriter:
    """Stores outcomes, and remembers those that MongoDB has not accepted yet."""

    def __init__(self, ledger: DeliveryLedger, settings: SenderSettings, context: Context) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = context.clock
        self._backoff = Backoff(context.timing, context.pacing.rng)
        self._timing = context.timing
        self._timer = context.pacing.timer
        self._sleep = context.pacing.sleep
        self._meter = context.metrics
        self._unstored: dict[str, DeliveryAttempt] = {}
        """By delivery ID."""

    async def finish(
        self,
        attempt: DeliveryAttempt,
        phase: DeliveryPhase,
        state: DeliveryState,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
    ) -> None:
        """Store a state. Raises LostLeaseError when the delivery was taken over."""
        attempt.outcome = partial(
            self._ledger.finish,
            attempt.delivery,
            phase,
            state,
            reply=reply,
            error=error,
            not_before=not_before,
        )
        await self._write(attempt)
        outcome = "retry" if state is DeliveryState.PENDING else state.value
        self._meter.delivered(attempt.delivery.channel, outcome)

    async def fail(self, attempt: DeliveryAttempt, phase: DeliveryPhase, reason: str) -> None:
        """Store that a delivery failed for good."""
        log.warning("delivery_failed", delivery=attempt.delivery.id, reason=reason)
        await self.finish(attempt, phase, DeliveryState.FAILED, error=reason)

    async def retry_later(
        self, attempt: DeliveryAttempt, phase: DeliveryPhase, reason: str
    ) -> None:
        """Store that a delivery failed for now."""
        not_before = self._clock() + self._backoff.after(attempt.delivery.attempts)
        await self.finish(
            attempt, phase, DeliveryState.PENDING, error=reason, not_before=not_before
        )

    async def mark_unknown(self, attempt: DeliveryAttempt, reason: str) -> None:
        """Store that nobody knows whether the email arrived."""
        attempt.outcome = self._unknown_outcome(attempt.delivery, reason)
        await self._write(attempt)
        self._meter.unsure(attempt.delivery.channel)

    def _unknown_outcome(self, delivery: Delivery, reason: str) -> Outcome:
        # SMTP has no idempotency key: once the body is out, only the reply tells whether it was
        # accepted, and a timeout there can mean two copies (RFC 5321, 4.5.3.2.6).
        resend = self._settings.when_unsure == "resend" and delivery.ambiguous < MAX_AMBIGUOUS
        log.warning("delivery_outcome_unknown", delivery=delivery.id, reason=reason, resend=resend)
        return partial(
            self._ledger.finish,
            delivery,
            DeliveryPhase.DATA,
            DeliveryState.PENDING if resend else DeliveryState.UNKNOWN,
            error=reason,
            not_before=self._clock() + self._backoff.after(1) if resend else None,
            ambiguous=True,
        )

    async def _write(self, attempt: DeliveryAttempt) -> None:
        if attempt.outcome is None:
            raise AssertionError("there is an outcome to store")
        try:
            is_stored = await self._insist(attempt.outcome)
        except StoreUnavailableError:
            self._unstored[attempt.delivery.id] = attempt
            raise
        if not is_stored:
            raise LostLeaseError(attempt.delivery.id)

    async def give_back(self, attempt: DeliveryAttempt) -> None:
        """Return a claim, with nothing of the email sent, after MongoDB was unavailable."""
        if not await self._insist(partial(self._ledger.give_back, attempt.delivery)):
            log.warning("delivery_taken_over", delivery=attempt.delivery.id)

    async def _insist(self, write: Outcome) -> bool:
        """Try a write for as long as the claim is certainly ours; raise the last error."""
        until = self._timer() + self._timing.store_patience
        while True:
            try:
                return await write(now=self._clock())
            except StoreUnavailableError:
                if self._timer() > until:
                    raise
            await self._sleep(self._timing.store_retry)

    async def leave(self, attempt: DeliveryAttempt) -> None:
        """Store what is known of a delivery that is cancelled, so that nobody waits for its lease."""
        if attempt.outcome is None and attempt.body_handed_over:
            attempt.outcome = self._unknown_outcome(
                attempt.delivery, "the process was stopped before the server replied"
            )
        final_write = attempt.outcome or partial(self._ledger.give_back, attempt.delivery)
        try:
            async with asyncio.timeout(FINAL_WRITE_SECONDS):
                await final_write(now=self._clock())
        except (StoreUnavailableError, TimeoutError):
            if attempt.outcome is not None:
                self._unstored[attempt.delivery.id] = attempt

    async def flush(self, run_id: str) -> None:
        """Store the remembered outcomes of a run, once MongoDB is available again."""
        for delivery_id, attempt in list(self._unstored.items()):
            if attempt.delivery.run_id != run_id or attempt.outcome is None:
                continue
            if not await attempt.outcome(now=self._clock()):
                log.warning("delivery_taken_over", delivery=delivery_id)
            self._unstored.pop(delivery_id, None)

    async def flush_all(self) -> None:
        """Try once more before the process ends; what is not stored then stays unknown."""
        runs = {attempt.delivery.run_id for attempt in self._unstored.values()}
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(FINAL_WRITE_SECONDS):
                for run_id in runs:
                    await self.flush(run_id)
