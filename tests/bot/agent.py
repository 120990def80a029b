"""The whole agent in this process, driven by the Teams simulator."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web

from app import Agent, open_agent
from services.settings import load_settings
from tests.makers import NOW
from tests.servers.teams import TeamsSim


@dataclass
class Teams:
    """The agent and Teams around it."""

    sim: TeamsSim
    agent: Agent
    environment: dict[str, str]


@asynccontextmanager
async def serving(
    sim: TeamsSim,
    environment: dict[str, str],
    clock: Callable[[], datetime] = lambda: NOW,
) -> AsyncIterator[Agent]:
    """The agent with these settings, served on a free port that the simulator then knows."""
    async with open_agent(load_settings(environment), clock=clock) as agent:
        runner = web.AppRunner(agent.api, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        sim.bot_url = f"http://{host}:{port}"
        await agent.long_work.resume()
        yield agent
        agent.wired.sender.stop()
        await runner.cleanup()
        await agent.background.drain(5)


@asynccontextmanager
async def teams(
    folder: Path,
    mongo_url: str,
    *,
    authenticated: bool = True,
    clock: Callable[[], datetime] = lambda: NOW,
    **more: str,
) -> AsyncIterator[Teams]:
    """The agent on a database of its own, with sample costs, and people who talk to it."""
    async with TeamsSim(authenticated=authenticated) as sim:
        environment = {
            "DATA_DIR": str(folder),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            **(sim.environment() if authenticated else {}),
            **more,
        }
        async with serving(sim, environment, clock) as agent:
            yield Teams(sim, agent, environment)
