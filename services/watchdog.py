"""Which reports did not go out, so that somebody is told on another way within the hour."""

from datetime import datetime, timedelta

from services.model import DeliveryState, Run, RunKind, RunNews, RunState, SourceName
from services.ports import DeliveryLedger, RunStore
from services.runs import KEEP_TRYING, RETRIED, UNSETTLED

LATE = timedelta(minutes=30)
"""Mails that wait while none has gone out for so long are told; ticks and cards take minutes."""
TOLD_AFTER_ATTEMPTS = 2
LOOKED_AT = {RunKind.WEEKLY: 4, RunKind.DAILY: 4, RunKind.TEAM: 100}
"""How many of the newest runs of each kind are looked at."""


class Watchdog:
    """Looks at the newest runs of one source."""

    def __init__(self, runs: RunStore, ledger: DeliveryLedger, source: SourceName) -> None:
        self._runs = runs
        self._ledger = ledger
        self._source = source

    async def troubled(self, now: datetime) -> list[RunNews]:
        """The runs that did not go out, or not in full, or are late; newest first of each kind."""
        found = []
        for kind, number in LOOKED_AT.items():
            for run in await self._runs.list_runs(self._source, kind=kind, limit=number):
                news = await self._news(run)
                if await self._is_trouble(news, now):
                    found.append(news)
        return found

    async def news_of(self, run_id: str) -> RunNews | None:
        """How a run stands now; None when there is none."""
        run = await self._runs.get(run_id)
        return await self._news(run) if run is not None else None

    async def _news(self, run: Run) -> RunNews:
        counts = await self._ledger.counts(run.ledger_id) if run.planned else {}
        failed: tuple[tuple[str, str], ...] = ()
        if any(counts.get(state) for state in RETRIED):
            found = await self._ledger.list_deliveries(run.ledger_id, states=RETRIED)
            failed = tuple((one.recipient, one.error or one.state.value) for one in found)
        return RunNews(
            run=run,
            sent=counts.get(DeliveryState.SENT, 0),
            waiting=sum(counts.get(state, 0) for state in UNSETTLED),
            failed=failed,
            sample=self._source == "sample",
        )

    async def _is_trouble(self, news: RunNews, now: datetime) -> bool:
        run = news.run
        if run.state is not RunState.OPEN:
            return bool(news.failed) or not run.planned or run.state is not RunState.DONE
        if run.last_error is not None and run.attempts >= TOLD_AFTER_ATTEMPTS:
            return True
        moved = opened_at(run)
        if now - moved <= LATE or (run.planned and not news.waiting):
            return False
        # Slow is not late: a rate limit stretches a large run over hours.
        last = await self._ledger.last_sent(run.ledger_id)
        return last is None or now - last > LATE


def opened_at(run: Run) -> datetime:
    """When the run was begun, or last opened again."""
    return max(run.created_at, run.not_after - KEEP_TRYING)
