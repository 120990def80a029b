"""Sends the deliveries of a run over as many connections as its mail transport allows.

Any number of workers may send the same run at once: each delivery is claimed by a compare-and-set
in the ledger. Whatever a killed worker leaves can be told apart: a claim means that nothing of the
body has left, ``data`` that it may have.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.domain import DeliveryPhase
from services.domain.errors import MailConnectError
from services.mailing.delivery_attempts import (
    Deliverer,
    IsStillRecipient,
    LaneConnection,
    ReportCache,
)
from services.mailing.delivery_outcomes import (
    DeliveryAttempt,
    OutcomeWriter,
    SenderSettings,
)
from services.ports import (
    DeliveryLedger,
    MailConnection,
    MailTransport,
    RateBudgetStore,
    RunStore,
)
from services.runtime.context import Context

log = structlog.get_logger()

MAX_CONNECTION_FAILURES = 4
"""Failed connections in a row after which a lane gives up for now, whether none can be opened or
each breaks in the middle of an email."""
MAX_RATE_WAIT_SECONDS = 5.0
"""Between two checks of the rate budget, which other processes use as well."""

OnChange = Callable[[], Awaitable[None]]


class Sender:
    """Works through the due deliveries of a run over one mail transport.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        runs: RunStore,
        rates: RateBudgetStore,
        is_still_recipient: IsStillRecipient,
        settings: SenderSettings,
        context: Context,
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._rates = rates
        self._owner = context.worker
        self._clock = context.clock
        self._is_worker_dead = context.is_worker_dead
        self._shutdown = context.shutdown
        self._timing = context.timing
        self._rng = context.pacing.rng
        self._runs_in_progress: set[str] = set()
        self._outcomes = OutcomeWriter(ledger, settings, context)
        self._deliverer = Deliverer(ledger, self._outcomes, is_still_recipient, context)

    def stop(self) -> None:
        """Let each lane end after the email that it is sending."""
        self._shutdown.request()

    async def settle(self) -> None:
        """Before the process ends, try once more to store what MongoDB has not accepted yet."""
        await self._outcomes.flush_all()

    async def recover(self, run_id: str) -> None:
        """Settle what dead workers left: claims are returned, handed-over bodies are unknown.

        A claim under this worker's own name, while it sends nothing of the run, was left by a
        write whose reply was lost. What this worker knows of its own emails is stored first.
        """
        await self._outcomes.flush(run_id)
        now = self._clock()
        for worker in await self._ledger.owners(run_id):
            is_left_over = worker == self._owner and run_id not in self._runs_in_progress
            if is_left_over or self._is_worker_dead(worker):
                await self._ledger.disown(run_id, worker, now)
        for abandoned in await self._ledger.abandoned(run_id, now):
            delivery = await self._ledger.take_over(
                abandoned, self._owner, now, self._timing.delivery_ttl
            )
            if delivery is None:
                continue
            if delivery.phase is DeliveryPhase.DATA:
                await self._outcomes.mark_unknown(
                    DeliveryAttempt(delivery),
                    "the sending process ended before the server replied",
                )
            else:
                await self._ledger.give_back(delivery, now)

    async def send_due(self, run_id: str, transport: MailTransport, on_change: OnChange) -> None:
        """Send everything that is due now.

        A lane that fails never stops another in the middle of an email: the first error (such as
        MailConnectError when the server refuses the sign-in) is raised when all have ended.
        """
        reports = ReportCache(self._runs)
        lanes = (self._lane(run_id, transport, reports, on_change) for _ in range(transport.lanes))
        self._runs_in_progress.add(run_id)
        try:
            results = await asyncio.gather(*lanes, return_exceptions=True)
        finally:
            self._runs_in_progress.discard(run_id)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _lane(
        self, run_id: str, transport: MailTransport, reports: ReportCache, on_change: OnChange
    ) -> None:
        lane = LaneConnection(transport)
        try:
            while not self._shutdown.requested and await self._ledger.any_due(
                run_id, self._clock()
            ):
                if lane.connection is None:
                    lane.connection = await self._connect(transport)
                if not await self._wait_for_rate(transport):
                    return
                # Claimed last: a claim must not expire while its lane waits.
                delivery = await self._ledger.claim(
                    run_id, self._owner, self._clock(), self._timing.delivery_ttl
                )
                if delivery is None:
                    return
                is_usable = await self._deliverer.deliver(DeliveryAttempt(delivery), lane, reports)
                await on_change()
                await self._after_delivery(lane, is_usable=is_usable)
        finally:
            await lane.close()

    @staticmethod
    async def _after_delivery(lane: LaneConnection, *, is_usable: bool) -> None:
        lane.was_used = True
        lane.broken_in_a_row = 0 if is_usable else lane.broken_in_a_row + 1
        if not is_usable:
            await lane.close()
        if lane.broken_in_a_row == MAX_CONNECTION_FAILURES:
            # A server that accepts emails and never replies must not get all of them.
            raise MailConnectError(
                f"The mail server broke off {MAX_CONNECTION_FAILURES} connections in a row in the "
                "middle of an email. The remaining emails wait; each one records what happened.",
                permanent=False,
            )

    async def _connect(self, transport: MailTransport) -> MailConnection:
        # Not stamina: its waits cannot be ended by a shutdown, and these last up to 8 seconds.
        for attempt in range(1, MAX_CONNECTION_FAILURES + 1):
            try:
                return await transport.connect()
            except MailConnectError as error:
                is_last = attempt == MAX_CONNECTION_FAILURES
                if error.permanent or is_last or self._shutdown.requested:
                    raise
                log.warning("smtp_connection_failed", error=str(error), attempt=attempt)
                wait = self._timing.connect_retry * 2.0 ** (attempt - 1)
                await self._shutdown.pause(wait * self._rng.uniform(0.5, 1.0))
        raise AssertionError("the last try returns or raises")

    async def _wait_for_rate(self, transport: MailTransport) -> bool:
        """Wait for the sender's rate budget; False when a shutdown is requested."""
        while transport.per_minute and not self._shutdown.requested:
            wait = await self._rates.take(transport.sender, transport.per_minute, self._clock())
            if wait <= 0:
                break
            await self._shutdown.pause(min(wait, MAX_RATE_WAIT_SECONDS))
        return not self._shutdown.requested
