"""Composition root and command line: everything real is made here and handed on.

``open_agent`` builds the agent around given settings (tests hand in another clock or source);
``main`` is what ``python app.py`` runs.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp
from aiohttp import web

from api.app import build_api, build_outbox
from api.entra import EntraTokens
from api.guard import Guard
from api.serving import Site, listen
from api.wired import About, ApiServices
from bot.adapter import TeamsAdapter
from bot.alerts import TeamsNotifier
from bot.authenticator import Authenticator
from bot.cards_in_progress import CardsInProgress
from bot.chat import Chat
from bot.client import open_client
from bot.commands import COMMANDS
from bot.connector import TEAMS_PACE, Connector, Pace
from bot.endpoint import Endpoint
from bot.files import Files
from bot.people import People
from bot.replies import Replies
from bot.turns import CostBot, TurnServices
from cli.check import without_mongodb
from cli.commands import CLI_COMMANDS
from cli.outbox import outbox
from cli.parser import build_parser
from cli.serve import DRAIN_SECONDS, Serving
from cli.serve import serve as serve_agent
from cli.wired import Wired
from services.adapters.background import Background
from services.adapters.datadog import HOW_TO_CONNECT, DatadogSource
from services.adapters.disk import Disk
from services.adapters.embedded_mongo.server import start_embedded
from services.adapters.entra_tokens import EntraSignIn
from services.adapters.graph import GraphTransport
from services.adapters.logs import configure_logging
from services.adapters.metrics import Metrics
from services.adapters.outbox import OutboxTransport
from services.adapters.sample import SampleSource, sample_teams
from services.adapters.secrets import FernetBox
from services.adapters.smtp import SmtpTransport, Timeouts
from services.adapters.store import MongoStore
from services.adapters.ticker import Ticker
from services.adapters.worker_identity import is_worker_dead, worker_name
from services.administration.api_keys import ApiKeys
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.administration.conversations import Conversations
from services.administration.roles import Roles
from services.alerts import AlertRounds
from services.alerts.run_trouble import RunTrouble
from services.anomalies.backtest import Backtester
from services.anomalies.listing import AnomalyList
from services.anomalies.resolutions import Resolutions
from services.anomalies.what_if import WhatIfCalculator
from services.application.build import Process, Reading, build_engine
from services.costs.history import CostHistoryReader
from services.costs.rows import CostRowReader
from services.domain import Anomaly
from services.domain.errors import AgentError, StoreUnavailableError
from services.mailing.delivery_outcomes import SenderSettings
from services.mailing.notices import Notices
from services.mailing.transports import Transports
from services.operations.after_restore import AfterRestore
from services.operations.diagnostics import Diagnostics
from services.operations.erasure import Erasure
from services.operations.health import Health
from services.operations.metrics_snapshot import MetricsReader
from services.operations.undo import Undo
from services.ports import Clock, CostSource, Meter
from services.runs.scheduler import Scheduler
from services.runtime.shutdown import Shutdown
from services.runtime.timeouts import PRODUCTION, Timing
from services.settings import Settings, load_settings

VERSION = "0.1.0"


def utc_now() -> datetime:
    """The clock of the world."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Agent:
    """The whole agent, wired."""

    settings: Settings
    wired: Wired
    api: web.Application
    background: Background
    ticker: Ticker
    tick: Callable[[], Awaitable[None]]
    """What the clock does at each tick, for whoever brings a clock of its own."""
    roles: Roles
    cards_in_progress: CardsInProgress
    alerts: AlertRounds
    guard: Guard


@dataclass(frozen=True, slots=True)
class Outside:
    """What talks to the world and lives as long as the agent."""

    store: MongoStore
    source: CostSource
    http: aiohttp.ClientSession
    sign_in: EntraSignIn
    background: Background
    clock: Clock
    pace: Pace
    timing: Timing
    smtp_timeouts: Timeouts
    metrics: Metrics


def make_source(settings: Settings, meter: Meter) -> CostSource:
    """Datadog when its keys are set, else the sample."""
    if settings.datadog.active:
        return DatadogSource(settings.datadog, meter=meter)
    return SampleSource(how_to_connect=HOW_TO_CONNECT)


@asynccontextmanager
async def open_agent(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    source_of: Callable[[Settings, Meter], CostSource] = make_source,
    mail_sample_data: bool = False,
    pace: Pace = TEAMS_PACE,
    timing: Timing = PRODUCTION,
    smtp_timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
) -> AsyncIterator[Agent]:
    """Connects to everything and wires it; closes it in the reverse order.

    Tests of dying workers hand in shorter waits.
    """
    async with AsyncExitStack() as stack:
        url = await _mongo_url(settings, stack)
        store = MongoStore(url, settings.mongo.database)
        stack.push_async_callback(store.aclose)
        await store.prepare()
        metrics = Metrics()
        source = source_of(settings, metrics)
        metrics.identify(VERSION, source.description.name)
        stack.push_async_callback(source.aclose)
        http = await stack.enter_async_context(open_client(metrics))
        sign_in = EntraSignIn(clock, metrics)
        stack.push_async_callback(sign_in.aclose)
        outside = Outside(
            store, source, http, sign_in, Background(), clock, pace, timing, smtp_timeouts, metrics
        )
        agent = _wire(settings, outside, mail_sample_data)
        stack.push_async_callback(agent.wired.sender.settle)
        if source.description.is_sample:
            await store.teams.seed_samples(sample_teams(clock()))
        yield agent


async def _mongo_url(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.mongo.url is not None:
        return settings.mongo.url.get_secret_value()
    embedded = await stack.enter_async_context(start_embedded(settings.server.data_dir))
    return embedded.url


def _wire(settings: Settings, outside: Outside, mail_sample_data: bool) -> Agent:
    store, background = outside.store, outside.background
    source = outside.source.description
    clock, owner = outside.clock, worker_name()
    hours = settings.costs.complete_after_hours
    if hours is None:
        hours = source.complete_after_hours
    box = FernetBox(
        settings.server.secret_key,
        settings.server.data_dir,
        key_file_allowed=settings.mongo.url is None,
    )
    config = Config(store.config, AuditTrail(store.audit_entries), box, settings.smtp)
    outbox = OutboxTransport(settings.server.outbox_dir)
    transports = Transports(
        config,
        source.name,
        outbox,
        {
            "smtp": lambda chosen: SmtpTransport(
                chosen, outside.smtp_timeouts, tokens=outside.sign_in.for_email(chosen)
            ),
            "graph": lambda chosen: GraphTransport(chosen, outside.sign_in.for_email(chosen)),
        },
        sample_confirmed=mail_sample_data,
    )
    engine = build_engine(
        store,
        outside.source,
        config,
        transports,
        Process(owner, clock, is_worker_dead, Shutdown(), outside.timing, outside.metrics),
        reading=Reading(hours),
        teams_app=settings.teams_app.app_id is not None,
        sending=SenderSettings(settings.smtp.when_unsure),
    )
    audit, teams, costs, plans = engine.audit, engine.teams, engine.costs, engine.plans
    floors = engine.floors
    runs, reports = engine.runs, engine.reports
    bot_tokens = outside.sign_in.for_bot(settings.teams_app)
    connector = Connector(outside.http, bot_tokens, pace=outside.pace)
    notifier = TeamsNotifier(connector)
    alerts = AlertRounds(
        alerts=store.alerts,
        anomalies=store.anomalies,
        conversations=store.conversations,
        notifier=notifier,
        notices=Notices(
            runs=store.runs,
            ledger=store.deliveries,
            config=config,
            transports=transports,
            source=source.name,
        ),
        reports=reports,
        teams=teams,
        config=config,
        floors=floors,
        trouble=RunTrouble(store.runs, store.deliveries, source.name),
        source=source.name,
        timing=outside.timing,
    )
    scheduler = Scheduler(
        config=config,
        runs=runs,
        store=store.runs,
        worker=engine.worker,
        costs=costs,
        reports=reports,
        teams=teams,
        source=source.name,
        clock=clock,
        start=background.start,
        send_alerts=alerts.tick,
    )
    cards_in_progress = CardsInProgress(
        connector=connector,
        store=store.cards_in_progress,
        runs=runs,
        start=background.start,
        clock=clock,
        owner=owner,
        is_worker_dead=is_worker_dead,
    )

    async def tick() -> None:
        background.start("cards", cards_in_progress.resume())
        await scheduler.tick()

    ticker = Ticker(tick, background.start, clock)
    api_keys = ApiKeys(store.api_keys, audit)
    local = settings.teams_app.app_id is None
    roles = Roles(store.admins, audit, settings.teams_app.admin_ids, local=local)
    wired = Wired(
        source=source.name,
        teams=teams,
        runs=runs,
        planner=engine.planner,
        worker=engine.worker,
        sender=engine.sender,
        transports=transports,
        check=Diagnostics(
            store=store,
            costs=outside.source,
            transports=transports,
            app_id=settings.teams_app.app_id,
            bot_tokens=bot_tokens,
            folder=Disk(settings.server.data_dir),
            embedded=settings.mongo.url is None,
        ),
        api_keys=api_keys,
        privacy=Erasure(
            traces=store.erasure,
            teams=store.teams,
            config=config,
            roles=roles,
            runs=store.runs,
            outbox=outbox,
            audit=audit,
        ),
        restoring=AfterRestore(store.restored, store.config, audit),
        backtests=Backtester(
            costs=costs,
            store=store.costs,
            teams=teams,
            config=config,
            complete_after_hours=hours,
        ),
        clock=clock,
        outbox_folder=str(settings.server.outbox_dir),
    )
    previews = engine.previews
    health = Health(store, ticker, since=clock())
    conversations = Conversations(store.conversations, audit)
    people = People(connector, clock, local=local)
    anomaly_list = AnomalyList(store.anomalies, teams, source.name)
    resolutions = Resolutions(store.anomalies, store.alerts, audit, source.name)
    chat = Chat(
        teams=teams,
        config=config,
        previews=previews,
        histories=CostHistoryReader(costs, store.costs, source.name),
        what_ifs=WhatIfCalculator(
            costs=costs,
            store=store.costs,
            teams=teams,
            config=config,
            source=source.name,
            complete_after_hours=hours,
        ),
        plans=plans,
        floors=floors,
        anomalies=anomaly_list,
        resolutions=resolutions,
        alerts=alerts,
        runs=runs,
        costs=costs,
        audit=audit,
        changes=Undo(audit, teams, config, floors),
        conversations=conversations,
        roles=roles,
        people=people,
        health=health,
        files=Files(outside.http),
        pending=store.pending_imports,
        poster=notifier,
        work_on_run=scheduler.work,
        notify=scheduler.send_alerts,
        start=background.start,
        source=source,
    )
    turn_services = TurnServices(
        roles=roles,
        people=people,
        conversations=conversations,
        chat=chat,
        replies=Replies(cards_in_progress, background.start),
        clock=clock,
        source=source,
    )
    endpoint = Endpoint(
        TeamsAdapter(connector),
        Authenticator(settings.teams_app, outside.http, clock),
        CostBot(COMMANDS, turn_services).on_turn,
        background.start,
    )

    def show(anomaly: Anomaly) -> None:
        background.start(f"cards {anomaly.id}", alerts.refresh(anomaly, clock()))

    guard = Guard(
        api_keys,
        EntraTokens(settings.teams_app, outside.http, clock)
        if settings.teams_app.api_audience is not None
        else None,
        clock,
        messages_authenticate=not local,
    )
    api = build_api(
        ApiServices(
            teams=teams,
            config=config,
            cost_rows=CostRowReader(costs, store.costs, teams, source.name),
            anomalies=anomaly_list,
            resolutions=resolutions,
            show=show,
            previews=previews,
            runs=runs,
            work=scheduler.work,
            health=health,
            watch=MetricsReader(
                health=health,
                runs=store.runs,
                deliveries=store.deliveries,
                costs=store.costs,
                anomalies=store.anomalies,
                teams=teams,
                source=source.name,
            ),
            metrics=outside.metrics,
            outbox=outbox,
            clock=clock,
            about=About(version=VERSION, source=source.name),
        ),
        guard,
        endpoint.handle,
        outside.metrics,
    )
    return Agent(
        settings, wired, api, background, ticker, tick, roles, cards_in_progress, alerts, guard
    )


def log_as_set(settings: Settings, *, beside_progress: bool = False) -> None:
    """Logs at the level that is set; only errors beside a progress bar."""
    level = settings.server.log_level
    configure_logging(
        "ERROR" if beside_progress and level != "DEBUG" else level,
        settings.server.log_format,
        settings.secrets(),
    )


async def serve(
    settings: Settings, *, with_first_report: bool, grace: float = DRAIN_SECONDS
) -> int:
    """Serves all doors until told to stop."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Serving]:
        async with open_agent(settings) as agent:
            yield Serving(
                wired=agent.wired,
                roles=agent.roles,
                ticker=agent.ticker,
                site_on=partial(Site, agent.api),
                locked=agent.guard.locked,
                resume=agent.cards_in_progress.resume,
                drain=agent.background.drain,
                log_fully=partial(log_as_set, settings),
            )

    return await serve_agent(
        settings,
        opened,
        partial(listen, settings.server),
        with_first_report=with_first_report,
        grace=grace,
    )


async def outbox_only(settings: Settings) -> int:
    """Serves only the pages of captured mails."""
    app = build_outbox(OutboxTransport(settings.server.outbox_dir))
    return await outbox(settings.server.host, partial(listen, settings.server), partial(Site, app))


async def run_command(settings: Settings, args: argparse.Namespace) -> int:
    """Runs one command to its end; its exit code."""
    if args.command in {None, "serve"}:
        return await serve(settings, with_first_report=getattr(args, "first_report", False))
    if args.command == "outbox":
        return await outbox_only(settings)
    confirmed = getattr(args, "mail_sample_data", False)
    try:
        async with open_agent(settings, mail_sample_data=confirmed) as agent:
            return await CLI_COMMANDS[args.command](agent.wired, args)
    except StoreUnavailableError as error:
        if args.command != "check":
            raise
        return without_mongodb(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; errors with a sentence for people end in one line and exit code 1."""
    args = build_parser().parse_args(arguments)
    try:
        settings = load_settings()
        serving = args.command in {None, "serve"}
        with_bar = not serving or getattr(args, "first_report", False)
        log_as_set(settings, beside_progress=with_bar)
        return asyncio.run(run_command(settings, args))
    except AgentError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
