"""The whole agent on a real MongoDB, with sample costs; it is asked ``whoami``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.typedefs import Handler

from app import open_agent
from services.settings import load_settings


@asynccontextmanager
async def bot() -> AsyncIterator[Handler]:
    """The agent's handler of /api/messages."""
    async with open_agent(load_settings(env_file=None)) as agent:
        (route,) = (
            route
            for route in agent.rest.router.routes()
            if route.method == "POST" and route.get_info().get("path") == "/api/messages"
        )
        yield route.handler
