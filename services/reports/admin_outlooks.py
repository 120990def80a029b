"""What the admins' report says beyond the window: the month-end forecast, and the record of
alerts.
"""

import asyncio
import math
from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from services.analysis.arrival import with_late_days
from services.analysis.figures import month_to_date
from services.analysis.forecast import month_end
from services.analysis.suppression import notified
from services.analysis.track_record import track_record
from services.domain import AlertRecord, Anomaly, AnomalyStatus, CostSeries, CostTable, SourceName
from services.ports import AnomalyStore, CostStore
from services.reports.basis import AdminOutlook, Basis

RECORD_DAYS = 90
MAX_ALERTS = 5000
STATUSES: tuple[AnomalyStatus, ...] = (
    *("open", "expected", "accepted", "not_an_anomaly", "too_small", "snoozed", "ended"),
)


async def admin_outlook(
    costs: CostStore, anomalies: AnomalyStore, source: SourceName, basis: Basis
) -> AdminOutlook:
    """Forecast the month of all accounts together, and sum up the alerts of 90 days."""
    table = await costs.load_totals(source, basis.history)
    total = await asyncio.to_thread(_summed, table, basis.data_through, basis.hidden)
    forecast = month_end(table.span, total, basis.data_through)
    record = None
    if forecast is not None:
        record = track_record(table.span, total, basis.data_through)
    return AdminOutlook(
        month_to_date=month_to_date(table.span, table.series, basis.data_through),
        forecast=forecast,
        forecast_record=record,
        alert_record=await _recent_alerts(anomalies, source, basis),
    )


async def _recent_alerts(anomalies: AnomalyStore, source: SourceName, basis: Basis) -> AlertRecord:
    newest = await anomalies.newest(source, None, MAX_ALERTS)
    since = basis.made_at - timedelta(days=RECORD_DAYS)
    recent = [
        anomaly
        for anomaly in newest
        if anomaly.raised_at >= since and anomaly.account_id not in basis.hidden
    ]
    return alert_record(notified(recent))


def alert_record(raised: Sequence[Anomaly]) -> AlertRecord:
    """Count what became of anomalies, and how many days passed from onset to alert (median).

    Those that began before the agent was installed could not have been told earlier, nor answered.
    """
    found_at_install = sum(anomaly.found_at_install for anomaly in raised)
    raised = [anomaly for anomaly in raised if not anomaly.found_at_install]
    counts = Counter(anomaly.status for anomaly in raised)
    waits = sorted(
        (anomaly.raised_at.date() - anomaly.start).days
        for anomaly in raised
        if anomaly.kind != "threshold"  # which is about a month and has no onset
    )
    return AlertRecord(
        days=RECORD_DAYS,
        found_at_install=found_at_install,
        statuses=tuple((status, counts[status]) for status in STATUSES if counts[status]),
        median_days=Decimal(str(median(waits))) if waits else None,
    )


def _summed(table: CostTable, data_through: date, hidden: Collection[str]) -> list[CostSeries]:
    """All accounts as one series; NaN on days without any data."""
    table = with_late_days(table, data_through)
    amounts = array("d", [math.nan]) * len(table.span)
    rows = [series.amounts for series in table.series if series.account_id not in hidden]
    for i, day in enumerate(zip(*rows, strict=True)):
        known = [amount for amount in day if not math.isnan(amount)]
        if known:
            amounts[i] = math.fsum(known)
    return [CostSeries("", "", None, amounts)]
