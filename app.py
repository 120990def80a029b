"""Composition root and command line: picks the adapters and puts the agent together.

``open_agent`` builds the agent around given settings (tests hand in another clock or source);
``main`` is what ``python app.py`` runs.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from api.app import build_outbox
from api.build import build_guard, build_rest
from api.guard import Guard
from api.serving import Site, listen
from bot.build import Bot, TeamsClient
from bot.build import build as build_bot
from bot.client import open_client
from bot.pacing import TEAMS_PACE, Pace
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
from services.adapters.embedded_mongo import start_embedded
from services.adapters.entra_tokens import EntraSignIn
from services.adapters.graph import GraphTransport
from services.adapters.logs import configure_logging
from services.adapters.metrics import Metrics
from services.adapters.outbox import OutboxTransport
from services.adapters.sample import SampleSource, sample_teams
from services.adapters.secrets import FernetBox
from services.adapters.smtp import SmtpTimeouts, SmtpTransport
from services.adapters.store import MongoStore
from services.adapters.ticker import Ticker
from services.adapters.worker_identity import is_worker_dead, worker_name
from services.application import Adapters, Application, Mail, Options, Probes, build
from services.domain.errors import AgentError, StoreUnavailableError
from services.ports import Clock, CostSource, Meter
from services.runtime.context import Context
from services.runtime.timeouts import PRODUCTION, Timing
from services.settings import Settings, load_settings

VERSION = "0.1.0"


def utc_now() -> datetime:
    """The clock of the world."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Agent:
    """The application with its interfaces, and what makes it work in the background."""

    app: Application
    bot: Bot
    rest: web.Application
    guard: Guard
    background: Background
    ticker: Ticker
    outbox_folder: str

    @property
    def wired(self) -> Wired:
        """What commands of the command line work with."""
        return Wired(self.app, self.outbox_folder)

    async def tick(self) -> None:
        """Do what the ticker does, for callers that bring a clock of their own."""
        self.background.start("cards", self.bot.cards_in_progress.resume())
        await self.app.runs.scheduler.tick()


def make_source(settings: Settings, meter: Meter) -> CostSource:
    """Return Datadog when its keys are set, else the sample."""
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
    smtp_timeouts: SmtpTimeouts = SmtpTimeouts(),  # noqa: B008 - frozen
) -> AsyncIterator[Agent]:
    """Connect to everything and build the agent; close it in the reverse order.

    Tests of dying workers hand in shorter waits.
    """
    async with AsyncExitStack() as stack:
        store = MongoStore(await _mongo_url(settings, stack), settings.mongo.database)
        stack.push_async_callback(store.aclose)
        await store.prepare()
        metrics = Metrics()
        source = source_of(settings, metrics)
        stack.push_async_callback(source.aclose)
        metrics.identify(VERSION, source.description.name)
        http = await stack.enter_async_context(open_client(metrics))
        sign_in = EntraSignIn(clock, metrics)
        stack.push_async_callback(sign_in.aclose)
        client = TeamsClient(http, sign_in.for_bot(settings.teams_app), pace)
        context = Context(
            source.description,
            clock,
            worker_name(),
            is_worker_dead,
            timing=timing,
            metrics=metrics,
        )
        outbox = OutboxTransport(settings.server.outbox_dir)
        mail = _mail(outbox, sign_in, smtp_timeouts)
        agent = _build(
            settings,
            store,
            source,
            client,
            mail,
            outbox,
            context,
            metrics,
            confirmed=mail_sample_data,
        )
        stack.push_async_callback(agent.app.mailing.sender.settle)
        if source.description.is_sample:
            await store.teams.seed_samples(sample_teams(clock()))
        yield agent


async def _mongo_url(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.mongo.url is not None:
        return settings.mongo.url.get_secret_value()
    embedded = await stack.enter_async_context(start_embedded(settings.server.data_dir))
    return embedded.url


def _mail(outbox: OutboxTransport, sign_in: EntraSignIn, timeouts: SmtpTimeouts) -> Mail:
    return Mail(
        outbox,
        {
            "smtp": lambda smtp: SmtpTransport(smtp, timeouts, tokens=sign_in.for_email(smtp)),
            "graph": lambda smtp: GraphTransport(smtp, sign_in.for_email(smtp)),
        },
    )


def _build(
    settings: Settings,
    store: MongoStore,
    source: CostSource,
    client: TeamsClient,
    mail: Mail,
    outbox: OutboxTransport,
    context: Context,
    metrics: Metrics,
    *,
    confirmed: bool,
) -> Agent:
    background = Background()
    ticker = Ticker(background.start, context.clock)
    adapters = Adapters(
        store=store,
        source=source,
        mail=mail,
        secrets=FernetBox(
            settings.server.secret_key,
            settings.server.data_dir,
            key_file_allowed=settings.mongo.url is None,
        ),
        notifier=client.notifier,
        start=background.start,
        probes=Probes(ticker, Disk(settings.server.data_dir), client.tokens),
    )
    options = Options.of(settings, source.description, sample_mail_confirmed=confirmed)
    app = build(adapters, options, context)
    bot = build_bot(app, client, store, settings.teams_app, background.start)
    guard = build_guard(app, settings.teams_app, client.http)
    rest = build_rest(app, guard, bot.handle, outbox, metrics, background.start, VERSION)
    agent = Agent(app, bot, rest, guard, background, ticker, str(settings.server.outbox_dir))
    ticker.on_tick(agent.tick)
    return agent


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
                roles=agent.app.administration.roles,
                ticker=agent.ticker,
                site_on=partial(Site, agent.rest),
                locked=agent.guard.locked,
                resume=agent.bot.cards_in_progress.resume,
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
