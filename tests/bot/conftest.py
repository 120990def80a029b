"""The Teams interface alone: its endpoint behind aiohttp, with a turn of the test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import pytest
import structlog
from aiohttp import web
from botbuilder.core import TurnContext
from stamina.instrumentation import set_on_retry_hooks

from bot.adapter import TeamsAdapter
from bot.authenticator import Authenticator
from bot.connector import Connector
from bot.endpoint import MessagesEndpoint
from bot.pacing import Pace
from services.adapters.background import Background
from services.adapters.entra_tokens import EntraSignIn
from services.settings import TeamsAppSettings
from tests.makers import NOW
from tests.servers.teams import TeamsSim

RETRY_SECONDS = 0.01


@pytest.fixture(autouse=True, scope="session")
def _plain_tracebacks() -> None:
    """As the agent's own logs have them; drawn ones take seconds each."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )


@dataclass
class Clock:
    """Stands still until it is moved."""

    seconds: float = 0.0

    def __call__(self):  # type: ignore[no-untyped-def]
        return NOW + timedelta(seconds=self.seconds)


@dataclass
class Harness:
    """The endpoint and what drives it."""

    sim: TeamsSim
    clock: Clock
    connector: Connector
    waits: list[float]
    """Seconds before each retry, as they were decided."""


@asynccontextmanager
async def opened(
    turn: Callable[[TurnContext], Awaitable[None]],
    *,
    authenticated: bool = True,
    turn_timeout: float = 8.0,
    **settings: str,
) -> AsyncIterator[Harness]:
    """The endpoint with a turn, and a simulator that knows its address."""
    waits: list[float] = []
    set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    async with TeamsSim(authenticated=authenticated) as sim, aiohttp.ClientSession() as http:
        values = {**(sim.environment() if authenticated else {}), **settings}
        group, clock = TeamsAppSettings.model_validate(values), Clock()
        sign_in = EntraSignIn(clock)
        connector = Connector(http, sign_in.for_bot(group), pace=Pace(retry_seconds=RETRY_SECONDS))
        background = Background()
        endpoint = MessagesEndpoint(
            TeamsAdapter(connector),
            Authenticator(group, http, clock),
            turn,
            background.start,
            turn_timeout=turn_timeout,
        )
        app = web.Application()
        app.router.add_post("/api/messages", endpoint.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        sim.bot_url = f"http://{host}:{port}"
        yield Harness(sim, clock, connector, waits)
        await runner.cleanup()
        await background.drain(5)
        await sign_in.aclose()
    set_on_retry_hooks(None)


async def echo(context: TurnContext) -> None:
    if context.activity.type == "message":
        await context.send_activity(f"echo {context.activity.text}")
