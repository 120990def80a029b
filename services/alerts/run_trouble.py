"""Which runs are stuck, or did not go out in full, so that people learn of it within the hour."""

from datetime import datetime, timedelta

from services.domain import SAMPLE, DeliveryState, Run, RunContent, RunKind, RunState, SourceName
from services.domain.run_states import KEEP_TRYING, RETRYABLE, UNSETTLED
from services.ports import DeliveryLedger, RunStore

STUCK_AFTER = timedelta(minutes=30)
"""Emails are stuck when some wait and none was sent for this long; ticks and cards take minutes."""
MIN_ATTEMPTS = 2
"""A run that failed once may succeed at the next attempt."""
RUNS_CHECKED = {RunKind.WEEKLY: 4, RunKind.DAILY: 4, RunKind.TEAM: 100}
"""How many of the newest runs of each kind are checked."""
MAX_FAILURES = 20
"""How many failed emails of a run are named; a refused sender fails all of them, thousands."""


class RunTrouble:
    """Checks the newest runs of one source."""

    def __init__(self, runs: RunStore, ledger: DeliveryLedger, source: SourceName) -> None:
        self._runs = runs
        self._ledger = ledger
        self._source = source

    async def stuck_runs(self, now: datetime) -> list[RunContent]:
        """Runs that did not go out, or not in full, or are late; newest first of each kind."""
        stuck = []
        for kind, limit in RUNS_CHECKED.items():
            for run in await self._runs.list_runs(self._source, kind=kind, limit=limit):
                content = await self._content(run)
                if await self._is_stuck(content, now):
                    stuck.append(content)
        return stuck

    async def content_of(self, run_id: str) -> RunContent | None:
        """The present state of a run; None for an unknown one."""
        run = await self._runs.get(run_id)
        return await self._content(run) if run is not None else None

    async def _content(self, run: Run) -> RunContent:
        counts = await self._ledger.counts(run.ledger_id) if run.planned else {}
        failed: tuple[tuple[str, str], ...] = ()
        failed_count = sum(counts.get(state, 0) for state in RETRYABLE)
        if failed_count:
            deliveries = await self._ledger.list_deliveries(
                run.ledger_id, states=RETRYABLE, limit=MAX_FAILURES
            )
            failed = tuple(
                (delivery.recipient, delivery.error or delivery.state.value)
                for delivery in deliveries
            )
        return RunContent(
            run=run,
            sent=counts.get(DeliveryState.SENT, 0),
            waiting=sum(counts.get(state, 0) for state in UNSETTLED),
            failed=failed,
            more_failed=max(0, failed_count - len(failed)),
            sample=self._source == SAMPLE,
        )

    async def _is_stuck(self, content: RunContent, now: datetime) -> bool:
        run = content.run
        if run.state is not RunState.OPEN:
            return bool(content.failed) or not run.planned or run.state is not RunState.DONE
        if run.last_error is not None and run.attempts >= MIN_ATTEMPTS:
            return True
        if now - opened_at(run) <= STUCK_AFTER or (run.planned and not content.waiting):
            return False
        # Slow is not stuck: a rate limit stretches a large run over hours.
        last_sent = await self._ledger.last_sent(run.ledger_id)
        return last_sent is None or now - last_sent > STUCK_AFTER


def opened_at(run: Run) -> datetime:
    """When the run was started, or last reopened."""
    return max(run.created_at, run.not_after - KEEP_TRYING)
