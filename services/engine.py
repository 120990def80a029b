"""The use cases that a run goes through, wired over any store, cost source and transports."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.anomalies import Anomalies
from services.audit import Audit
from services.config import Config
from services.costs import Costs
from services.detections import Detections
from services.floors import Floors
from services.planning import Planner
from services.plans import Plans
from services.ports import UNMEASURED, Clock, CostSource, Meter, Store, SurelyGone
from services.previews import Previews
from services.recaps import Recaps
from services.recipients import Recipients
from services.reports import ReportMaker
from services.restatements import Restatements
from services.runs import Runs
from services.sending import Sender, SenderSettings
from services.stopping import Stop
from services.teams import Teams
from services.timing import PRODUCTION, Timing
from services.transports import Transports
from services.worker import Worker


@dataclass(frozen=True, slots=True)
class Process:
    """Who works: one process among those that share the store."""

    owner: str
    """Its name, unlike that of any other that ever was."""
    clock: Clock
    gone: SurelyGone
    stop: Stop
    timing: Timing = PRODUCTION
    meter: Meter = UNMEASURED
    timer: Callable[[], float] = time.monotonic
    """Seconds since any moment; never set back."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: random.Random | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How costs are read."""

    complete_after_hours: int = 48


@dataclass(frozen=True, slots=True)
class Engine:
    """All that plans, judges, freezes, sends and closes."""

    audit: Audit
    config: Config
    transports: Transports
    teams: Teams
    costs: Costs
    plans: Plans
    floors: Floors
    maker: ReportMaker
    previews: Previews
    runs: Runs
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
    """The engine of one process; ``teams_app``: whether mails may point to Teams."""
    costs = Costs(source, store.costs, reading.complete_after_hours)
    described = source.description
    audit = Audit(store.audit)
    teams = Teams(store.teams, audit, source=described.name)
    plans = Plans(store.plans, audit)
    floors = Floors(store.floors, store.anomalies, config, audit, described.name)
    maker = ReportMaker(
        costs=store.costs,
        anomalies=store.anomalies,
        plans=plans,
        floors=store.floors,
        source=described,
        complete_after_hours=reading.complete_after_hours,
        teams_app=teams_app,
    )
    runs = Runs(
        runs=store.runs,
        deliveries=store.deliveries,
        teams=store.teams,
        config=config,
        transports=transports,
        audit=audit,
        source=described.name,
    )
    anomalies = Anomalies(store.anomalies)
    restatements = Restatements(store.runs, store.costs)
    recaps = Recaps(store.runs, store.deliveries, described.name)
    planner = Planner(
        costs=costs,
        maker=maker,
        teams=teams,
        config=config,
        anomalies=anomalies,
        detections=Detections(
            costs=store.costs,
            store=store.anomalies,
            anomalies=anomalies,
            plans=plans,
            floors=store.floors,
            source=described.name,
            complete_after_hours=reading.complete_after_hours,
        ),
        restatements=restatements,
        recaps=recaps,
        runs=store.runs,
        ledger=store.deliveries,
        source=described.name,
        clock=process.clock,
    )
    sender = Sender(
        ledger=store.deliveries,
        runs=store.runs,
        rates=store.rates,
        still_wanted=Recipients(store.teams, config, process.clock).still_wanted,
        settings=sending,
        owner=process.owner,
        clock=process.clock,
        gone=process.gone,
        stop=process.stop,
        timing=process.timing,
        timer=process.timer,
        sleep=process.sleep,
        chance=process.chance,
        meter=process.meter,
    )
    worker = Worker(
        runs=store.runs,
        ledger=store.deliveries,
        planner=planner,
        sender=sender,
        transports=transports,
        owner=process.owner,
        clock=process.clock,
        gone=process.gone,
        stop=process.stop,
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
        maker=maker,
        previews=Previews(
            maker=maker,
            costs=costs,
            teams=teams,
            config=config,
            restatements=restatements,
            recaps=recaps,
        ),
        runs=runs,
        planner=planner,
        sender=sender,
        worker=worker,
    )
