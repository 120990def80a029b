"""Works on runs: plans them under a lease, sends what is due, closes what is finished.

Any number of workers, in one process or many, may work on the same run. Planning and closing
need the run's lease; sending needs none, as each delivery is claimed on its own.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import structlog

from services.domain import DeliveryState, Run, RunKind, RunState
from services.domain.errors import (
    AgentError,
    ClockSkewError,
    LostLeaseError,
    MailConnectError,
    StoreUnavailableError,
)
from services.domain.run_states import UNSETTLED
from services.mailing import Sender, Transports, preflight
from services.ports import (
    DeliveryLedger,
    RunStore,
)
from services.runs.daily_run import DailyRun
from services.runs.leases import hold_lease
from services.runs.planner import Planner
from services.runs.progress import EmailProgress, Progress, no_progress
from services.runtime.context import Context
from services.runtime.server_clock import check_skew

log = structlog.get_logger()

OTHER_WORKER_SECONDS = 0.5
"""Between two checks of a run that another worker plans or closes."""
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.2, 5.0


class Worker:
    """Takes runs from request to close."""

    def __init__(
        self,
        *,
        runs: RunStore,
        ledger: DeliveryLedger,
        planner: Planner,
        daily: DailyRun,
        sender: Sender,
        transports: Transports,
        context: Context,
    ) -> None:
        self._meter = context.metrics
        self._runs = runs
        self._ledger = ledger
        self._planner = planner
        self._daily = daily
        self._sender = sender
        self._transports = transports
        self._owner = context.worker
        self._clock = context.clock
        self._is_worker_dead = context.is_worker_dead
        self._shutdown = context.shutdown
        self._timing = context.timing
        self._timer = context.pacing.timer
        self._skew = context.pacing.skew

    async def work(
        self, run_id: str, *, patience: timedelta | None = None, progress: Progress = no_progress
    ) -> None:
        """Work on a run until it is closed, nothing is due within ``patience``, or a shutdown.

        MongoDB and the mail server may be unavailable for as long. Errors that concern the whole
        run are stored on it and raised; each delivery's own outcome is in the ledger. Raises
        ClockSkewError, and stores nothing, when this machine's clock is wrong.
        """
        patience = patience or timedelta(seconds=self._timing.run_patience)
        until, settled = self._clock() + patience, -1
        while not self._shutdown.requested:
            trouble: AgentError | None = None
            wait = self._timing.store_retry
            try:
                run = await self._runs.get(run_id)
                if run is None or run.state is not RunState.OPEN:
                    return
                self._check_clock(run)
                trouble = await self._advance(run, progress)
                run = await self._close_if_finished(run_id)
                if run is None:
                    return
                now_settled = await self._settled(run)
                if now_settled > settled:
                    until, settled = self._clock() + patience, now_settled
                wait = await self._wait_seconds(run)
                if trouble is not None:
                    wait = max(wait, self._timing.connect_retry)
            except StoreUnavailableError as error:
                log.warning("mongodb_unavailable", run=run_id, error=str(error))
                trouble = error
            if self._clock() + timedelta(seconds=wait) > until:
                await self._give_up_for_now(run_id, trouble)
                return
            await self._shutdown.pause(wait)

    def _check_clock(self, run: Run) -> None:
        if run.kind is not RunKind.NOTICE:  # which may be about this very clock
            check_skew(self._skew())

    async def _give_up_for_now(self, run_id: str, trouble: AgentError | None) -> None:
        """Raise a problem that has lasted too long, and store it on the run."""
        if trouble is None:
            return
        run = None if isinstance(trouble, StoreUnavailableError) else await self._runs.get(run_id)
        if run is not None:
            await self._store_error(run, trouble)
        raise trouble

    def _lease(self, run_id: str) -> AbstractAsyncContextManager[int | None]:
        return hold_lease(
            self._runs,
            run_id,
            self._owner,
            self._clock,
            self._is_worker_dead,
            self._timing,
            self._timer,
        )

    async def _advance(self, run: Run, progress: Progress) -> AgentError | None:
        """Plan or send; the error of a mail server that may recover is returned, not raised."""
        try:
            await (self._send if run.planned else self._plan)(run, progress)
        except LostLeaseError as error:
            log.warning("run_taken_over", run=run.id, error=str(error))
        except MailConnectError as error:
            if error.permanent or not run.planned:
                raise await self._stored_if_planned(run, error) from error
            log.warning("smtp_unavailable", run=run.id, error=str(error))
            return error
        except (ClockSkewError, StoreUnavailableError):
            raise
        except AgentError as error:
            raise await self._stored_if_planned(run, error) from error
        return None

    async def _stored_if_planned(self, run: Run, error: AgentError) -> AgentError:
        """The error, stored on a planned run; planning stores its own."""
        if run.planned:
            await self._store_error(run, error)
        return error

    async def _settled(self, run: Run) -> int:
        counts = await self._ledger.counts(run.ledger_id)
        return sum(counts.values()) - _unsettled(counts)

    async def _wait_seconds(self, run: Run) -> float:
        """Seconds until something may be due; few while another worker plans."""
        due = await self._ledger.next_due(run.ledger_id)
        if due is None:
            return OTHER_WORKER_SECONDS
        seconds = (due - self._clock()).total_seconds()
        return min(max(seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)

    async def _plan(self, run: Run, progress: Progress) -> None:
        async with self._lease(run.id) as token:
            if token is None:
                progress("waiting for another worker", 0, 1)
                return
            if self._clock() > run.not_after:
                await self._abandon(run, token)
                return
            try:
                if run.kind is RunKind.DAILY:
                    summary = await self._daily.detect_day(run, progress)
                else:
                    # Before anything is read or stored: a wrong password shows in seconds.
                    transport = await self._transports.named(run.transport, self._clock())
                    await preflight(transport, self._shutdown.pause)
                    summary = await self._planner.plan(run, token, transport.sender, progress)
            except (LostLeaseError, StoreUnavailableError):
                raise
            except AgentError as error:
                await self._store_failure(run, token, error)
                raise
            if not await self._runs.mark_planned(run.id, token, summary):
                raise LostLeaseError(f"Another worker has taken over {run.id}.")
            log.info("run_planned", run=run.id, teams=summary.teams, anomalies=summary.anomalies)

    async def _store_failure(self, run: Run, token: int, error: AgentError) -> None:
        """The scheduler retries its own runs; all others go back to the person who asked."""
        is_scheduled = run.requested_by.interface == "scheduler"
        attempts = len(self._timing.run_retries) if error.permanent else run.attempts
        log.warning("run_failed", run=run.id, error=str(error), permanent=error.permanent)
        self._meter.ran(run.kind, "failed", (self._clock() - run.created_at).total_seconds())
        retry_at = self._clock() + self._timing.run_retry(attempts) if is_scheduled else None
        await self._runs.record_error(
            run.id, token, str(error), failed=not is_scheduled, retry_at=retry_at
        )

    async def _store_error(self, run: Run, error: AgentError) -> None:
        """Store the reason on a planned run, which keeps the scheduler from retrying every tick."""
        async with self._lease(run.id) as token:
            if token is not None:
                retry_at = self._clock() + self._timing.run_retry(run.attempts)
                await self._runs.record_error(
                    run.id, token, str(error), failed=False, retry_at=retry_at
                )

    async def _abandon(self, run: Run, token: int) -> None:
        error = f"The run was not completed in time. Last error: {run.last_error or 'none'}"
        await self._runs.record_error(run.id, token, error, failed=True, retry_at=None)
        log.error("run_abandoned", run=run.id, error=error)

    async def _send(self, run: Run, progress: Progress) -> None:
        await self._sender.recover(run.ledger_id)
        await self._ledger.expire(run.ledger_id, self._clock())
        counts = await self._ledger.counts(run.ledger_id)
        emails = EmailProgress(self._ledger, run.ledger_id, progress, self._timer)
        emails.start(counts)
        if not counts.get(DeliveryState.PENDING):
            return
        transport = await self._transports.named(run.transport, self._clock())

        async def after_each() -> None:
            await emails.update()
            self._check_clock(run)

        await self._sender.send_due(run.ledger_id, transport, after_each)
        await emails.finish()

    async def _close_if_finished(self, run_id: str) -> Run | None:
        """The run if it is still open; one that has nothing left to do is closed."""
        run = await self._runs.get(run_id)
        if run is None or run.state is not RunState.OPEN:
            return None
        if not run.planned or _unsettled(await self._ledger.counts(run.ledger_id)):
            return run
        async with self._lease(run_id) as token:
            closed = token is not None and await self._close(run_id, token)
        return None if closed else run

    async def _close(self, run_id: str, token: int) -> bool:
        """Close a run under its lease, where everything is checked again.

        False if something is left to do, or somebody has reopened it meanwhile.
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
            by_state = {state.value: count for state, count in counts.items()}
            log.info("run_closed", run=run_id, **by_state)
            outcome = "expired" if expired else "done"
            self._meter.ran(run.kind, outcome, (self._clock() - run.created_at).total_seconds())
        return closed


def _unsettled(counts: dict[DeliveryState, int]) -> int:
    return sum(counts.get(state, 0) for state in UNSETTLED)


def is_due(run: Run, now: datetime) -> bool:
    """Whether the scheduler may work on an open run now."""
    return run.state is RunState.OPEN and (run.retry_at is None or run.retry_at <= now)
