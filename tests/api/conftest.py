"""The whole agent in this process, on a real MongoDB and servers of our own, behind HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from api.openapi import document
from api.routes import ENDPOINTS
from api.serving import UNPACK_REQUESTS, server_logger
from app import Agent, open_agent
from services.adapters.store import MongoStore
from services.domain import Actor, DaySpan
from services.settings import Settings, load_settings
from tests.makers import NOW
from tests.moved_time import moved_by
from tests.servers.datadog import FakeDatadog, account_ids, random_costs
from tests.servers.smtp import FakeSmtp

SPAN = DaySpan(date(2026, 8, 1), date(2026, 11, 23))
DOCUMENT = document(ENDPOINTS, "0", locked=True)
"""What the agent says of itself; every answer to any test must be one that it names."""
ACTOR = Actor(interface="cli", name="test")
ACCOUNTS = account_ids(5, seed=21)


@dataclass(repr=False)
class World:
    """The agent and everything around it; the clock stands until a test moves it."""

    agent: Agent
    client: "TestClient[Any, Any]"
    datadog: FakeDatadog
    smtp: FakeSmtp
    clock: "MovingClock"
    store: MongoStore
    """The agent's database, seen from outside."""

    async def get(self, path: str, **more: Any) -> Any:
        async with self.client.get(path, **more) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def send(self, method: str, path: str, status: int, **more: Any) -> Any:
        """A request that must be answered with this status; the JSON of the answer."""
        response: ClientResponse
        async with self.client.request(method, path, **more) as response:
            assert response.status == status, await response.text()
            return await response.json(content_type=None)

    async def add_teams(self, number: int = 3) -> list[dict[str, Any]]:
        return [
            await self.send(
                "POST",
                "/api/teams",
                201,
                json={
                    "team_name": f"Team {i}",
                    "aws_account_id": ACCOUNTS[i],
                    "team_email": f"team{i}@example.org",
                },
            )
            for i in range(number)
        ]

    async def key(self, scopes: str = "read,write", **more: Any) -> dict[str, str]:
        """The header of a new API key; from now on the door is locked."""
        _, key = await self.agent.app.administration.api_keys.create(
            f"test {scopes}", scopes.split(","), ACTOR, self.clock(), **more
        )
        return {"Authorization": f"Bearer {key}"}

    async def finished(self, run_id: str) -> Any:
        """The run once its work in the background has ended."""
        await settled(self.agent)
        return await self.get(f"/api/runs/{run_id}")

    async def tick(self) -> None:
        """One tick of the clock, with all the work that it begins."""
        await self.agent.tick()
        await settled(self.agent)


async def settled(agent: Agent) -> None:
    """Waits until nothing is at work in the background."""
    async with asyncio.timeout(60):
        while agent.background.running:
            await asyncio.sleep(0.01)


class MovingClock:
    """The test's clock."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@asynccontextmanager
async def opened(
    environment: dict[str, str], clock: MovingClock
) -> AsyncIterator[tuple[Agent, "TestClient[Any, Any]"]]:
    settings: Settings = load_settings(environment, None)
    async with open_agent(settings, clock_of=moved_by(clock)) as agent:
        seen = record(agent.rest)
        async with TestClient(await served(agent.rest)) as client:
            yield agent, client
        await agent.background.drain(5)
    for method, path, status in seen:
        operation = DOCUMENT["paths"].get(path, {}).get(method)
        if operation is not None:
            assert str(status) in operation["responses"], f"{status} of {method} {path}"


async def served(app: web.Application) -> TestServer:
    """The application on a server that logs and reads bodies as in production."""
    server = TestServer(app)
    await server.start_server(logger=server_logger(), auto_decompress=UNPACK_REQUESTS)
    return server


def record(app: web.Application) -> set[tuple[str, str, int]]:
    """What the routes of an application are answered with from now on."""
    seen: set[tuple[str, str, int]] = set()

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        if resource is not None:
            method = "get" if request.method == "HEAD" else request.method.lower()
            seen.add((method, resource.canonical, response.status))

    app.on_response_prepare.append(note)
    return seen


@pytest.fixture
async def world(mongo_url: str, database: str, tmp_path: Path) -> AsyncIterator[World]:
    """The agent on the source datadog with mail by SMTP, 24 November 2026."""
    clock = MovingClock(NOW)
    async with (
        FakeDatadog(random_costs(ACCOUNTS, SPAN, seed=8)) as datadog,
        FakeSmtp() as smtp,
    ):
        environment = {
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "k" * 32,
            **datadog.environment(),
            **smtp.environment(),
        }
        async with opened(environment, clock) as (agent, client):
            store = MongoStore(mongo_url, database)
            yield World(agent, client, datadog, smtp, clock, store)
            await store.aclose()
