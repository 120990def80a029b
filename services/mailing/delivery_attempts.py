"""One attempt at a delivery: build the email, offer it, hand over the body, store the outcome."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.domain import DeliveryPhase, DeliveryState, FrozenReport
from services.domain.errors import (
    AgentError,
    LostLeaseError,
    MailConnectError,
    MailError,
    MailFateUnknownError,
    StoreUnavailableError,
)
from services.mailing.delivery_outcomes import DeliveryAttempt, OutcomeWriter
from services.mailing.mime import build_message
from services.ports import (
    DeliveryLedger,
    MailConnection,
    MailTransport,
    RunStore,
)
from services.runtime.context import Context

log = structlog.get_logger()

IsStillRecipient = Callable[[FrozenReport, str], Awaitable[bool]]
"""Whether a report must still be sent to an address."""
MAX_CACHED_REPORTS = 4


@dataclass(slots=True)
class LaneConnection:
    """A lane's connection, which is reopened when the server closes it."""

    transport: MailTransport
    connection: MailConnection | None = None
    was_used: bool = False
    broken_in_a_row: int = 0
    """Connections that broke in the middle of an email, one after the other."""

    @property
    def open_connection(self) -> MailConnection:
        if self.connection is None:
            raise AssertionError("a delivery is only claimed over an open connection")
        return self.connection

    async def close(self) -> None:
        if self.connection is not None:
            await self.connection.aclose()
        self.connection = None
        self.was_used = False


class ReportCache:
    """The last few frozen reports, as one report goes to several recipients in a row."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._reports: dict[str, FrozenReport] = {}

    async def get(self, report_id: str) -> FrozenReport:
        """Read a report. Raises AgentError when it is missing."""
        if report_id not in self._reports:
            report = await self._runs.frozen(report_id)
            if report is None:
                raise AgentError(f"The stored report {report_id} is missing. Run it again.")
            while len(self._reports) >= MAX_CACHED_REPORTS:
                self._reports.pop(next(iter(self._reports)))
            self._reports[report_id] = report
        return self._reports[report_id]


class Deliverer:
    """Takes a claimed delivery to a stored outcome."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        outcomes: OutcomeWriter,
        is_still_recipient: IsStillRecipient,
        context: Context,
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._is_still_recipient = is_still_recipient
        self._clock = context.clock
        self._timing = context.timing
        self._timer = context.pacing.timer
        self._meter = context.metrics

    async def deliver(
        self, attempt: DeliveryAttempt, lane: LaneConnection, reports: ReportCache
    ) -> bool:
        """Deliver one email; True if the connection can be used for another."""
        try:
            raw = await self._build(attempt, lane.transport.sender, reports)
            return raw is None or await self._offer_and_hand_over(attempt, lane, raw)
        except LostLeaseError:
            log.warning("delivery_taken_over", delivery=attempt.delivery.id)
            self._meter.lost_lease()
            return False
        except StoreUnavailableError:
            if not attempt.body_handed_over and attempt.outcome is None:
                await self._outcomes.give_back(attempt)
            raise
        except asyncio.CancelledError:
            await self._outcomes.leave(attempt)
            raise

    async def _build(
        self, attempt: DeliveryAttempt, sender: str, reports: ReportCache
    ) -> bytes | None:
        """The email's bytes; None if it must not be sent, which is then stored."""
        delivery = attempt.delivery
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
            await self._outcomes.fail(attempt, DeliveryPhase.CLAIM, str(error))
            return None
        if not await self._is_still_recipient(report, delivery.recipient):
            reason = "no longer a recipient of this report"
            await self._outcomes.finish(
                attempt, DeliveryPhase.CLAIM, DeliveryState.SKIPPED, error=reason
            )
            return None
        if delivery.ambiguous and delivery.raw_sha256 != _digest(raw):
            # An earlier copy may have arrived. Only the identical email may follow it, which mail
            # systems tend to show once.
            reason = (
                "an earlier attempt may have arrived, and the email can no longer be repeated "
                "byte for byte"
            )
            await self._outcomes.finish(
                attempt, DeliveryPhase.CLAIM, DeliveryState.UNKNOWN, error=reason
            )
            return None
        return raw

    async def _offer_and_hand_over(
        self, attempt: DeliveryAttempt, lane: LaneConnection, raw: bytes
    ) -> bool:
        """Send the email over the lane; True if its connection can be used for another."""
        connection = lane.open_connection
        try:
            await connection.offer(lane.transport.sender, attempt.delivery.recipient)
        except MailError as error:
            return await self._not_offered(attempt, lane, error)
        if not await self._enter_data(attempt, raw, lane.transport.reply_timeout_seconds):
            return False
        attempt.body_handed_over = True
        try:
            async with asyncio.timeout(lane.transport.reply_timeout_seconds):
                reply = await connection.hand_over(raw)
        except (MailFateUnknownError, TimeoutError) as error:
            reason = str(error) or "the server did not reply in time"
            await self._outcomes.mark_unknown(attempt, reason)
            return False
        except MailError as error:
            return await self._refused(attempt, DeliveryPhase.DATA, error)
        await self._outcomes.finish(attempt, DeliveryPhase.DATA, DeliveryState.SENT, reply=reply)
        return True

    async def _not_offered(
        self, attempt: DeliveryAttempt, lane: LaneConnection, error: MailError
    ) -> bool:
        if isinstance(error, MailConnectError):
            if lane.was_used:
                # Servers close connections after a number of emails or some time (421; RFC 5321,
                # 3.8): not a failed attempt.
                await self._ledger.give_back(attempt.delivery, self._clock())
                return False
            if error.permanent:
                # Such as a sender that is not accepted: no other email would fare better.
                await self._ledger.give_back(attempt.delivery, self._clock())
                raise error
        return await self._refused(attempt, DeliveryPhase.CLAIM, error)

    async def _enter_data(
        self, attempt: DeliveryAttempt, raw: bytes, reply_timeout_seconds: float
    ) -> bool:
        """Store that the body goes out; False when the process was suspended meanwhile."""
        # The lease counts from before it is written, so that it is never assumed to last longer.
        lease_ends = self._timer() + self._timing.delivery_lease
        if not await self._ledger.enter_data(
            attempt.delivery, _digest(raw), self._clock(), self._timing.delivery_ttl
        ):
            raise LostLeaseError(attempt.delivery.id)
        if self._timer() + reply_timeout_seconds <= lease_ends:
            return True
        # Suspended for a while, as by SIGSTOP or a sleeping laptop: the reply might come when
        # another worker has the lease and sends the email, too.
        await self._outcomes.retry_later(
            attempt, DeliveryPhase.DATA, "the worker was suspended before the body was sent"
        )
        return False

    async def _refused(
        self, attempt: DeliveryAttempt, phase: DeliveryPhase, error: MailError
    ) -> bool:
        """Store a refusal; True if the connection can be used for another email.

        Raises a permanent MailConnectError, which concerns every email.
        """
        is_connection_error = isinstance(error, MailConnectError)
        if error.permanent and not is_connection_error:
            await self._outcomes.fail(attempt, phase, str(error))
            return True
        await self._outcomes.retry_later(attempt, phase, str(error))
        if error.permanent:
            # Such as a sender that Exchange refuses after the body: no other email would fare
            # better, and each would use up its attempts.
            raise error
        return not is_connection_error


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
