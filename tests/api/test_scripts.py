"""No script in a team's name or a mail runs, in a real browser; and a page that lets it run shows
that the test would see it.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from api.routes import ENDPOINTS
from app import Agent
from tests.api.conftest import MovingClock, opened, settled
from tests.browser.page import chromium
from tests.makers import NOW

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)


@dataclass
class Beacon:
    """Hears of every script that runs and every picture that is fetched."""

    heard: list[str] = field(default_factory=list)
    url: str = ""

    def payload(self, name: str) -> str:
        """Markup that calls, by script and without."""
        call = f"fetch('{self.url}/{name}')"
        return f'"\'><script>{call}</script><img src=x onerror="{call}"><b>{name}</b>'


@dataclass
class Browsed:
    agent: Agent
    client: "TestClient[Any, Any]"
    beacon: Beacon
    folder: Path

    async def see(self, path: str) -> str:
        """Opens a page of the agent as a browser does; what then stands in it."""
        return await self.open(f"http://127.0.0.1:{self.client.port}{path}")

    async def open(self, url: str) -> str:
        browser = chromium()
        assert browser is not None
        process = await asyncio.create_subprocess_exec(
            browser,
            *FLAGS,
            f"--user-data-dir={self.folder / secrets.token_hex(4)}",
            "--virtual-time-budget=4000",
            "--dump-dom",
            url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(120):
            out, _ = await process.communicate()
        return out.decode()


@pytest.fixture
async def browsed(mongo_url: str, tmp_path: Path) -> AsyncIterator[Browsed]:
    if chromium() is None:
        lacking = "No script was tried in a browser: there is no Chromium."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)
    beacon = Beacon()

    async def hear(request: web.Request) -> web.Response:
        beacon.heard.append(request.path)
        if request.path == "/open":
            text = f"<!doctype html><p>{beacon.payload('control')}</p>"
            return web.Response(text=text, content_type="text/html")
        return web.Response(headers={"Access-Control-Allow-Origin": "*"})

    listening = web.Application()
    listening.router.add_get("/{any:.*}", hear)
    runner = web.AppRunner(listening, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    beacon.url = f"http://{host}:{port}"
    environment = {
        "MONGO_URL": mongo_url,
        "DB_NAME": f"test_{secrets.token_hex(6)}",
        "DATA_DIR": str(tmp_path),
    }
    async with opened(environment, MovingClock(NOW)) as (agent, client):
        yield Browsed(agent, client, beacon, tmp_path)
    await runner.cleanup()


def hostile_mail(beacon: Beacon, folder: Path) -> str:
    """Puts a mail into the outbox that no template of ours would make; its id."""
    mail = EmailMessage()
    mail["Subject"] = beacon.payload("subject").replace("\n", " ")
    mail["To"] = "a@example.org"
    mail["Date"] = "Tue, 24 Nov 2026 09:00:00 +0000"
    mail.set_content(beacon.payload("text"))
    frames = f"<iframe srcdoc=\"&lt;script&gt;top.location='{beacon.url}/frame'&lt;/script&gt;\"></iframe>"
    html = (
        f"<html><head><base href='{beacon.url}/base/'><meta http-equiv=refresh "
        f"content=\"0;url='{beacon.url}/refresh'\"><link rel=stylesheet href='{beacon.url}/css'>"
        f"<style>@import url('{beacon.url}/import');p{{background:url('{beacon.url}/bg')}}</style>"
        f"</head><body><p>{beacon.payload('mail')}</p><img src='{beacon.url}/pixel'>{frames}"
        f"<svg onload=\"fetch('{beacon.url}/svg')\"></svg></body></html>"
    )
    mail.add_alternative(html, subtype="html")
    name = "20261124T090000-0123456789abcdef0123"
    outbox = folder / "outbox"
    outbox.mkdir(exist_ok=True)
    (outbox / f"{name}.eml").write_bytes(mail.as_bytes())
    return name


async def test_no_script_of_a_teams_name_runs(browsed: Browsed) -> None:
    # What is to be heard of is heard of, where nothing keeps it from running.
    await browsed.open(f"{browsed.beacon.url}/open")
    assert "/control" in browsed.beacon.heard
    browsed.beacon.heard.clear()

    name = browsed.beacon.payload("team")
    body = {"team_name": name, "aws_account_id": "1" * 12, "team_email": "team@example.org"}
    async with browsed.client.post("/api/teams", json=body) as answer:
        assert answer.status == 201, await answer.text()
        team = await answer.json()
    async with browsed.client.post("/api/trigger/weekly-report") as answer:
        assert answer.status == 202
    await settled(browsed.agent)
    async with browsed.client.get("/outbox") as answer:
        mail = (await answer.text()).partition('href="/outbox/')[2].partition('"')[0]

    seen = [
        await browsed.see(path)
        for path in (
            f"/api/preview/team-report/{team['id']}",
            "/outbox",
            f"/outbox/{mail}",
            "/api/teams",
        )
    ]
    assert browsed.beacon.heard == []
    assert "&lt;script&gt;" in seen[0]
    assert "&lt;script&gt;" in seen[1]
    assert "<iframe" in seen[2]
    assert all("<b>team</b>" not in page for page in seen[:3])


async def test_an_email_that_is_all_script_is_shown_and_does_nothing(browsed: Browsed) -> None:
    mail = hostile_mail(browsed.beacon, browsed.folder)
    list_page = await browsed.see("/outbox")
    page = await browsed.see(f"/outbox/{mail}")
    alone = await browsed.see(f"/outbox/{mail}/html")
    assert browsed.beacon.heard == []
    assert "<b>subject</b>" not in list_page + page
    assert "<b>text</b>" not in page
    assert "<b>mail</b>" in alone  # it is the mail itself, in a frame that may do nothing


async def test_the_docs_page_works_in_local_mode_without_a_key(browsed: Browsed) -> None:
    page = await browsed.see("/api/docs")
    for endpoint in ENDPOINTS:
        assert f'data-path="{endpoint.path}"' in page
    assert browsed.beacon.heard == []
