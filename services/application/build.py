"""The use cases that a run goes through, over any store, cost source and mail transports."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.alert_minimums import AlertMinimums
from services.anomalies.daily_detection import DailyDetector
from services.anomalies.lifecycle import AnomalyLifecycle
from services.anomalies.planned_changes import PlannedChanges
from services.costs import CostIngest
from services.mailing.delivery_outcomes import SenderSettings
from services.mailing.sender import Sender
from services.mailing.transports import Transports
from services.ports import UNMEASURED, Clock, CostSource, IsWorkerDead, Meter, Store
from services.reports.builder import ReportBuilder
from services.reports.previews import ReportPreviewer
from services.reports.recipients import Recipients
from services.reports.restatements import Restatements
from services.runs.daily_run import DailyRun
from services.runs.planner import Planner
from services.runs.requests import RunRequests
from services.runs.worker import Worker
from services.runtime.shutdown import Shutdown
from services.runtime.timeouts import PRODUCTION, Timing
from services.teams.teams import Teams


@dataclass(frozen=True, slots=True)
class Process:
    """A worker process among those that share the store."""

    owner: str
    """Its name, unlike that of any other process, past or future."""
    clock: Clock
    is_worker_dead: IsWorkerDead
    shutdown: Shutdown
    timing: Timing = PRODUCTION
    meter: Meter = UNMEASURED
    timer: Callable[[], float] = time.monotonic
    """Seconds since an arbitrary moment; never goes back."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    rng: random.Random | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How costs are read."""

    complete_after_hours: int = 48


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that plans, detects, freezes, sends and closes."""

    audit: AuditTrail
    config: Config
    transports: Transports
    teams: Teams
    costs: CostIngest
    plans: PlannedChanges
    floors: AlertMinimums
    reports: ReportBuilder
    previews: ReportPreviewer
    runs: RunRequests
    planner: Planner
    sender: Sender
    worker: Worker


def build_engine(
    store: Store,
    source: CostSource,
    config: Config,
    transports: Transports,
    process: Process,
    *,
    reading: Reading,
    teams_app: bool,
    sending: SenderSettings,
) -> Engine:
    """Build the engine of one process; ``teams_app``: whether emails may point to Teams."""
    costs = CostIngest(source, store.costs, reading.complete_after_hours)
    described = source.description
    audit = AuditTrail(store.audit_entries)
    teams = Teams(store.teams, audit, source=described.name)
    plans = PlannedChanges(store.planned_changes, audit)
    floors = AlertMinimums(store.alert_minimums, store.anomalies, config, audit, described.name)
    reports = ReportBuilder(
        costs=store.costs,
        anomalies=store.anomalies,
        plans=plans,
        floors=store.alert_minimums,
        source=described,
        complete_after_hours=reading.complete_after_hours,
        teams_app=teams_app,
    )
    runs = RunRequests(
        runs=store.runs,
        deliveries=store.deliveries,
        teams=store.teams,
        config=config,
        transports=transports,
        audit=audit,
        source=described.name,
    )
    anomalies = AnomalyLifecycle(store.anomalies)
    restatements = Restatements(store.runs, store.costs)
    planner = Planner(
        costs=costs,
        reports=reports,
        teams=teams,
        config=config,
        anomalies=anomalies,
        restatements=restatements,
        runs=store.runs,
        ledger=store.deliveries,
        source=described.name,
        clock=process.clock,
    )
    detection = DailyRun(
        costs=costs,
        reports=reports,
        teams=teams,
        config=config,
        anomalies=anomalies,
        detections=DailyDetector(
            costs=store.costs,
            store=store.anomalies,
            anomalies=anomalies,
            plans=plans,
            floors=store.alert_minimums,
            source=described.name,
            complete_after_hours=reading.complete_after_hours,
        ),
        runs=store.runs,
        source=described.name,
        clock=process.clock,
    )
    sender = Sender(
        ledger=store.deliveries,
        runs=store.runs,
        rates=store.rate_budget,
        is_still_recipient=Recipients(store.teams, config, process.clock).is_still_recipient,
        settings=sending,
        owner=process.owner,
        clock=process.clock,
        is_worker_dead=process.is_worker_dead,
        shutdown=process.shutdown,
        timing=process.timing,
        timer=process.timer,
        sleep=process.sleep,
        rng=process.rng,
        meter=process.meter,
    )
    worker = Worker(
        runs=store.runs,
        ledger=store.deliveries,
        planner=planner,
        detection=detection,
        sender=sender,
        transports=transports,
        owner=process.owner,
        clock=process.clock,
        is_worker_dead=process.is_worker_dead,
        shutdown=process.shutdown,
        timing=process.timing,
        timer=process.timer,
        meter=process.meter,
    )
    return Engine(
        audit=audit,
        config=config,
        transports=transports,
        teams=teams,
        costs=costs,
        plans=plans,
        floors=floors,
        reports=reports,
        previews=ReportPreviewer(
            reports=reports,
            costs=costs,
            teams=teams,
            config=config,
            restatements=restatements,
            runs=store.runs,
            ledger=store.deliveries,
            source=described.name,
        ),
        runs=runs,
        planner=planner,
        sender=sender,
        worker=worker,
    )
