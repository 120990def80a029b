"""Sends the deliveries of a run: claim, offer, hand over, record.

Each step is a compare-and-set in the ledger, so that any number of workers may send the same
run at once, and a killed one leaves nothing that cannot be told: a claim means that nothing
of the body has left; ``data`` means that the body may have.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import structlog

from services.errors import (
    AgentError,
    LostLeaseError,
    MailConnectError,
    MailError,
    MailFateUnknownError,
    StoreUnavailableError,
)
from services.model import Delivery, DeliveryPhase, DeliveryState, FrozenReport
from services.ports import (
    Clock,
    DeliveryLedger,
    MailConnection,
    MailTransport,
    RateBudget,
    RunStore,
    SurelyGone,
)
from services.rendering.message import build_message

log = structlog.get_logger()

LEASE = timedelta(seconds=120)
"""Longer than the longest wait for one answer of a mail server, by a wide margin."""
SAFE_TO_BEGIN = timedelta(seconds=20)
"""A body is begun only while at most this much of the lease has passed."""
RETRY_SECONDS = (20, 60, 180, 300, 600, 1800, 3600)
"""Waits before the second, third … attempt; the last one repeats."""
MOST_AMBIGUOUS = 2
"""After this many unknown fates a delivery is left to a person."""
STORE_PATIENCE = timedelta(seconds=90)
"""How long an outcome is kept in hand while MongoDB does not answer."""
CONNECT_TRIES = 4
"""Failed connections in a row after which a lane gives up for now."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What the operator decides about sending."""

    when_unsure: Literal["resend", "hold"] = "resend"


def retry_wait(attempts: int, chance: random.Random) -> timedelta:
    """How long to wait after ``attempts`` tries, ± 20 % so that retries spread."""
    seconds = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
    return timedelta(seconds=seconds * chance.uniform(0.8, 1.2))


class Sender:
    """Works through the due deliveries of a run over one mail transport."""

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        runs: RunStore,
        rates: RateBudget,
        settings: SenderSettings,
        owner: str,
        clock: Clock,
        gone: SurelyGone,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._rates = rates
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._gone = gone
        self._sleep = sleep
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._stopping = False

    def stop(self) -> None:
        """Lets each lane end after the mail in hand."""
        self._stopping = True

    async def recover(self, run_id: str) -> None:
        """Settles what a dead worker left: claims go back, handed-over bodies are unsure."""
        now = self._clock()
        for worker in await self._ledger.owners(run_id):
            if self._gone(worker):
                await self._ledger.disown(run_id, worker, now)
        for left in await self._ledger.abandoned(run_id, now):
            taken = await self._ledger.take_over(left, self._owner, now, LEASE)
            if taken is None:
                continue
            if taken.phase is DeliveryPhase.DATA:
                await self._settle_unsure(taken, "the sending process ended before the answer")
            else:
                await self._ledger.release_claim(taken, now)

    async def send_due(
        self, run_id: str, transport: MailTransport, on_change: Callable[[], Awaitable[None]]
    ) -> None:
        """Sends all that is due now, over as many connections as the transport allows.

        A lane that fails never stops another in the middle of a mail: the first error (such
        as MailConnectError when the server does not let us in) is raised when all have ended.
        """
        reports = _Reports(self._runs)
        lanes = (self._lane(run_id, transport, reports, on_change) for _ in range(transport.lanes))
        for outcome in await asyncio.gather(*lanes, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _lane(
        self,
        run_id: str,
        transport: MailTransport,
        reports: "_Reports",
        on_change: Callable[[], Awaitable[None]],
    ) -> None:
        line = _Line(transport)
        try:
            while await self._something_due(run_id):
                if line.connection is None:
                    line.connection = await self._connect(transport)
                if not await self._permit(transport):
                    return
                delivery = await self._ledger.claim(run_id, self._owner, self._clock(), LEASE)
                if delivery is None:
                    return
                usable = await self._deliver(delivery, line, reports)
                await on_change()
                line.used = True
                if not usable:
                    await line.close()
        finally:
            await line.close()

    async def _something_due(self, run_id: str) -> bool:
        if self._stopping:
            return False
        counts = await self._ledger.counts(run_id)
        if not counts.get(DeliveryState.PENDING):
            return False
        due = await self._ledger.next_due(run_id)
        return due is not None and due <= self._clock()

    async def _connect(self, transport: MailTransport) -> MailConnection:
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                return await transport.connect()
            except MailConnectError as error:
                if error.permanent or attempt == CONNECT_TRIES or self._stopping:
                    raise
                log.warning("mail_connect_failed", error=str(error), attempt=attempt)
                await self._sleep(2.0**attempt * self._chance.uniform(0.5, 1.0))
        raise AssertionError("the last try returns or raises")

    async def _permit(self, transport: MailTransport) -> bool:
        """Waits for the sender's rate budget; False when told to stop."""
        while transport.per_minute:
            wait = await self._rates.take(transport.sender, transport.per_minute, self._clock())
            if wait <= 0:
                break
            if self._stopping:
                return False
            await self._sleep(min(wait, 5.0))
        return not self._stopping

    async def _deliver(self, delivery: Delivery, line: "_Line", reports: "_Reports") -> bool:
        """One delivery from claim to a stored outcome; whether the connection is usable."""
        try:
            report = await reports.get(delivery.report_id)
            raw = build_message(
                message_id=delivery.message_id,
                date=delivery.date,
                sender=line.transport.sender,
                recipient=delivery.recipient,
                rendered=report.rendered,
            )
        except AgentError as error:
            await self._fail(delivery, DeliveryPhase.CLAIM, str(error))
            return True
        digest = hashlib.sha256(raw).hexdigest()
        if delivery.ambiguous and delivery.raw_sha256 != digest:
            # Only the identical mail may follow one whose fate is unknown.
            await self._ledger.finish(
                delivery,
                DeliveryPhase.CLAIM,
                DeliveryState.UNKNOWN,
                self._clock(),
                error="an earlier attempt may have arrived and the mail can no longer be "
                "repeated byte for byte",
            )
            return True
        try:
            return await self._offer_and_hand_over(delivery, line, raw, digest)
        except LostLeaseError:
            log.warning("delivery_taken_over", delivery=delivery.id)
            return False

    async def _offer_and_hand_over(
        self, delivery: Delivery, line: "_Line", raw: bytes, digest: str
    ) -> bool:
        connection = line.open_connection
        try:
            await connection.offer(line.transport.sender, delivery.recipient)
        except MailError as error:
            if line.used and isinstance(error, MailConnectError):
                # Servers end connections after a number of mails; that is no failed attempt.
                await self._ledger.release_claim(delivery, self._clock())
                return False
            await self._refused(delivery, DeliveryPhase.CLAIM, error)
            return not isinstance(error, MailConnectError)
        began = self._clock()
        if not await self._ledger.enter_data(delivery, digest, began, LEASE):
            raise LostLeaseError(delivery.id)
        if self._clock() - began > SAFE_TO_BEGIN:
            # Frozen for a while: the lease may be another's by the time the answer comes.
            await self._retry_later(delivery, DeliveryPhase.DATA, "paused before the body")
            return False
        try:
            reply = await connection.hand_over(raw)
        except MailFateUnknownError as error:
            await self._settle_unsure(delivery, str(error))
            return False
        except MailError as error:
            await self._refused(delivery, DeliveryPhase.DATA, error)
            return not isinstance(error, MailConnectError)
        await self._store(delivery, DeliveryPhase.DATA, DeliveryState.SENT, reply=reply)
        return True

    async def _refused(self, delivery: Delivery, phase: DeliveryPhase, error: MailError) -> None:
        if error.permanent and not isinstance(error, MailConnectError):
            await self._fail(delivery, phase, str(error))
        else:
            await self._retry_later(delivery, phase, str(error))

    async def _fail(self, delivery: Delivery, phase: DeliveryPhase, reason: str) -> None:
        log.warning("delivery_failed", delivery=delivery.id, reason=reason)
        await self._store(delivery, phase, DeliveryState.FAILED, error=reason)

    async def _retry_later(self, delivery: Delivery, phase: DeliveryPhase, reason: str) -> None:
        now = self._clock()
        await self._store(
            delivery,
            phase,
            DeliveryState.PENDING,
            error=reason,
            not_before=now + retry_wait(delivery.attempts, self._chance),
        )

    async def _settle_unsure(self, delivery: Delivery, reason: str) -> None:
        again = self._settings.when_unsure == "resend" and delivery.ambiguous < MOST_AMBIGUOUS
        now = self._clock()
        log.warning("delivery_fate_unknown", delivery=delivery.id, reason=reason, again=again)
        await self._store(
            delivery,
            DeliveryPhase.DATA,
            DeliveryState.PENDING if again else DeliveryState.UNKNOWN,
            error=reason,
            not_before=now + retry_wait(1, self._chance) if again else None,
            ambiguous=True,
        )

    async def _store(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> None:
        """Stores an outcome, waiting for MongoDB as long as the claim is surely ours."""
        finish = partial(
            self._ledger.finish,
            delivery,
            phase,
            state,
            reply=reply,
            error=error,
            not_before=not_before,
            ambiguous=ambiguous,
        )
        until = self._clock() + STORE_PATIENCE
        while True:
            try:
                stored = await finish(now=self._clock())
            except StoreUnavailableError:
                if self._clock() > until:
                    raise
                await self._sleep(1.0)
                continue
            if not stored:
                raise LostLeaseError(delivery.id)
            return


@dataclass(slots=True)
class _Line:
    """A lane's connection, which is opened anew when the server ends it."""

    transport: MailTransport
    connection: MailConnection | None = None
    used: bool = False

    @property
    def open_connection(self) -> MailConnection:
        if self.connection is None:
            raise AssertionError("a delivery is only claimed over an open connection")
        return self.connection

    async def close(self) -> None:
        if self.connection is not None:
            await self.connection.aclose()
        self.connection = None
        self.used = False


class _Reports:
    """The last few frozen reports, as one report goes to several recipients in a row."""

    def __init__(self, runs: RunStore, keep: int = 4) -> None:
        self._runs = runs
        self._keep = keep
        self._held: dict[str, FrozenReport] = {}

    async def get(self, report_id: str) -> FrozenReport:
        if report_id not in self._held:
            found = await self._runs.frozen(report_id)
            if found is None:
                raise AgentError(f"the stored report {report_id} is missing; run it again")
            while len(self._held) >= self._keep:
                self._held.pop(next(iter(self._held)))
            self._held[report_id] = found
        return self._held[report_id]
