"""Works on runs: plans them under a lease, sends what is due, closes what is finished.

Any number of workers, in one process or many, may work on the same run. Planning and closing
need the run's lease; sending needs none, as each delivery is claimed by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import structlog

from services.errors import AgentError, LostLeaseError, MailConnectError
from services.leases import held
from services.model import DeliveryState, Run, RunKind, RunState
from services.planning import Planner, Progress
from services.ports import Clock, DeliveryLedger, MailTransport, RunStore, SurelyGone
from services.sending import Sender
from services.transports import Transports

log = structlog.get_logger()

PATIENCE = timedelta(seconds=75)
"""A background worker waits this long for the next retry before it leaves it to a later tick."""
RETRY_MINUTES = (1, 2, 5, 15, 30, 60)
"""Waits after a run's first, second … error; the last one repeats."""
PREFLIGHT_TRIES = 3
WAIT_FOR_OTHERS = 0.5
"""Seconds between two looks at a run that another worker plans or closes."""


def quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Worker:
    """Takes runs from request to close."""

    def __init__(
        self,
        *,
        runs: RunStore,
        ledger: DeliveryLedger,
        planner: Planner,
        sender: Sender,
        transports: Transports,
        owner: str,
        clock: Clock,
        gone: SurelyGone,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._runs = runs
        self._ledger = ledger
        self._planner = planner
        self._sender = sender
        self._transports = transports
        self._owner = owner
        self._clock = clock
        self._gone = gone
        self._sleep = sleep

    async def work(
        self, run_id: str, *, patience: timedelta = PATIENCE, progress: Progress = quiet
    ) -> None:
        """Works on a run until it is closed, or nothing is due within ``patience``.

        Errors that concern the whole run are stored on it and raised; each delivery's own
        outcome is in the ledger.
        """
        until, settled = self._clock() + patience, -1
        while True:
            run = await self._runs.get(run_id)
            if run is None or run.state is not RunState.OPEN:
                return
            trouble = await self._advance(run, progress)
            if await self._closed(run_id):
                return
            now_settled = await self._settled(run_id)
            if now_settled > settled:
                until, settled = self._clock() + patience, now_settled
            wait = await self._wait(run_id)
            if self._clock() + timedelta(seconds=wait) > until:
                if trouble is not None:
                    raise trouble
                return
            await self._sleep(wait)

    def _held(self, run_id: str) -> AbstractAsyncContextManager[int | None]:
        return held(self._runs, run_id, self._owner, self._clock, self._gone)

    async def _advance(self, run: Run, progress: Progress) -> MailConnectError | None:
        """Plans or sends; a mail server that is away for now is an answer, not an end."""
        if not run.planned:
            await self._plan(run, progress)
        else:
            try:
                await self._send(run, progress)
            except MailConnectError as error:
                if error.permanent:
                    await self._pause(run, error)
                    raise
                log.warning("mail_server_away", run=run.id, error=str(error))
                return error
        return None

    async def _settled(self, run_id: str) -> int:
        counts = await self._ledger.counts(run_id)
        return sum(counts.values()) - _unsettled(counts)

    async def _wait(self, run_id: str) -> float:
        """Seconds until something may be due; short while another worker plans."""
        due = await self._ledger.next_due(run_id)
        if due is None:
            return WAIT_FOR_OTHERS
        return min(max((due - self._clock()).total_seconds(), 0.2), 5.0)

    async def _plan(self, run: Run, progress: Progress) -> None:
        async with self._held(run.id) as token:
            if token is None:
                progress("waiting for another worker", 0, 1)
                return
            if self._clock() > run.not_after:
                await self._give_up(run, token)
                return
            try:
                if run.kind is RunKind.DAILY:
                    summary = await self._planner.judge_day(run, progress)
                else:
                    transport = await self._preflight(run)
                    summary = await self._planner.plan(run, transport.sender, progress)
            except LostLeaseError:
                raise
            except AgentError as error:
                await self._record(run, token, error)
                raise
            if not await self._runs.mark_planned(run.id, token, summary):
                raise LostLeaseError(f"Another worker has taken over {run.id}.")
            log.info("run_planned", run=run.id, teams=summary.teams, anomalies=summary.anomalies)

    async def _record(self, run: Run, token: int, error: AgentError) -> None:
        """The clock's own runs are tried again by the clock; others go back to who asked."""
        by_clock = run.requested_by.door == "clock"
        minutes = RETRY_MINUTES[-1] if error.permanent else _retry_minutes(run.attempts)
        log.warning("run_failed", run=run.id, error=str(error), permanent=error.permanent)
        await self._runs.record_error(
            run.id,
            token,
            str(error),
            failed=not by_clock,
            retry_at=self._clock() + timedelta(minutes=minutes) if by_clock else None,
        )

    async def _pause(self, run: Run, error: AgentError) -> None:
        """Keeps the reason on a planned run, and the clock from trying it at every tick."""
        async with self._held(run.id) as token:
            if token is not None:
                wait = timedelta(minutes=_retry_minutes(run.attempts))
                await self._runs.record_error(
                    run.id, token, str(error), failed=False, retry_at=self._clock() + wait
                )

    async def _give_up(self, run: Run, token: int) -> None:
        error = f"It could not be made in time. Last error: {run.last_error or 'none'}"
        await self._runs.record_error(run.id, token, error, failed=True, retry_at=None)
        log.error("run_given_up", run=run.id, error=error)

    async def _preflight(self, run: Run) -> MailTransport:
        """Signs in to the mail server before anything is planned; MailConnectError if it fails."""
        transport = await self._transports.named(run.transport, self._clock())
        await reach(transport, self._sleep)
        return transport

    async def _send(self, run: Run, progress: Progress) -> None:
        await self._sender.recover(run.id)
        await self._ledger.expire(run.id, self._clock())
        counts = await self._ledger.counts(run.id)
        total = sum(counts.values())
        settled = total - _unsettled(counts)
        if total:
            progress("mails", settled, total)
        if not counts.get(DeliveryState.PENDING):
            return

        async def tell() -> None:
            now = await self._ledger.counts(run.id)
            progress("mails", total - _unsettled(now), total)

        transport = await self._transports.named(run.transport, self._clock())
        await self._sender.send_due(run.id, transport, tell)

    async def _closed(self, run_id: str) -> bool:
        run = await self._runs.get(run_id)
        if run is None or run.state is not RunState.OPEN or not run.planned:
            return run is None or run.state is not RunState.OPEN
        counts = await self._ledger.counts(run_id)
        if _unsettled(counts):
            return False
        async with self._held(run_id) as token:
            if token is None:
                return False
            expired = bool(counts.get(DeliveryState.EXPIRED))
            closed = await self._runs.close(run_id, token, expired=expired, now=self._clock())
        if closed:
            log.info("run_closed", run=run_id, **{k.value: n for k, n in counts.items()})
        return closed


def _retry_minutes(attempts: int) -> int:
    return RETRY_MINUTES[min(attempts, len(RETRY_MINUTES) - 1)]


def _unsettled(counts: dict[DeliveryState, int]) -> int:
    return counts.get(DeliveryState.PENDING, 0) + counts.get(DeliveryState.SENDING, 0)


async def reach(
    transport: MailTransport, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Connects and signs in once; tries again when the server is only busy.

    Raises MailConnectError with the cure.
    """
    for attempt in range(1, PREFLIGHT_TRIES + 1):
        try:
            connection = await transport.connect()
        except AgentError as error:
            if error.permanent or attempt == PREFLIGHT_TRIES:
                raise
            await sleep(float(attempt))
        else:
            await connection.aclose()
            return


def due_again(run: Run, now: datetime) -> bool:
    """Whether the clock may work on an open run now."""
    return run.state is RunState.OPEN and (run.retry_at is None or run.retry_at <= now)
