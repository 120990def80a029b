"""Works on runs: plans them under a lease, sends what is due, closes what is finished.

Any number of workers, in one process or many, may work on the same run. Planning and closing
need the run's lease; sending needs none, as each delivery is claimed by itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import structlog

from services.errors import (
    AgentError,
    LostLeaseError,
    MailConnectError,
    StoreUnavailableError,
)
from services.leases import held
from services.model import DeliveryState, Run, RunKind, RunState
from services.planning import Planner, Progress
from services.ports import (
    UNMEASURED,
    Clock,
    DeliveryLedger,
    MailTransport,
    Meter,
    RunStore,
    SurelyGone,
)
from services.sending import Sender
from services.stopping import Stop
from services.timing import PRODUCTION, Timing
from services.transports import Transports

log = structlog.get_logger()

PREFLIGHT_TRIES = 3
WAIT_FOR_OTHERS = 0.5
"""Seconds between two looks at a run that another worker plans or closes."""
TELL_SECONDS = 0.5
"""At least so long stands between two counts of the mails that are done."""


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
        stop: Stop,
        timing: Timing = PRODUCTION,
        timer: Callable[[], float] = time.monotonic,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._meter = meter
        self._runs = runs
        self._ledger = ledger
        self._planner = planner
        self._sender = sender
        self._transports = transports
        self._owner = owner
        self._clock = clock
        self._gone = gone
        self._stop = stop
        self._timing = timing
        self._timer = timer

    async def work(
        self, run_id: str, *, patience: timedelta | None = None, progress: Progress = quiet
    ) -> None:
        """Works on a run until it is closed, nothing is due within ``patience``, or told to stop.

        MongoDB and the mail server may be away for as long. Errors that concern the whole run
        are stored on it and raised; each delivery's own outcome is in the ledger.
        """
        patience = patience or timedelta(seconds=self._timing.run_patience)
        until, settled = self._clock() + patience, -1
        while not self._stop.told:
            trouble: AgentError | None = None
            wait = self._timing.store_retry
            try:
                run = await self._runs.get(run_id)
                if run is None or run.state is not RunState.OPEN:
                    return
                trouble = await self._advance(run, progress)
                run = await self._left_open(run_id)
                if run is None:
                    return
                now_settled = await self._settled(run)
                if now_settled > settled:
                    until, settled = self._clock() + patience, now_settled
                wait = await self._wait(run)
                if trouble is not None:
                    wait = max(wait, self._timing.connect_retry)
            except StoreUnavailableError as error:
                log.warning("mongodb_away", run=run_id, error=str(error))
                trouble = error
            if self._clock() + timedelta(seconds=wait) > until:
                await self._give_in(run_id, trouble)
                return
            await self._stop.pause(wait)

    async def _give_in(self, run_id: str, trouble: AgentError | None) -> None:
        """Nothing more to do for now; a trouble that has lasted is kept on the run and raised."""
        if trouble is None:
            return
        run = None if isinstance(trouble, StoreUnavailableError) else await self._runs.get(run_id)
        if run is not None:
            await self._pause(run, trouble)
        raise trouble

    def _held(self, run_id: str) -> AbstractAsyncContextManager[int | None]:
        return held(
            self._runs,
            run_id,
            self._owner,
            self._clock,
            self._gone,
            self._timing,
            self._timer,
        )

    async def _advance(self, run: Run, progress: Progress) -> AgentError | None:
        """Plans or sends; a mail server that is away for now is an answer, not an end."""
        try:
            await (self._send if run.planned else self._plan)(run, progress)
        except LostLeaseError as error:
            log.warning("run_taken_over", run=run.id, error=str(error))
        except MailConnectError as error:
            if error.permanent or not run.planned:
                raise await self._paused(run, error) from error
            log.warning("mail_server_away", run=run.id, error=str(error))
            return error
        except StoreUnavailableError:
            raise
        except AgentError as error:
            raise await self._paused(run, error) from error
        return None

    async def _paused(self, run: Run, error: AgentError) -> AgentError:
        """The error, kept on a planned run; planning keeps its own."""
        if run.planned:
            await self._pause(run, error)
        return error

    async def _settled(self, run: Run) -> int:
        counts = await self._ledger.counts(run.ledger_id)
        return sum(counts.values()) - _unsettled(counts)

    async def _wait(self, run: Run) -> float:
        """Seconds until something may be due; short while another worker plans."""
        due = await self._ledger.next_due(run.ledger_id)
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
                    summary = await self._planner.plan(run, token, transport.sender, progress)
            except (LostLeaseError, StoreUnavailableError):
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
        attempts = len(self._timing.run_retries) if error.permanent else run.attempts
        log.warning("run_failed", run=run.id, error=str(error), permanent=error.permanent)
        self._meter.ran(run.kind, "failed", (self._clock() - run.created_at).total_seconds())
        await self._runs.record_error(
            run.id,
            token,
            str(error),
            failed=not by_clock,
            retry_at=self._clock() + self._timing.run_retry(attempts) if by_clock else None,
        )

    async def _pause(self, run: Run, error: AgentError) -> None:
        """Keeps the reason on a planned run, and the clock from trying it at every tick."""
        async with self._held(run.id) as token:
            if token is not None:
                retry_at = self._clock() + self._timing.run_retry(run.attempts)
                await self._runs.record_error(
                    run.id, token, str(error), failed=False, retry_at=retry_at
                )

    async def _give_up(self, run: Run, token: int) -> None:
        error = f"It could not be made in time. Last error: {run.last_error or 'none'}"
        await self._runs.record_error(run.id, token, error, failed=True, retry_at=None)
        log.error("run_given_up", run=run.id, error=error)

    async def _preflight(self, run: Run) -> MailTransport:
        """Signs in to the mail server before anything is planned; MailConnectError if it fails."""
        transport = await self._transports.named(run.transport, self._clock())
        await reach(transport, self._stop.pause)
        return transport

    async def _send(self, run: Run, progress: Progress) -> None:
        ledger_id = run.ledger_id
        await self._sender.recover(ledger_id)
        await self._ledger.expire(ledger_id, self._clock())
        counts = await self._ledger.counts(ledger_id)
        total = sum(counts.values())
        if total:
            progress("mails", total - _unsettled(counts), total)
        if not counts.get(DeliveryState.PENDING):
            return
        told = self._timer()

        async def tell() -> None:
            nonlocal told
            if progress is quiet or self._timer() - told < TELL_SECONDS:
                return
            told = self._timer()
            now = await self._ledger.counts(ledger_id)
            progress("mails", total - _unsettled(now), total)

        transport = await self._transports.named(run.transport, self._clock())
        await self._sender.send_due(ledger_id, transport, tell)
        if progress is not quiet:
            now = await self._ledger.counts(ledger_id)
            progress("mails", total - _unsettled(now), total)

    async def _left_open(self, run_id: str) -> Run | None:
        """The run if it is still open; one that has nothing left to do is closed."""
        run = await self._runs.get(run_id)
        if run is None or run.state is not RunState.OPEN:
            return None
        if not run.planned or _unsettled(await self._ledger.counts(run.ledger_id)):
            return run
        async with self._held(run_id) as token:
            closed = token is not None and await self._close(run_id, token)
        return None if closed else run

    async def _close(self, run_id: str, token: int) -> bool:
        """Closes a run under its lease, where everything is looked at again.

        False when it has something to do, or somebody has opened it again meanwhile.
        """
        run = await self._runs.get(run_id)
        if run is None or run.state is not RunState.OPEN:
            return True
        counts = await self._ledger.counts(run.ledger_id)
        if _unsettled(counts):
            return False
        expired = bool(counts.get(DeliveryState.EXPIRED))
        closed = await self._runs.close(
            run_id, token, run.openings, expired=expired, now=self._clock()
        )
        if closed:
            log.info("run_closed", run=run_id, **{k.value: n for k, n in counts.items()})
            outcome = "expired" if expired else "done"
            self._meter.ran(run.kind, outcome, (self._clock() - run.created_at).total_seconds())
        return closed


def _unsettled(counts: dict[DeliveryState, int]) -> int:
    return counts.get(DeliveryState.PENDING, 0) + counts.get(DeliveryState.SENDING, 0)


async def reach(
    transport: MailTransport, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Connects and signs in once; tries again when the server is only busy.

    Raises MailConnectError with the cure.
    """
    # Not stamina: its waits cannot be ended by a shutdown; the worker hands in one that can.
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
