"""Botbuilder as its documentation shows it: CloudAdapter.process and an ActivityHandler."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from aiohttp import web
from aiohttp.typedefs import Handler
from botbuilder.core import ActivityHandler, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter, ConfigurationBotFrameworkAuthentication

from tests.servers.teams import APP_ID, ISSUER, SECRET


class Echo(ActivityHandler):  # type: ignore[misc] # the SDK ships no types
    """Says the same again."""

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        await turn_context.send_activity(f"echo {turn_context.activity.text}")


@asynccontextmanager
async def bot() -> AsyncIterator[Handler]:
    """Signs in and checks tokens where the bench says."""
    metadata = os.environ["TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL"]
    configuration = SimpleNamespace(
        APP_ID=APP_ID,
        APP_PASSWORD=SECRET,
        APP_TYPE="MultiTenant",
        TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL=metadata,
        TO_BOT_FROM_EMULATOR_OPENID_METADATA_URL=metadata,
        TO_BOT_FROM_CHANNEL_TOKEN_ISSUER=ISSUER,
        TO_CHANNEL_FROM_BOT_OAUTH_SCOPE=ISSUER,
        OAUTH_URL=ISSUER,
        TO_CHANNEL_FROM_BOT_LOGIN_URL=os.environ["BENCH_AUTHORITY"],
    )
    adapter = CloudAdapter(ConfigurationBotFrameworkAuthentication(configuration))
    echo = Echo()

    async def handle(request: web.Request) -> web.StreamResponse:
        answer: web.Response = await adapter.process(request, echo)
        return answer

    yield handle
