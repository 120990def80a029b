"""The agent's own door: endpoint, token check, tokens, connector and adapter, with an echo turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
from aiohttp.typedefs import Handler
from botbuilder.core import TurnContext

from bot.adapter import TeamsAdapter
from bot.authenticator import Authenticator
from bot.connector import Connector
from bot.endpoint import MessagesEndpoint
from services.adapters.background import Background
from services.adapters.entra_tokens import EntraSignIn
from services.settings import load_settings


def utc_now() -> datetime:
    """The clock of the world."""
    return datetime.now(UTC)


async def echo(context: TurnContext) -> None:
    """Says the same again."""
    await context.send_activity(f"echo {context.activity.text}")


@asynccontextmanager
async def bot() -> AsyncIterator[Handler]:
    """The door with the settings of the environment."""
    settings = load_settings(env_file=None).teams_app
    async with aiohttp.ClientSession() as http:
        sign_in = EntraSignIn(utc_now)
        connector = Connector(http, sign_in.for_bot(settings))
        authenticator = Authenticator(settings, http, utc_now)
        start = Background().start
        yield MessagesEndpoint(TeamsAdapter(connector), authenticator, echo, start).handle
        await sign_in.aclose()
