"""Runs: from a request, by a person or by the scheduler, to the close."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.administration import Administration
from services.anomalies import Anomalies
from services.costs import Costs
from services.mailing import Mailing
from services.ports import Start, Store
from services.reports import Reports
from services.runs.daily_run import DailyRun
from services.runs.detection import DetectionUses, RunDetection
from services.runs.planner import PlannedDetection, Planner
from services.runs.progress import Progress, no_progress
from services.runs.requests import RunRequests
from services.runs.scheduler import Scheduler, SchedulerUses
from services.runs.views import RunViews
from services.runs.worker import Worker
from services.runtime.context import Context
from services.teams import Teams

__all__ = [
    "Capabilities",
    "Progress",
    "RunRequests",
    "RunViews",
    "Runs",
    "build",
    "no_progress",
]

SendAlerts = Callable[[datetime], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Runs:
    """The face of the package."""

    requests: RunRequests
    views: RunViews
    planner: Planner
    worker: Worker
    scheduler: Scheduler


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities that runs use."""

    administration: Administration
    teams: Teams
    costs: Costs
    anomalies: Anomalies
    mailing: Mailing
    reports: Reports


def build(
    store: Store, use: Capabilities, start: Start, send_alerts: SendAlerts, context: Context
) -> Runs:
    """Build the face; ``send_alerts`` makes a round of alerts after each tick and run."""
    views = RunViews(store.runs, store.deliveries, store.costs, context.source.name)
    requests = RunRequests(
        runs=store.runs,
        deliveries=store.deliveries,
        teams=store.teams,
        config=use.administration.config,
        transports=use.mailing.transports,
        audit=use.administration.audit_trail,
        views=views,
        source=context.source.name,
    )
    detection_uses = DetectionUses(
        costs=use.costs.ingest,
        reports=use.reports.builder,
        teams=use.teams,
        config=use.administration.config,
        detector=use.anomalies.detector,
        runs=store.runs,
    )
    detection = RunDetection(detection_uses, context)
    planner = _planner(store, use, detection, context)
    worker = Worker(
        runs=store.runs,
        ledger=store.deliveries,
        planner=planner,
        daily=DailyRun(detection_uses, detection, use.anomalies.lifecycle, context),
        sender=use.mailing.sender,
        transports=use.mailing.transports,
        context=context,
    )
    scheduler = Scheduler(
        use=SchedulerUses(
            use.administration.config,
            use.costs.ingest,
            use.teams,
            use.mailing.notices,
            detection,
        ),
        runs=requests,
        worker=worker,
        start=start,
        send_alerts=send_alerts,
        context=context,
    )
    return Runs(requests, views, planner, worker, scheduler)


def _planner(
    store: Store, use: Capabilities, detection: RunDetection, context: Context
) -> Planner:
    return Planner(
        detection=PlannedDetection(use.costs.ingest, detection, use.anomalies.lifecycle),
        reports=use.reports,
        teams=use.teams,
        config=use.administration.config,
        runs=store.runs,
        ledger=store.deliveries,
        context=context,
    )
