"""``serve``: the order in which an agent starts and stops, and what it prints."""

import argparse
import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from cli.claim_code import how_to_claim
from cli.run_report import run_report
from cli.signals import stop_requested
from cli.waiting import cancelled_by, when_mongodb_responds
from services.application import Application
from services.domain import Actor, RunKind, RunState
from services.domain.addresses import is_loopback
from services.domain.errors import SettingsError
from services.settings import Settings

log = structlog.get_logger()

DRAIN_SECONDS = 20.0
"""How long work in progress may take after a signal to stop."""
REST_LOCKED = "needs a key or a token"
REST_OPEN = "local mode: this machine only, until the first `api-key create`"
ACTOR = Actor(interface="cli", name="first report")


class ServingSite(Protocol):
    """The web server on an open port."""

    @property
    def address(self) -> str:
        """The URL of the server, without a path."""
        ...

    async def start(self) -> None:
        """Start answering requests."""
        ...

    async def stop(self) -> None:
        """Accept no new connections."""
        ...

    async def close(self) -> None:
        """Close the open connections."""
        ...


class TickerControl(Protocol):
    """Starts and stops the ticks of the scheduler."""

    def start(self) -> None:
        """Start ticking."""
        ...

    def stop(self) -> None:
        """Stop ticking."""
        ...


class BackgroundWork(Protocol):
    """Background work."""

    def start(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> object:
        """Start named work; ``droppable``: can be cancelled at any point."""
        ...

    async def drain(self, seconds: float) -> None:
        """Wait this many seconds for the work to finish, then cancel it."""
        ...


class ServedAgent(Protocol):
    """The parts of an agent that are started and stopped."""

    @property
    def app(self) -> Application: ...

    @property
    def rest(self) -> Any:
        """The web application with all interfaces."""
        ...

    @property
    def ticker(self) -> TickerControl: ...

    async def locked(self) -> bool:
        """Whether REST needs a key or a token: everywhere but in local mode."""
        ...

    async def resume(self) -> None:
        """Resume the cards that were being updated when the agent stopped."""
        ...

    @property
    def background(self) -> BackgroundWork: ...


@dataclass(frozen=True, slots=True)
class Server:
    """How the interfaces are reached, and what is logged."""

    listen: Callable[[], socket.socket]
    site_on: Callable[[Any, socket.socket], ServingSite]
    """Serves a web application on an open port."""
    log_fully: Callable[[], None]
    """Logs as configured, once no progress bar is shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--first-report",
        action="store_true",
        help="create this week's report once, if costs are sample data and emails go to the outbox",
    )


async def serve(
    settings: Settings,
    open_agent: Callable[[Settings], AbstractAsyncContextManager[ServedAgent]],
    server: Server,
    *,
    first_report: bool,
    grace: float,
) -> int:
    """Serve until SIGINT or SIGTERM, then give work in progress ``grace`` seconds to finish."""
    stop = stop_requested()
    try:
        return await _serve_until(stop, settings, open_agent, server, first_report, grace)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        return 0  # stopped while it started


async def _serve_until(
    stop: asyncio.Event,
    settings: Settings,
    open_agent: Callable[[Settings], AbstractAsyncContextManager[ServedAgent]],
    server: Server,
    first_report: bool,
    grace: float,
) -> int:
    async with AsyncExitStack() as stack:
        # On loopback the port comes first, so that a port in use starts nothing. On a network address
        # the agent comes first: whether anything protects it is stored in MongoDB, and the port must
        # not accept connections before that is known.
        is_local = is_loopback(settings.server.host)
        listener = stack.enter_context(server.listen()) if is_local else None
        async with cancelled_by(stop):
            agent = await when_mongodb_responds(
                lambda: stack.enter_async_context(open_agent(settings))
            )
            is_locked = await when_mongodb_responds(agent.locked)
        if listener is None:
            if not is_locked:
                raise _unprotected(settings.server.host)
            listener = stack.enter_context(server.listen())
        site = server.site_on(agent.rest, listener)
        try:
            await site.start()
            if first_report:
                await _run_until(stop, create_first_report(agent.app))
                server.log_fully()
            await _start(agent)
            await announce(agent, settings, site.address)
            await stop.wait()
        finally:
            await _stop(agent, site, grace)
    log.info("shutdown_step_completed", step="connections closed")
    return 0


def _unprotected(host: str) -> SettingsError:
    """The error for a network address in local mode, which authenticates nobody."""
    return SettingsError(
        f"HOST={host} would open the agent to the network without any protection, so it was not "
        "started. Set HOST=127.0.0.1, create an API key with `api-key create`, or set "
        "MicrosoftAppId to use Teams with sign-in."
    )


async def _start(agent: ServedAgent) -> None:
    agent.ticker.start()
    # A wrong key or an unreachable mail server is in the status before the first run has failed.
    look = agent.app.operations.diagnostics.look(agent.app.context.clock())
    agent.background.start("look", look, droppable=True)
    await when_mongodb_responds(agent.resume)
    # What the start has allocated lives as long as the process. A full collection that walks through
    # it would stop the event loop, so it is moved out of the collector's sight.
    gc.collect()
    gc.freeze()


async def _stop(agent: ServedAgent, site: ServingSite, grace: float) -> None:
    await site.stop()
    log.info("shutdown_step_completed", step="new requests refused")
    agent.ticker.stop()
    agent.app.mailing.sender.stop()
    log.info("shutdown_step_completed", step="new work refused")
    await site.close()
    await agent.background.drain(grace)
    log.info("shutdown_step_completed", step="work in progress finished")


async def _run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do some work, and cancel it when a stop is requested."""
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


async def create_first_report(app: Application) -> None:
    """Create this week's report once, if costs are sample data and emails go to the outbox."""
    if (
        not app.context.source.is_sample
        or await app.mailing.transports.choose(app.context.clock()) != "outbox"
    ):
        return
    run = await app.runs.requests.request(RunKind.WEEKLY, ACTOR, app.context.clock())
    if run.state is RunState.OPEN:
        print("No cost source is configured: creating this week's report from sample data.\n")
    await run_report(app, actor=ACTOR)


async def announce(agent: ServedAgent, settings: Settings, address: str) -> None:
    """Print the agent's addresses and what to do next."""
    is_locked = await when_mongodb_responds(agent.locked)
    print(f"\nServing on {address}")
    print(f"Outbox     {address}/outbox  (files in {settings.server.outbox_dir})")
    print(f"REST       {address}/api/docs  ({REST_LOCKED if is_locked else REST_OPEN})")
    print(f"Health     {address}/api/health")
    app_id = settings.teams_app.app_id
    if app_id is not None:
        print(f"Teams      app {app_id}; its endpoint is /api/messages")
    elif is_locked:
        print("Teams      off: an installation with API keys needs MicrosoftAppId for Teams")
    else:
        print(f"Teams      local mode; endpoint for the Agents Playground: {address}/api/messages")
    roles = agent.app.administration.roles
    if await when_mongodb_responds(roles.needs_first_admin):
        code = await when_mongodb_responds(
            lambda: roles.create_code(agent.app.context.clock()),
        )
        print(f"Admin      none yet. {how_to_claim(code)}")
    print("Stop with Ctrl-C.", flush=True)
