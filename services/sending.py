"""Sends the deliveries of a run: claim, offer, hand over, record.

Each step is a compare-and-set in the ledger, so that any number of workers may send the same
run at once, and a killed one leaves nothing that cannot be told: a claim means that nothing
of the body has left; ``data`` means that the body may have.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
    UNMEASURED,
    Clock,
    DeliveryLedger,
    MailConnection,
    MailTransport,
    Meter,
    RateBudget,
    RunStore,
    SurelyGone,
)
from services.rendering.message import build_message
from services.stopping import Stop
from services.timing import PRODUCTION, Timing

log = structlog.get_logger()

MOST_AMBIGUOUS = 2
"""After this many unknown fates a delivery is left to a person."""
CONNECT_TRIES = 4
"""Failed connections in a row after which a lane gives up for now, whether there is none or it breaks
with a mail in hand: a server that takes mails and never answers must not get all of them."""
LAST_WORDS = 3.0
"""Seconds for storing what is known of a mail in hand when the process must end."""

StillWanted = Callable[[FrozenReport, str], Awaitable[bool]]
"""Whether a report is still to go to an address."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What the operator decides about sending."""

    when_unsure: Literal["resend", "hold"] = "resend"


def retry_wait(attempts: int, timing: Timing, chance: random.Random) -> timedelta:
    """How long to wait after ``attempts`` tries, ± 20 % so that retries spread."""
    return timedelta(seconds=timing.retry(attempts) * chance.uniform(0.8, 1.2))


class Sender:
    """Works through the due deliveries of a run over one mail transport.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        runs: RunStore,
        rates: RateBudget,
        still_wanted: StillWanted,
        settings: SenderSettings,
        owner: str,
        clock: Clock,
        gone: SurelyGone,
        stop: Stop,
        timing: Timing = PRODUCTION,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: random.Random | None = None,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._meter = meter
        self._ledger = ledger
        self._runs = runs
        self._rates = rates
        self._still_wanted = still_wanted
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._gone = gone
        self._stop = stop
        self._timing = timing
        self._timer = timer
        self._sleep = sleep
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._at_work: set[str] = set()
        self._unstored: dict[str, _Hand] = {}
        """Deliveries whose outcome is known here and that MongoDB has not taken, by id."""

    def stop(self) -> None:
        """Lets each lane end after the mail in hand."""
        self._stop.tell()

    async def recover(self, run_id: str) -> None:
        """Settles what a dead worker left: claims go back, handed-over bodies are unsure.

        What bears this worker's own name while it works on nothing was left by a write whose
        answer was lost. What this worker knows of its own mails is stored first.
        """
        await self._store_what_is_known(run_id)
        now = self._clock()
        for worker in await self._ledger.owners(run_id):
            mine = worker == self._owner and run_id not in self._at_work
            if mine or self._gone(worker):
                await self._ledger.disown(run_id, worker, now)
        for left in await self._ledger.abandoned(run_id, now):
            taken = await self._ledger.take_over(left, self._owner, now, self._timing.delivery_ttl)
            if taken is None:
                continue
            if taken.phase is DeliveryPhase.DATA:
                await self._settle_unsure(
                    _Hand(taken), "the sending process ended before the answer"
                )
            else:
                await self._ledger.give_back(taken, now)

    async def _store_what_is_known(self, run_id: str) -> None:
        """After an outage of MongoDB that was longer than the patience of a lane."""
        for name, hand in list(self._unstored.items()):
            if hand.delivery.run_id != run_id or hand.outcome is None:
                continue
            if not await hand.outcome(now=self._clock()):
                log.warning("delivery_taken_over", delivery=name)
            self._unstored.pop(name, None)

    async def settle(self) -> None:
        """Before the process ends: a last try to store what MongoDB has not taken so far."""
        runs = {hand.delivery.run_id for hand in self._unstored.values()}
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                for run_id in runs:
                    await self._store_what_is_known(run_id)

    async def send_due(
        self, run_id: str, transport: MailTransport, on_change: Callable[[], Awaitable[None]]
    ) -> None:
        """Sends all that is due now, over as many connections as the transport allows.

        A lane that fails never stops another in the middle of a mail: the first error (such
        as MailConnectError when the server does not let us in) is raised when all have ended.
        """
        reports = _Reports(self._runs)
        lanes = (self._lane(run_id, transport, reports, on_change) for _ in range(transport.lanes))
        self._at_work.add(run_id)
        try:
            outcomes = await asyncio.gather(*lanes, return_exceptions=True)
        finally:
            self._at_work.discard(run_id)
        for outcome in outcomes:
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
            while not self._stop.told and await self._ledger.any_due(run_id, self._clock()):
                if line.connection is None:
                    line.connection = await self._connect(transport)
                if not await self._permit(transport):
                    return
                delivery = await self._ledger.claim(
                    run_id, self._owner, self._clock(), self._timing.delivery_ttl
                )
                if delivery is None:
                    return
                usable = await self._deliver(_Hand(delivery), line, reports)
                await on_change()
                line.used = True
                line.broken = 0 if usable else line.broken + 1
                if not usable:
                    await line.close()
                if line.broken == CONNECT_TRIES:
                    raise MailConnectError(
                        f"{CONNECT_TRIES} connections in a row to the mail server broke with a "
                        "mail in hand. The rest waits; each mail says what happened.",
                        permanent=False,
                    )
        finally:
            await line.close()

    async def _connect(self, transport: MailTransport) -> MailConnection:
        # Not stamina: its waits cannot be ended by a shutdown, and these last up to 8 seconds.
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                return await transport.connect()
            except MailConnectError as error:
                if error.permanent or attempt == CONNECT_TRIES or self._stop.told:
                    raise
                log.warning("mail_connect_failed", error=str(error), attempt=attempt)
                wait = self._timing.connect_retry * 2.0 ** (attempt - 1)
                await self._stop.pause(wait * self._chance.uniform(0.5, 1.0))
        raise AssertionError("the last try returns or raises")

    async def _permit(self, transport: MailTransport) -> bool:
        """Waits for the sender's rate budget; False when told to stop."""
        while transport.per_minute and not self._stop.told:
            wait = await self._rates.take(transport.sender, transport.per_minute, self._clock())
            if wait <= 0:
                break
            await self._stop.pause(min(wait, 5.0))
        return not self._stop.told

    async def _deliver(self, hand: "_Hand", line: "_Line", reports: "_Reports") -> bool:
        """One delivery from claim to a stored outcome; whether the connection is usable."""
        try:
            raw = await self._built(hand, line.transport.sender, reports)
            return raw is None or await self._offer_and_hand_over(hand, line, raw)
        except LostLeaseError:
            log.warning("delivery_taken_over", delivery=hand.delivery.id)
            self._meter.lost_lease()
            return False
        except StoreUnavailableError:
            if not hand.handed_over and hand.outcome is None:
                await self._give_back(hand)
            raise
        except asyncio.CancelledError:
            await self._leave(hand)
            raise

    async def _built(self, hand: "_Hand", sender: str, reports: "_Reports") -> bytes | None:
        """The mail's bytes; None when it is not to be sent, which is stored then."""
        delivery = hand.delivery
        try:
            report = await reports.get(delivery.report_id)
            raw = build_message(
                message_id=delivery.message_id,
                date=delivery.date,
                sender=sender,
                recipient=delivery.recipient,
                rendered=report.rendered,
            )
        except StoreUnavailableError:
            raise
        except AgentError as error:
            await self._fail(hand, DeliveryPhase.CLAIM, str(error))
            return None
        if not await self._still_wanted(report, delivery.recipient):
            reason = "no longer a recipient of this report"
            await self._store(hand, DeliveryPhase.CLAIM, DeliveryState.SKIPPED, error=reason)
            return None
        if delivery.ambiguous and delivery.raw_sha256 != _digest(raw):
            # Only the identical mail may follow one whose fate is unknown.
            reason = (
                "an earlier attempt may have arrived and the mail can no longer be repeated byte "
                "for byte"
            )
            await self._store(hand, DeliveryPhase.CLAIM, DeliveryState.UNKNOWN, error=reason)
            return None
        return raw

    async def _offer_and_hand_over(self, hand: "_Hand", line: "_Line", raw: bytes) -> bool:
        delivery, transport = hand.delivery, line.transport
        connection = line.open_connection
        try:
            await connection.offer(transport.sender, delivery.recipient)
        except MailError as error:
            if line.used and isinstance(error, MailConnectError):
                # Servers end connections after a number of mails; that is no failed attempt.
                await self._ledger.give_back(delivery, self._clock())
                return False
            if isinstance(error, MailConnectError) and error.permanent:
                # Such as a sender that is not accepted: no other mail would fare better.
                await self._ledger.give_back(delivery, self._clock())
                raise
            await self._refused(hand, DeliveryPhase.CLAIM, error)
            return not isinstance(error, MailConnectError)
        ends = self._timer() + self._timing.delivery_lease
        if not await self._ledger.enter_data(
            delivery, _digest(raw), self._clock(), self._timing.delivery_ttl
        ):
            raise LostLeaseError(delivery.id)
        if self._timer() + transport.answer_within > ends:
            # Frozen for a while: the lease may be another's by the time the answer comes.
            await self._retry_later(hand, DeliveryPhase.DATA, "paused before the body")
            return False
        hand.handed_over = True
        try:
            async with asyncio.timeout(transport.answer_within):
                reply = await connection.hand_over(raw)
        except (MailFateUnknownError, TimeoutError) as error:
            await self._settle_unsure(hand, str(error) or "no answer in time")
            return False
        except MailError as error:
            await self._refused(hand, DeliveryPhase.DATA, error)
            return not isinstance(error, MailConnectError)
        await self._store(hand, DeliveryPhase.DATA, DeliveryState.SENT, reply=reply)
        return True

    async def _refused(self, hand: "_Hand", phase: DeliveryPhase, error: MailError) -> None:
        if error.permanent and not isinstance(error, MailConnectError):
            await self._fail(hand, phase, str(error))
        else:
            await self._retry_later(hand, phase, str(error))

    async def _fail(self, hand: "_Hand", phase: DeliveryPhase, reason: str) -> None:
        log.warning("delivery_failed", delivery=hand.delivery.id, reason=reason)
        await self._store(hand, phase, DeliveryState.FAILED, error=reason)

    async def _retry_later(self, hand: "_Hand", phase: DeliveryPhase, reason: str) -> None:
        wait = retry_wait(hand.delivery.attempts, self._timing, self._chance)
        await self._store(
            hand,
            phase,
            DeliveryState.PENDING,
            error=reason,
            not_before=self._clock() + wait,
        )

    async def _settle_unsure(self, hand: "_Hand", reason: str) -> None:
        hand.outcome = self._unsure_outcome(hand.delivery, reason)
        await self._stored(hand)
        self._meter.unsure(hand.delivery.channel)

    def _unsure_outcome(self, delivery: Delivery, reason: str) -> "Outcome":
        again = self._settings.when_unsure == "resend" and delivery.ambiguous < MOST_AMBIGUOUS
        log.warning("delivery_fate_unknown", delivery=delivery.id, reason=reason, again=again)
        wait = retry_wait(1, self._timing, self._chance)
        return partial(
            self._ledger.finish,
            delivery,
            DeliveryPhase.DATA,
            DeliveryState.PENDING if again else DeliveryState.UNKNOWN,
            error=reason,
            not_before=self._clock() + wait if again else None,
            ambiguous=True,
        )

    async def _store(
        self,
        hand: "_Hand",
        phase: DeliveryPhase,
        state: DeliveryState,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
    ) -> None:
        hand.outcome = partial(
            self._ledger.finish,
            hand.delivery,
            phase,
            state,
            reply=reply,
            error=error,
            not_before=not_before,
        )
        await self._stored(hand)
        again = state is DeliveryState.PENDING
        self._meter.delivered(hand.delivery.channel, "retry" if again else state.value)

    async def _stored(self, hand: "_Hand") -> None:
        """Stores an outcome, waiting for MongoDB; LostLeaseError when it is another's by then."""
        if hand.outcome is None:
            raise AssertionError("there is an outcome to store")
        try:
            stored = await self._insisted(hand.outcome)
        except StoreUnavailableError:
            self._unstored[hand.delivery.id] = hand
            raise
        if not stored:
            raise LostLeaseError(hand.delivery.id)

    async def _give_back(self, hand: "_Hand") -> None:
        """A claim that MongoDB's absence has ended: nothing of the mail has left."""
        if not await self._insisted(partial(self._ledger.give_back, hand.delivery)):
            log.warning("delivery_taken_over", delivery=hand.delivery.id)

    async def _insisted(self, write: "Outcome") -> bool:
        """Tries a write for as long as the claim is surely ours; the last error is raised."""
        until = self._timer() + self._timing.store_patience
        while True:
            try:
                return await write(now=self._clock())
            except StoreUnavailableError:
                if self._timer() > until:
                    raise
            await self._sleep(self._timing.store_retry)

    async def _leave(self, hand: "_Hand") -> None:
        """Stores what is known of a mail in hand, so that the next worker waits for no lease."""
        if hand.outcome is None and hand.handed_over:
            hand.outcome = self._unsure_outcome(hand.delivery, "told to end before the answer")
        last = hand.outcome or partial(self._ledger.give_back, hand.delivery)
        try:
            async with asyncio.timeout(LAST_WORDS):
                await last(now=self._clock())
        except (StoreUnavailableError, TimeoutError):
            if hand.outcome is not None:
                self._unstored[hand.delivery.id] = hand


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


Outcome = Callable[..., Awaitable[bool]]
"""A write that is a compare-and-set; takes ``now``."""


@dataclass(slots=True)
class _Hand:
    """A claimed delivery, and how far it has come in this process."""

    delivery: Delivery
    handed_over: bool = False
    """The body may have left."""
    outcome: Outcome | None = None
    """How to store what came of it, once that is known."""


@dataclass(slots=True)
class _Line:
    """A lane's connection, which is opened anew when the server ends it."""

    transport: MailTransport
    connection: MailConnection | None = None
    used: bool = False
    broken: int = 0
    """Connections in a row that broke with a mail in hand."""

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
