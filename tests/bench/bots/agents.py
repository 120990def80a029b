"""The Microsoft 365 Agents SDK as its documentation shows it, with its own ActivityHandler."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from microsoft_agents.authentication.msal import MsalConnectionManager
from microsoft_agents.hosting.aiohttp import CloudAdapter, jwt_authorization_middleware
from microsoft_agents.hosting.core import (
    ActivityHandler,
    AgentAuthConfiguration,
    AuthTypes,
    TurnContext,
)
from microsoft_agents.hosting.core.authorization._entra_issuers import BOTFRAMEWORK_JWKS_URIS

from tests.servers.teams import APP_ID, ISSUER, SECRET, TENANT

MIDDLEWARES = (jwt_authorization_middleware,)
CONFIGURATION: dict[str, Any] = {}


class Echo(ActivityHandler):  # type: ignore[misc] # not in the environment of the checks
    """Says the same again."""

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        await turn_context.send_activity(f"echo {turn_context.activity.text}")


@asynccontextmanager
async def bot() -> AsyncIterator[Handler]:
    """Signs in and checks tokens where the bench says; the SDK has no setting for the keys."""
    BOTFRAMEWORK_JWKS_URIS[ISSUER] = os.environ["BENCH_KEYS"]
    connection = AgentAuthConfiguration(
        auth_type=AuthTypes.client_secret,
        client_id=APP_ID,
        client_secret=SECRET,
        tenant_id=TENANT,
        authority=os.environ["BENCH_AUTHORITY"],
        connection_name="SERVICE_CONNECTION",
    )
    manager = MsalConnectionManager({"SERVICE_CONNECTION": connection})
    CONFIGURATION["agent_configuration"] = manager.get_default_connection_configuration()
    adapter, echo = CloudAdapter(connection_manager=manager), Echo()

    async def handle(request: web.Request) -> web.StreamResponse:
        answer: web.Response | None = await adapter.process(request, echo)
        return answer or web.Response(status=201)

    yield handle
