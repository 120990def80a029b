"""Anomalies: detected daily, resolved by people, suppressed, planned for, and replayed."""

from dataclasses import dataclass

from services.administration import Administration
from services.anomalies.alert_minimums import CHANGE_MINIMUM, AlertMinimums
from services.anomalies.backtest import Backtest, Backtester, BacktestLine
from services.anomalies.daily_detection import DailyDetector
from services.anomalies.lifecycle import AnomalyLifecycle, resolved_by_planned_change
from services.anomalies.listing import AnomalyList
from services.anomalies.planned_changes import PlannedChanges
from services.anomalies.resolutions import SHORT_SNOOZE_DAYS, Resolutions, is_resolved_by_admin
from services.anomalies.what_if import WhatIfCalculator
from services.costs import Costs
from services.ports import Store
from services.runtime.context import Context
from services.teams import Teams

__all__ = [
    "CHANGE_MINIMUM",
    "SHORT_SNOOZE_DAYS",
    "AlertMinimums",
    "Anomalies",
    "AnomalyLifecycle",
    "Backtest",
    "BacktestLine",
    "DailyDetector",
    "PlannedChanges",
    "build",
    "is_resolved_by_admin",
    "resolved_by_planned_change",
]


@dataclass(frozen=True, slots=True)
class Anomalies:
    """The face of the package."""

    lifecycle: AnomalyLifecycle
    detector: DailyDetector
    listing: AnomalyList
    resolutions: Resolutions
    alert_minimums: AlertMinimums
    planned_changes: PlannedChanges
    backtester: Backtester
    what_if: WhatIfCalculator


def build(
    store: Store,
    administration: Administration,
    teams: Teams,
    costs: Costs,
    complete_after_hours: int,
    context: Context,
) -> Anomalies:
    """Build the face for the source of the process."""
    source, config = context.source.name, administration.config
    audit_trail = administration.audit_trail
    lifecycle = AnomalyLifecycle(store.anomalies)
    planned_changes = PlannedChanges(store.planned_changes, audit_trail)
    return Anomalies(
        lifecycle=lifecycle,
        detector=DailyDetector(
            costs=store.costs,
            store=store.anomalies,
            anomalies=lifecycle,
            planned_changes=planned_changes,
            alert_minimums=store.alert_minimums,
            source=source,
            complete_after_hours=complete_after_hours,
        ),
        listing=AnomalyList(store.anomalies, teams, source),
        resolutions=Resolutions(store.anomalies, store.alerts, audit_trail, source),
        alert_minimums=AlertMinimums(
            store.alert_minimums, store.anomalies, config, audit_trail, source
        ),
        planned_changes=planned_changes,
        backtester=Backtester(
            costs=costs.ingest,
            store=store.costs,
            teams=teams,
            config=config,
            complete_after_hours=complete_after_hours,
        ),
        what_if=WhatIfCalculator(
            costs=costs.ingest,
            store=store.costs,
            teams=teams,
            config=config,
            source=source,
            complete_after_hours=complete_after_hours,
        ),
    )
