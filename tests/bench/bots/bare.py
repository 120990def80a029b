"""The floor: aiohttp alone. It looks at no token and answers with one that never changes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

HEADERS = {"Authorization": "Bearer connector-token", "Content-Type": "application/json"}


@asynccontextmanager
async def bot() -> AsyncIterator[Handler]:
    """Reads JSON, posts JSON."""
    async with aiohttp.ClientSession() as http:

        async def handle(request: web.Request) -> web.StreamResponse:
            activity = await request.json()
            conversation = quote(activity["conversation"]["id"], safe="")
            url = f"{activity['serviceUrl']}/v3/conversations/{conversation}/activities"
            body = {"type": "message", "text": f"echo {activity['text']}"}
            async with http.post(url, data=json.dumps(body), headers=HEADERS) as answer:
                await answer.read()
            return web.Response(status=201)

        yield handle
