"""``serve``: the order in which an agent starts and stops, and what it prints."""

import argparse
import asyncio
import gc
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from cli.run_report import run_report
from cli.signals import stop_requested
from cli.wired import Wired
from services.administration.roles import Roles
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
        """Its URL, without a path."""
        ...

    async def start(self) -> None:
        """Start to answer requests."""
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
        """Start to tick."""
        ...

    def stop(self) -> None:
        """Stop ticking."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """What ``serve`` needs of an agent to start and stop it."""

    wired: Wired
    roles: Roles
    ticker: TickerControl
    site_on: Callable[[socket.socket], ServingSite]
    """Builds the web server on an open port."""
    locked: Callable[[], Awaitable[bool]]
    """Whether REST needs a key or a token."""
    resume: Callable[[], Awaitable[None]]
    """Resumes the cards that were being updated when the agent stopped."""
    drain: Callable[[float], Awaitable[None]]
    """Waits so many seconds for background work, then cancels it."""
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
    open_agent: Callable[[], AbstractAsyncContextManager[Serving]],
    listen: Callable[[], socket.socket],
    *,
    with_first_report: bool,
    grace: float,
) -> int:
    """Serve until SIGINT or SIGTERM, then give work in progress ``grace`` seconds to finish."""
    stop, app_id = stop_requested(), settings.teams_app.app_id
    async with AsyncExitStack() as stack:
        # On loopback the port comes first, so that a port in use starts nothing. On a network address
        # the agent comes first: whether anything protects it is stored in MongoDB, and the port must
        # not accept connections before that is known.
        is_local = is_loopback(settings.server.host)
        listener = stack.enter_context(listen()) if is_local else None
        agent = await stack.enter_async_context(open_agent())
        if listener is None:
            if app_id is None and not await agent.locked():
                raise _unprotected(settings.server.host)
            listener = stack.enter_context(listen())
        site = agent.site_on(listener)
        try:
            await _start(agent, site, stop, app_id, with_first_report=with_first_report)
            await stop.wait()
        finally:
            await _stop(agent, site, grace)
    log.info("shutdown_step_completed", step="connections closed")
    return 0


def _unprotected(host: str) -> SettingsError:
    """The error when neither REST nor Teams would authenticate requests from the network."""
    return SettingsError(
        f"HOST={host} would open the agent to the network without any protection, so it was not "
        "started. Set HOST=127.0.0.1, create an API key with `api-key create`, or set "
        "MicrosoftAppId to use Teams with sign-in."
    )


async def _start(
    agent: Serving,
    site: ServingSite,
    stop: asyncio.Event,
    app_id: str | None,
    *,
    with_first_report: bool,
) -> None:
    await site.start()
    if with_first_report:
        await _run_until(stop, first_report(agent.wired))
        agent.log_fully()
    agent.ticker.start()
    await agent.resume()
    # What the start has allocated lives as long as the process. A full collection that walks through
    # it would stop the event loop, so it is moved out of the collector's sight.
    gc.collect()
    gc.freeze()
    code = await _first_admin_code(agent.roles)
    announce(agent.wired, site.address, app_id, code, is_locked=await agent.locked())


async def _stop(agent: Serving, site: ServingSite, grace: float) -> None:
    await site.stop()
    log.info("shutdown_step_completed", step="new requests refused")
    agent.ticker.stop()
    agent.wired.sender.stop()
    log.info("shutdown_step_completed", step="new work refused")
    await site.close()
    await agent.drain(grace)
    log.info("shutdown_step_completed", step="work in progress finished")


async def _first_admin_code(roles: Roles) -> str | None:
    """Create the code that makes whoever sends it the first admin; None when there is one."""
    if not await roles.needs_first_admin():
        return None
    code = "-".join(f"{secrets.randbelow(10_000):04d}" for _ in range(3))
    roles.offer_code(code)
    return code


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


async def first_report(wired: Wired) -> None:
    """Create this week's report once, if costs are sample data and emails go to the outbox."""
    if not wired.source.is_sample or await wired.transports.choose(wired.clock()) != "outbox":
        return
    run = await wired.runs.request(RunKind.WEEKLY, ACTOR, wired.clock())
    if run.state is RunState.OPEN:
        print("No cost source is configured: creating this week's report from sample data.\n")
    await run_report(wired, actor=ACTOR)


def announce(
    wired: Wired, address: str, app_id: str | None, code: str | None, *, is_locked: bool
) -> None:
    """Print the agent's addresses and what to do next.

    ``code`` makes whoever sends it to the bot the first admin; ``is_locked``: REST needs a key.
    """
    print(f"\nServing on {address}")
    print(f"Outbox     {address}/outbox  (files in {wired.outbox_folder})")
    print(f"REST       {address}/api/docs  ({REST_LOCKED if is_locked else REST_OPEN})")
    print(f"Health     {address}/api/health")
    if app_id is None:
        print(f"Teams      local mode; endpoint for the Agents Playground: {address}/api/messages")
    else:
        print(f"Teams      app {app_id}; its endpoint is /api/messages")
    if code is not None:
        print(
            f"Admin      none yet. To become the first one, write to the bot in Teams: claim {code}"
        )
    print("Stop with Ctrl-C.", flush=True)
