"""``serve``: the order in which an agent starts and stops, and what a person sees of it."""

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
from cli.signals import told_to_stop
from cli.wired import Wired
from services.administration.roles import Roles
from services.domain import Actor, RunKind, RunState
from services.domain.addresses import is_loopback
from services.domain.errors import SettingsError
from services.settings import Settings

log = structlog.get_logger()

DRAIN_SECONDS = 20.0
"""How long work in hand may last after a signal to stop."""
LOCKED = "a key or token is needed"
OPEN = "local mode: this machine only, until the first `api-key create`"
ACTOR = Actor(interface="cli", name="first report")


class Site(Protocol):
    """The web server on an open port."""

    @property
    def address(self) -> str:
        """Its URL, without a path."""
        ...

    async def start(self) -> None:
        """Begins to answer."""
        ...

    async def stop(self) -> None:
        """Takes no new connections."""
        ...

    async def close(self) -> None:
        """Ends the open connections."""
        ...


class Ticker(Protocol):
    """What makes the clock tick."""

    def start(self) -> None:
        """Begins to tick."""
        ...

    def stop(self) -> None:
        """Ticks no more."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """A wired agent, as far as it is started and stopped."""

    wired: Wired
    roles: Roles
    ticker: Ticker
    site_on: Callable[[socket.socket], Site]
    """Its doors on an open port."""
    locked: Callable[[], Awaitable[bool]]
    """Whether REST needs a key or a token."""
    resume: Callable[[], Awaitable[None]]
    """Goes on with the cards that were changing when the agent stopped."""
    drain: Callable[[float], Awaitable[None]]
    """Waits so many seconds for work in the background, then cuts it off."""
    log_fully: Callable[[], None]
    """Logs as set, once no progress bar is shown any more."""


async def serve(
    settings: Settings,
    open_agent: Callable[[], AbstractAsyncContextManager[Serving]],
    listen: Callable[[], socket.socket],
    *,
    with_first_report: bool,
    grace: float,
) -> int:
    """Serves until SIGINT or SIGTERM, then lets work in hand end for ``grace`` seconds."""
    stop, app_id = told_to_stop(), settings.teams_app.app_id
    async with AsyncExitStack() as stack:
        # Where a protection must be shown first, the agent is opened first; else the door, as a
        # taken port should begin nothing.
        here = is_loopback(settings.server.host)
        door = stack.enter_context(listen()) if here else None
        agent = await stack.enter_async_context(open_agent())
        if door is None:
            if app_id is None and not await agent.locked():
                raise _unprotected(settings.server.host)
            door = stack.enter_context(listen())
        site = agent.site_on(door)
        try:
            await _start(agent, site, stop, app_id, with_first_report=with_first_report)
            await stop.wait()
        finally:
            await _stop(agent, site, grace)
    log.info("stopping", step="connections are closed")
    return 0


def _unprotected(host: str) -> SettingsError:
    """Neither door would ask who comes from the network."""
    return SettingsError(
        f"HOST={host} would open the agent to the network while nothing protects it. Set "
        "HOST=127.0.0.1, create an API key with `api-key create`, or set MicrosoftAppId to use "
        "Teams with sign-in."
    )


async def _start(
    agent: Serving, site: Site, stop: asyncio.Event, app_id: str | None, *, with_first_report: bool
) -> None:
    await site.start()
    if with_first_report:
        await _unless(stop, first_report(agent.wired))
        agent.log_fully()
    agent.ticker.start()
    await agent.resume()
    # What the start has made stays; looking through it would hold everybody up.
    gc.collect()
    gc.freeze()
    code = await _first_admin_code(agent.roles)
    announce(agent.wired, site.address, app_id, code, locked=await agent.locked())


async def _stop(agent: Serving, site: Site, grace: float) -> None:
    await site.stop()
    log.info("stopping", step="no new requests")
    agent.ticker.stop()
    agent.wired.sender.stop()
    log.info("stopping", step="no new work")
    await site.close()
    await agent.drain(grace)
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


async def first_report(wired: Wired) -> None:
    """Makes the report of the week, once: only of sample costs, and only into the outbox."""
    if not wired.source.is_sample or await wired.transports.choose(wired.clock()) != "outbox":
        return
    run = await wired.runs.request(RunKind.WEEKLY, ACTOR, wired.clock())
    if run.state is RunState.OPEN:
        print("No cost source is set up: making this week's report from sample data.\n")
    await run_report(wired, actor=ACTOR)


def announce(
    wired: Wired, address: str, app_id: str | None, code: str | None, *, locked: bool
) -> None:
    """Where to look; ``code`` makes whoever sends it to the bot the first admin.

    ``locked``: REST needs a key.
    """
    print(f"\nServing on {address}")
    print(f"Outbox     {address}/outbox  (files in {wired.outbox_folder})")
    print(f"REST       {address}/api/docs  ({LOCKED if locked else OPEN})")
    print(f"Health     {address}/api/health")
    if app_id is None:
        print(f"Teams      local mode; endpoint for the Agents Playground: {address}/api/messages")
    else:
        print(f"Teams      app {app_id}; its endpoint is /api/messages")
    if code is not None:
        print(f"Admin      there is none yet. In Teams, write to the bot: claim {code}")
    print("Stop with Ctrl-C.", flush=True)
