"""Composition root: picks the adapters and puts the agent together; ``python app.py`` runs it."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from api.app import build_outbox
from api.build import Pages, build_guard, build_rest
from api.guard import Guard
from api.serving import Site, listen
from bot.build import Bot, TeamsClient, build_bot, open_teams_client
from bot.pacing import TEAMS_PACE, Pace
from cli.main import Program, run_cli
from cli.outbox import outbox
from cli.serve import DRAIN_SECONDS, Server
from cli.serve import serve as serve_agent
from services.adapters.background import Background
from services.adapters.datadog import HOW_TO_CONNECT, DatadogSource
from services.adapters.disk import Disk
from services.adapters.embedded_mongo import start_embedded
from services.adapters.entra_tokens import EntraSignIn
from services.adapters.graph import GraphTransport
from services.adapters.logs import log_as_set
from services.adapters.metrics import Metrics
from services.adapters.outbox import OutboxTransport
from services.adapters.sample import SampleSource, sample_teams
from services.adapters.secrets import FernetBox
from services.adapters.smtp import SmtpTimeouts, SmtpTransport
from services.adapters.store import MongoStore
from services.adapters.ticker import Ticker
from services.adapters.worker_identity import is_worker_dead, worker_name
from services.application import Adapters, Application, Mail, Options, Probes, build
from services.ports import CostSource, MailTransport, Meter
from services.runtime.context import Context, Pacing
from services.runtime.server_clock import ClockOf, ServerClock
from services.runtime.timeouts import PRODUCTION, Timing
from services.settings import Settings, SmtpSettings

VERSION = "0.1.0"
SourceOf = Callable[[Settings, Meter], CostSource]


@dataclass(frozen=True, slots=True)
class Agent:
    """The application with its interfaces, and what makes it work in the background."""

    app: Application
    bot: Bot
    rest: web.Application
    guard: Guard
    background: Background
    ticker: Ticker

    async def locked(self) -> bool:
        return await self.guard.locked()

    async def resume(self) -> None:
        await self.bot.cards_in_progress.resume()

    async def tick(self) -> None:
        """Run one tick, also for callers that have a clock of their own."""
        self.background.start("cards", self.resume())
        await self.app.runs.scheduler.tick()


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections to outside systems, open as long as the agent runs."""

    store: MongoStore
    clock: ServerClock
    source: CostSource
    teams: TeamsClient
    sign_in: EntraSignIn
    metrics: Metrics


def make_source(settings: Settings, meter: Meter) -> CostSource:
    """Return Datadog when its keys are set, else the sample."""
    if settings.datadog.is_configured:
        return DatadogSource(settings.datadog, meter=meter, proxies=settings.proxies)
    return SampleSource(how_to_connect=HOW_TO_CONNECT)


@asynccontextmanager
async def open_agent(
    settings: Settings,
    *,
    clock_of: ClockOf = ServerClock,
    source_of: SourceOf = make_source,
    mail_sample_data: bool = False,
    pace: Pace = TEAMS_PACE,
    timing: Timing = PRODUCTION,
    smtp_timeouts: SmtpTimeouts = SmtpTimeouts(),  # noqa: B008 - frozen
) -> AsyncIterator[Agent]:
    """Connect to everything and build the agent; close it in the reverse order."""
    async with AsyncExitStack() as stack:
        outside = await _connect(settings, stack, clock_of, source_of, pace)
        source, clock = outside.source.description, outside.clock
        context = Context(
            source,
            clock.now,
            worker_name(),
            is_worker_dead,
            timing=timing,
            metrics=outside.metrics,
            pacing=Pacing(skew=clock.skew),
        )
        options = Options.of(settings, source, sample_mail_confirmed=mail_sample_data)
        agent = _build(settings, outside, options, context, smtp_timeouts)
        stack.push_async_callback(agent.app.mailing.sender.settle)
        if source.is_sample:
            await outside.store.teams.seed_samples(sample_teams(clock.now()))
        yield agent


async def _connect(
    settings: Settings, stack: AsyncExitStack, clock_of: ClockOf, source_of: SourceOf, pace: Pace
) -> Connections:
    Disk(settings.server.data_dir).close_to_others()
    url = settings.mongo.url.get_secret_value() if settings.mongo.url else None
    if url is None:
        url = (await stack.enter_async_context(start_embedded(settings.server.data_dir))).url
    store = MongoStore(url, settings.mongo.database)
    stack.push_async_callback(store.aclose)
    await store.prepare()
    clock = await stack.enter_async_context(clock_of(store.server_time).running())
    metrics = Metrics()
    source = source_of(settings, metrics)
    stack.push_async_callback(source.aclose)
    metrics.identify(VERSION, source.description.name)
    sign_in = EntraSignIn(clock.now, metrics, settings.proxies)
    stack.push_async_callback(sign_in.aclose)
    teams = open_teams_client(metrics, settings.proxies, sign_in.for_bot(settings.teams_app), pace)
    client = await stack.enter_async_context(teams)
    return Connections(store, clock, source, client, sign_in, metrics)


def _build(
    settings: Settings,
    outside: Connections,
    options: Options,
    context: Context,
    smtp_timeouts: SmtpTimeouts,
) -> Agent:
    server, sign_in, client = settings.server, outside.sign_in, outside.teams
    outbox, background = OutboxTransport(server.outbox_dir), Background()
    ticker = Ticker(background.start, context.clock)

    def smtp(chosen: SmtpSettings) -> MailTransport:
        return SmtpTransport(chosen, smtp_timeouts, tokens=sign_in.for_email(chosen))

    def graph(chosen: SmtpSettings) -> MailTransport:
        return GraphTransport(chosen, sign_in.for_email(chosen), settings.proxies)

    secrets = FernetBox(
        server.secret_key, server.data_dir, key_file_allowed=settings.mongo.url is None
    )
    adapters = Adapters(
        store=outside.store,
        source=outside.source,
        mail=Mail(outbox, {"smtp": smtp, "graph": graph}),
        secrets=secrets,
        notifier=client.notifier,
        start=background.start,
        probes=Probes(ticker, Disk(server.data_dir), client.tokens),
    )
    app = build(adapters, options, context)
    bot = build_bot(app, client, outside.store, settings.teams_app, background.start)
    guard = build_guard(app, settings.teams_app, client.http)
    pages = Pages(outbox, outside.metrics, VERSION)
    rest = build_rest(app, guard, bot.handle, pages, background.start)
    agent = Agent(app, bot, rest, guard, background, ticker)
    ticker.on_tick(agent.tick)
    return agent


async def serve(settings: Settings, *, first_report: bool, grace: float = DRAIN_SECONDS) -> int:
    """Serve all interfaces until a stop is requested."""
    server = Server(partial(listen, settings.server), Site, partial(log_as_set, settings))
    return await serve_agent(settings, open_agent, server, first_report=first_report, grace=grace)


async def serve_outbox(settings: Settings) -> int:
    """Serve only the pages of captured emails."""
    pages = build_outbox(OutboxTransport(settings.server.outbox_dir))
    return await outbox(settings, partial(listen, settings.server), partial(Site, pages))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code."""
    return run_cli(Program(open_agent, serve, serve_outbox, log_as_set), arguments)


if __name__ == "__main__":
    sys.exit(main())
