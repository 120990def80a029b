"""Composition root and command line: everything real is made here and handed on.

``open_agent`` builds the agent around given settings (tests hand in another clock or source);
``main`` is what ``python app.py`` runs.
"""

import argparse
import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from api.app import build_api, build_outbox
from api.entra import EntraTokens
from api.guard import Guard
from api.server import Runner
from api.wired import About, ApiServices
from bot.adapter import TeamsAdapter
from bot.alerts import TeamsNotifier
from bot.authenticator import Authenticator
from bot.chat import Chat
from bot.commands import COMMANDS
from bot.connector import TEAMS_PACE, Connector, Pace
from bot.endpoint import Endpoint
from bot.files import Files
from bot.long_work import LongWork
from bot.people import People
from bot.tokens import Tokens
from bot.turns import CostBot, TurnServices
from cli.check import without_mongodb
from cli.commands import COMMANDS_OF_THE_LINE
from cli.parser import build_parser
from cli.serve import announce, first_report
from cli.wired import Wired
from services.adapters.background import Background
from services.adapters.datadog import DatadogSource
from services.adapters.disk import Disk
from services.adapters.embedded import start_embedded
from services.adapters.graph import GraphTransport
from services.adapters.logs import configure_logging
from services.adapters.mail import SmtpTransport, Timeouts
from services.adapters.mail_oauth import MailTokens
from services.adapters.metrics import Metrics
from services.adapters.outbox import OutboxTransport
from services.adapters.processes import surely_gone, worker_name
from services.adapters.sample import SampleSource, sample_teams
from services.adapters.secrets import FernetBox
from services.adapters.store import MongoStore
from services.adapters.ticker import Ticker
from services.alerts import Alerts
from services.anomaly_list import AnomalyList
from services.api_keys import ApiKeys
from services.audit import Audit
from services.backtests import Backtests
from services.changes import Changes
from services.check import Check
from services.clockwork import Clockwork
from services.config import Config
from services.conversations import Conversations
from services.cost_rows import CostRows
from services.engine import Process, Reading, build_engine
from services.errors import AgentError, SettingsError, StoreUnavailableError
from services.health import Health
from services.histories import Histories
from services.model import Anomaly
from services.notices import Notices
from services.ports import Clock, CostSource, Meter
from services.privacy import Privacy
from services.resolutions import Resolutions
from services.restoring import Restoring
from services.roles import Roles
from services.sending import SenderSettings
from services.settings import Settings, is_loopback, load_settings
from services.stopping import Stop
from services.timing import PRODUCTION, Timing
from services.transports import Transports
from services.watch import Watch
from services.watchdog import Watchdog
from services.what_if import WhatIfs

log = structlog.get_logger()

VERSION = "0.1.0"

DRAIN_SECONDS = 20.0
"""How long work in hand may last after a signal to stop."""


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
    long_work: LongWork
    alerts: Alerts
    guard: Guard


@dataclass(frozen=True, slots=True)
class Outside:
    """What talks to the world and lives as long as the agent."""

    store: MongoStore
    source: CostSource
    http: aiohttp.ClientSession
    mail_tokens: MailTokens
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
    return SampleSource()


@asynccontextmanager
async def open_agent(
    settings: Settings,
    *,
    clock: Clock = utc_now,
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
        metrics = Metrics(VERSION, "datadog" if settings.datadog.active else "sample")
        source = make_source(settings, metrics)
        stack.push_async_callback(source.aclose)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[_counted(metrics)]
            )
        )
        tokens = MailTokens(clock)
        stack.push_async_callback(tokens.aclose)
        outside = Outside(
            store, source, http, tokens, Background(), clock, pace, timing, smtp_timeouts, metrics
        )
        agent = _wire(settings, outside, mail_sample_data)
        stack.push_async_callback(agent.wired.sender.settle)
        if source.name == "sample":
            await store.teams.seed_samples(sample_teams(clock()))
        yield agent


async def _mongo_url(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.mongo.url is not None:
        return settings.mongo.url.get_secret_value()
    embedded = await stack.enter_async_context(start_embedded(settings.server.data_dir))
    return embedded.url


def _wire(settings: Settings, outside: Outside, mail_sample_data: bool) -> Agent:
    store, source, background = outside.store, outside.source, outside.background
    clock, owner = outside.clock, worker_name()
    hours = settings.costs.complete_after_hours
    box = FernetBox(
        settings.server.secret_key,
        settings.server.data_dir,
        key_file_allowed=settings.mongo.url is None,
    )
    config = Config(store.config, Audit(store.audit), box, settings.smtp)
    outbox = OutboxTransport(settings.server.outbox_dir)
    transports = Transports(
        config,
        source.name,
        outbox,
        {
            "smtp": lambda chosen: SmtpTransport(
                chosen, outside.smtp_timeouts, tokens=outside.mail_tokens
            ),
            "graph": lambda chosen: GraphTransport(chosen, outside.mail_tokens),
        },
        sample_confirmed=mail_sample_data,
    )
    engine = build_engine(
        store,
        source,
        config,
        transports,
        Process(owner, clock, surely_gone, Stop(), outside.timing, outside.metrics),
        reading=Reading(settings.datadog.accounts_per_query, hours),
        teams_app=settings.teams_app.app_id is not None,
        sending=SenderSettings(settings.smtp.when_unsure),
    )
    audit, teams, costs, plans = engine.audit, engine.teams, engine.costs, engine.plans
    floors = engine.floors
    runs, maker = engine.runs, engine.maker
    tokens = Tokens(settings.teams_app, outside.http, clock)
    connector = Connector(outside.http, tokens, pace=outside.pace)
    notifier = TeamsNotifier(connector)
    alerts = Alerts(
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
        maker=maker,
        teams=teams,
        config=config,
        floors=floors,
        watchdog=Watchdog(store.runs, store.deliveries, source.name),
        source=source.name,
        timing=outside.timing,
    )
    clockwork = Clockwork(
        config=config,
        runs=runs,
        store=store.runs,
        worker=engine.worker,
        costs=costs,
        maker=maker,
        teams=teams,
        source=source.name,
        clock=clock,
        start=background.start,
        tell=alerts.tick,
    )
    long_work = LongWork(
        connector=connector,
        cards=store.open_cards,
        runs=runs,
        start=background.start,
        clock=clock,
        owner=owner,
        gone=surely_gone,
    )

    async def tick() -> None:
        background.start("cards", long_work.resume())
        await clockwork.tick()

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
        check=Check(
            store=store,
            costs=source if isinstance(source, DatadogSource) else None,
            transports=transports,
            app_id=settings.teams_app.app_id,
            bot=tokens,
            folder=Disk(settings.server.data_dir),
            embedded=settings.mongo.url is None,
        ),
        api_keys=api_keys,
        privacy=Privacy(
            traces=store.traces,
            teams=store.teams,
            config=config,
            roles=roles,
            runs=store.runs,
            outbox=outbox,
            audit=audit,
        ),
        restoring=Restoring(store.restored, store.config, audit),
        backtests=Backtests(
            costs=costs,
            store=store.costs,
            teams=teams,
            config=config,
            complete_after_hours=hours,
        ),
        clock=clock,
        outbox_folder=str(settings.server.outbox_dir),
    )
    reports = engine.reports
    health = Health(store, ticker, since=clock())
    conversations = Conversations(store.conversations, audit)
    people = People(connector, clock, local=local)
    anomaly_list = AnomalyList(store.anomalies, teams, source.name)
    resolutions = Resolutions(store.anomalies, store.alerts, audit, source.name)
    chat = Chat(
        teams=teams,
        config=config,
        reports=reports,
        histories=Histories(costs, store.costs, source.name),
        what_ifs=WhatIfs(
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
        changes=Changes(audit, teams, config, floors),
        conversations=conversations,
        roles=roles,
        people=people,
        health=health,
        files=Files(outside.http),
        pending=store.pending_imports,
        poster=notifier,
        work=clockwork.work,
        tell=clockwork.tell,
        start=background.start,
        source=source.name,
    )
    turn_services = TurnServices(
        roles=roles,
        people=people,
        conversations=conversations,
        chat=chat,
        long_work=long_work,
        clock=clock,
        sample=source.name == "sample",
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
            cost_rows=CostRows(costs, store.costs, teams, source.name),
            anomalies=anomaly_list,
            resolutions=resolutions,
            show=show,
            reports=reports,
            runs=runs,
            work=clockwork.work,
            health=health,
            watch=Watch(
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
    return Agent(settings, wired, api, background, ticker, tick, roles, long_work, alerts, guard)


def log_as_set(settings: Settings, *, beside_progress: bool = False) -> None:
    """Logs at the level that is set; only errors beside a progress bar."""
    level = settings.server.log_level
    configure_logging(
        "ERROR" if beside_progress and level != "DEBUG" else level,
        settings.server.log_format,
        settings.secrets(),
    )


def _counted(meter: Meter) -> aiohttp.TraceConfig:
    """Counts the requests of the one HTTP client: to Teams, and to who signs in to it."""

    async def begin(_: Any, context: Any, params: Any) -> None:
        context.began = time.perf_counter()

    async def end(_: Any, context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        count(context, params.url, str(params.response.status))

    async def fail(_: Any, context: Any, params: aiohttp.TraceRequestExceptionParams) -> None:
        count(context, params.url, "error")

    def count(context: Any, url: URL, outcome: str) -> None:
        upstream = "teams" if "/v3/" in url.path else "identity"
        meter.asked(upstream, outcome, time.perf_counter() - context.began)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(begin)
    config.on_request_end.append(end)
    config.on_request_exception.append(fail)
    return config


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; SettingsError when it cannot be opened."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port} ({_reason(error)}). Stop the program that has the "
            "port, or set PORT to a free one."
        ) from error


def _reason(error: OSError) -> str:
    """Python adds to the system's words the address, which the sentence names already."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


async def serve(
    settings: Settings, *, with_first_report: bool, grace: float = DRAIN_SECONDS
) -> int:
    """Serves until SIGINT or SIGTERM, then lets work in hand end for ``grace`` seconds."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        # Where a protection must be shown first, the agent is opened first; else the door, as a
        # taken port should begin nothing.
        here = is_loopback(settings.server.host)
        door = stack.enter_context(listen(settings)) if here else None
        agent = await stack.enter_async_context(open_agent(settings))
        if door is None:
            await _must_be_protected(agent)
            door = stack.enter_context(listen(settings))
        await _serve(agent, door, stop, with_first_report=with_first_report, grace=grace)
    log.info("stopping", step="connections are closed")
    return 0


async def _must_be_protected(agent: Agent) -> None:
    """SettingsError when neither door asks who comes from the network."""
    if agent.settings.teams_app.app_id is None and not await agent.guard.locked():
        raise SettingsError(
            f"HOST={agent.settings.server.host} would open the agent to the network while nothing "
            "protects it. Set HOST=127.0.0.1, create an API key with `api-key create`, or set "
            "MicrosoftAppId to use Teams with sign-in."
        )


async def _serve(
    agent: Agent,
    door: socket.socket,
    stop: asyncio.Event,
    *,
    with_first_report: bool,
    grace: float,
) -> None:
    runner = Runner(agent.api, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await web.SockSite(runner, door).start()
        if with_first_report:
            await _unless(stop, first_report(agent.wired))
            log_as_set(agent.settings)
        agent.ticker.start()
        await agent.long_work.resume()
        # What the start has made stays; looking through it would hold everybody up.
        gc.collect()
        gc.freeze()
        host, port = door.getsockname()[:2]
        announce(
            agent.wired,
            f"http://{f'[{host}]' if ':' in host else host}:{port}",
            agent.settings.teams_app.app_id,
            await _first_admin_code(agent.roles),
            locked=await agent.guard.locked(),
        )
        await stop.wait()
    finally:
        for site in list(runner.sites):
            await site.stop()
        log.info("stopping", step="no new requests")
        agent.ticker.stop()
        agent.wired.sender.stop()
        log.info("stopping", step="no new work")
        await runner.cleanup()
        await agent.background.drain(grace)
        log.info("stopping", step="work in hand is settled")


async def _first_admin_code(roles: Roles) -> str | None:
    """The code that makes whoever sends it the first admin, while there is none."""
    if not await roles.needs_first_admin():
        return None
    code = "-".join(f"{secrets.randbelow(10_000):04d}" for _ in range(3))
    roles.offer_code(code)
    return code


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Does some work, and ends it when told to stop."""
    task = asyncio.create_task(work, name="first report")
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    finally:
        stopped.cancel()


async def outbox_only(settings: Settings) -> int:
    """Serves only the page of captured mails."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    if not is_loopback(settings.server.host):
        raise SettingsError(
            f"HOST={settings.server.host} would show the captured mails to the network. Set "
            "HOST=127.0.0.1."
        )
    outbox = OutboxTransport(settings.server.outbox_dir)
    with listen(settings) as door:
        runner = Runner(build_outbox(outbox), access_log=None)
        await runner.setup()
        await web.SockSite(runner, door).start()
        host, port = door.getsockname()[:2]
        print(f"Outbox     http://{host}:{port}/outbox\nStop with Ctrl-C.", flush=True)
        await stop.wait()
        await runner.cleanup()
    return 0


async def run_command(settings: Settings, args: argparse.Namespace) -> int:
    """Runs one command to its end; its exit code."""
    if args.command in {None, "serve"}:
        return await serve(settings, with_first_report=getattr(args, "first_report", False))
    if args.command == "outbox":
        return await outbox_only(settings)
    confirmed = getattr(args, "mail_sample_data", False)
    try:
        async with open_agent(settings, mail_sample_data=confirmed) as agent:
            return await COMMANDS_OF_THE_LINE[args.command](agent.wired, args)
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
