"""How the mails of an earlier week went, for the report that follows it."""

from datetime import datetime

from services.model import DeliveryRecap, DeliveryState, RunKind, SourceName
from services.ports import DeliveryLedger, RunStore
from services.runs import RETRIED, weekly_run_before


class Recaps:
    """Looks back on the weekly runs of one source."""

    def __init__(self, runs: RunStore, ledger: DeliveryLedger, source: SourceName) -> None:
        self._runs = runs
        self._ledger = ledger
        self._source = source

    async def before(self, period: str, at: datetime) -> DeliveryRecap | None:
        """Of the last weekly run that reported before an instant, on this period or an earlier
        one; None when there was none.
        """
        runs = await self._runs.list_runs(self._source, kind=RunKind.WEEKLY)
        earlier = weekly_run_before(runs, period, at)
        if earlier is None:
            return None
        counts = await self._ledger.counts(earlier.ledger_id)
        failed = await self._ledger.list_deliveries(earlier.ledger_id, states=RETRIED)
        return DeliveryRecap(
            period=earlier.period,
            sent=counts.get(DeliveryState.SENT, 0),
            failed=tuple((one.recipient, one.error or one.state.value) for one in failed),
            open=counts.get(DeliveryState.PENDING, 0) + counts.get(DeliveryState.SENDING, 0),
        )
