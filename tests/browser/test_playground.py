"""``make playground``: on this machine alone, and a sentence when it cannot be."""

import json
import re
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.browser.page import BOT, CHANNEL, GROUP, PLAYGROUND
from tests.browser.playground import refused, running
from tests.e2e.test_serve import free_port

LISTENER = Path(__file__).with_name("record_network.cjs")


@asynccontextmanager
async def something(health: Any, messages: int = 400) -> AsyncIterator[int]:
    """The port of something that answers as an agent does, or nearly."""

    async def healthy(request: web.Request) -> web.Response:
        return web.json_response(health)

    async def door(request: web.Request) -> web.Response:
        return web.Response(status=messages)

    app = web.Application()
    app.router.add_get("/api/health", healthy)
    app.router.add_post("/api/messages", door)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_it_listens_on_loopback_alone_and_reaches_nothing_outside(tmp_path: Path) -> None:
    record = tmp_path / "network.jsonl"
    port = free_port()
    hook = {"NODE_OPTIONS": f"--require {LISTENER}", "RECORD_NETWORK": str(record)}
    async with something({"status": "healthy"}) as agent:
        async with running(agent, port, **hook) as (url, _), aiohttp.ClientSession() as session:
            async with session.get(f"{url}/_internal/v1/config") as answer:
                assert answer.status == 200
            async with session.get(url) as answer:
                assert "<html" in await answer.text()
            with socket.socket() as other:
                other.bind(("127.0.0.2", port))  # fails beside a listener on all addresses
        found = [json.loads(line) for line in record.read_text().splitlines()]
    listened = {one["host"] for one in found if one["what"] == "listen"}
    reached = {one["host"] for one in found if one["what"] in {"connect", "lookup"}}
    assert listened == {"127.0.0.1"}
    assert reached <= {"127.0.0.1", "localhost"}, reached


def test_what_the_playground_would_send_outside_stays_here() -> None:
    script = "require('net').connect(80, '192.0.2.1').on('error', e => console.log(e.message))"
    hook = str(PLAYGROUND / "loopback.cjs")
    found = subprocess.run(
        ["node", "--require", hook, "-e", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert found.stdout.strip() == "192.0.2.1 is outside of this machine"


async def test_it_shows_our_bot_people_and_channels() -> None:
    async with something({"status": "healthy"}) as agent, aiohttp.ClientSession() as session:
        async with running(agent, free_port()) as (url, _):
            async with session.get(f"{url}/_internal/v1/testConfig") as answer:
                config = (await answer.json())["config"]
    assert config["bot"]["name"] == BOT
    assert re.fullmatch(r"28:[0-9a-f-]{36}", config["bot"]["id"])
    people = [config["currentUser"], *config["users"]]
    assert len({person["aadObjectId"] for person in people}) == 6
    assert all(re.fullmatch(r"29:1\S+", person["id"]) for person in people)
    assert config["groupChats"][0]["name"] == GROUP
    assert CHANNEL in [one["name"] for one in config["teams"][0]["channels"]]


async def test_ctrl_c_ends_it_and_frees_the_port() -> None:
    async with something({"status": "healthy"}) as agent:
        async with running(agent, free_port()) as (url, process):
            port = int(url.rsplit(":", 1)[1])
        assert process.returncode == 0
        with socket.create_server(("127.0.0.1", port)):
            pass


async def test_without_an_agent_it_says_how_to_start_one() -> None:
    port = free_port()
    code, said = await refused(port, free_port())
    assert code == 1
    assert said.count("\n") == 1
    assert f"No agent answers on http://127.0.0.1:{port}" in said
    assert "make run" in said


async def test_another_server_is_not_mistaken_for_an_agent() -> None:
    async with something(["hello"]) as port:
        code, said = await refused(port, free_port())
    assert code == 1
    assert "is not the agent" in said


async def test_an_agent_with_sign_in_cannot_be_tried_and_it_says_why() -> None:
    async with something({"status": "healthy"}, messages=401) as port:
        code, said = await refused(port, free_port())
    assert code == 1
    assert "MicrosoftAppId" in said


async def test_a_port_in_use_is_reported_and_no_other_is_used_instead() -> None:
    async with something({"status": "healthy"}) as agent:
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            code, said = await refused(agent, port)
    assert code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert "PLAYGROUND_PORT" in said


async def test_an_invalid_port_is_reported() -> None:
    code, said = await refused("eighty", 1)
    assert (code, said) == (1, "PORT=eighty is not a port. Give a number from 1 to 65535.\n")
