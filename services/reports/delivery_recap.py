"""How the emails of an earlier week went, for the report that follows it."""

from datetime import datetime

from services.domain import DeliveryRecap, DeliveryState, RunKind, SourceName
from services.domain.run_states import RETRYABLE, UNSETTLED, weekly_run_before
from services.ports import DeliveryLedger, RunStore


async def delivery_recap(
    runs: RunStore, ledger: DeliveryLedger, source: SourceName, period: str, before: datetime
) -> DeliveryRecap | None:
    """Look back on the last weekly run planned before an instant; None without one.

    ``period`` excludes runs of later weeks, as ``weekly_run_before`` explains.
    """
    weekly = await runs.list_runs(source, kind=RunKind.WEEKLY)
    earlier = weekly_run_before(weekly, period, before)
    if earlier is None:
        return None
    counts = await ledger.counts(earlier.ledger_id)
    failed = await ledger.list_deliveries(earlier.ledger_id, states=RETRYABLE)
    return DeliveryRecap(
        period=earlier.period,
        sent=counts.get(DeliveryState.SENT, 0),
        failed=tuple(
            (delivery.recipient, delivery.error or delivery.state.value) for delivery in failed
        ),
        open=sum(counts.get(state, 0) for state in UNSETTLED),
    )
