"""Every HTTP client takes the proxy that is set, and none where NO_PROXY says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.entra import EntraTokens
from bot.authenticator import Authenticator
from bot.client import open_client
from bot.connector import Connector
from bot.files import Files
from bot.pacing import Pace
from services.adapters.datadog.client import DatadogClient
from services.adapters.entra_tokens import EntraSignIn
from services.adapters.graph import GraphTransport
from services.domain.errors import AgentError
from services.ports import UNMEASURED
from services.settings import Settings, load_settings
from tests.contract.test_mail_transport import mail_to
from tests.makers import NOW

ID = "11111111-2222-3333-4444-555555555555"
CHANNEL = "https://smba.trafficmanager.net/de"
FILE = "https://example.sharepoint.com/file"


@dataclass
class ConnectProxy:
    """An HTTP proxy that notes where requests go, and lets none through."""

    asked: list[str] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ConnectProxy"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = (await reader.readline()).decode().split()
        self.asked.append(f"{method} {target}")
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        writer.close()


def settings(proxy: ConnectProxy, **more: str) -> Settings:
    return load_settings(
        {
            "HTTPS_PROXY": proxy.url,
            "DATADOG_API_KEY": "a" * 32,
            "DATADOG_APP_KEY": "b" * 40,
            "MicrosoftAppId": ID,
            "MicrosoftAppPassword": "secret",
            "MicrosoftAppTenantId": ID,
            "API_AUDIENCE": ID,
            "MAIL_TRANSPORT": "graph",
            "SENDER_EMAIL": "costs@example.org",
            "SMTP_OAUTH_TENANT_ID": ID,
            "SMTP_OAUTH_CLIENT_ID": ID,
            "SMTP_OAUTH_CLIENT_SECRET": "secret",
            **more,
        },
        None,
    )


class Token:
    """Implements ``services.ports.AccessTokens``."""

    async def get(self, *, stale: str | None = None) -> str:
        return "token"


async def ask_datadog(chosen: Settings) -> None:
    client = DatadogClient(chosen.datadog, UNMEASURED, 1.0, chosen.proxies)
    try:
        await client._http.get("/api/v1/validate")
    finally:
        await client.aclose()


async def sign_in(chosen: Settings, *, email: bool) -> None:
    entra = EntraSignIn(lambda: NOW, proxies=chosen.proxies)
    tokens = entra.for_email(chosen.smtp) if email else entra.for_bot(chosen.teams_app)
    assert tokens is not None
    try:
        await tokens.get()
    finally:
        await entra.aclose()


async def send_by_graph(chosen: Settings) -> None:
    connection = await GraphTransport(chosen.smtp, Token(), chosen.proxies).connect()
    try:
        await connection.offer("costs@example.org", "r@example.org")
        await connection.hand_over(mail_to("r@example.org"))
    finally:
        await connection.aclose()


async def with_teams(chosen: Settings, call: Callable[[Any], Awaitable[object]]) -> None:
    async with open_client(UNMEASURED, chosen.proxies) as http:
        await call(http)


CLIENTS: dict[str, tuple[str, Callable[[Settings], Awaitable[None]]]] = {
    "Datadog": ("api.datadoghq.com", ask_datadog),
    "sign-in of the bot": (
        "login.microsoftonline.com",
        lambda chosen: sign_in(chosen, email=False),
    ),
    "sign-in for email": (
        "login.microsoftonline.com",
        lambda chosen: sign_in(chosen, email=True),
    ),
    "Graph": ("graph.microsoft.com", send_by_graph),
    "Teams": (
        "smba.trafficmanager.net",
        lambda chosen: with_teams(
            chosen,
            lambda http: Connector(http, None, pace=Pace((), (), 0.01)).send(CHANNEL, "a", {}),
        ),
    ),
    "files": (
        "example.sharepoint.com",
        lambda chosen: with_teams(
            chosen, lambda http: Files(http, Connector(http, None)).fetch(FILE, CHANNEL)
        ),
    ),
    "keys of the Bot Framework": (
        "login.botframework.com",
        lambda chosen: with_teams(
            chosen,
            lambda http: Authenticator(chosen.teams_app, http, lambda: NOW)._fetch_json(
                chosen.teams_app.openid_metadata_url
            ),
        ),
    ),
    "keys of Entra ID": (
        "login.microsoftonline.com",
        lambda chosen: with_teams(
            chosen,
            lambda http: EntraTokens(chosen.teams_app, http, lambda: NOW)._fetch_json(
                f"{chosen.teams_app.authority}/v2.0/.well-known/openid-configuration"
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_takes_the_proxy(name: str) -> None:
    host, call = CLIENTS[name]
    async with ConnectProxy().running() as proxy:
        with pytest.raises(Exception):  # noqa: B017 - whichever error each of them has
            await call(settings(proxy))
    assert set(proxy.asked) == {f"CONNECT {host}:443"}


async def test_a_request_to_this_machine_takes_no_proxy() -> None:
    async with ConnectProxy().running() as proxy:
        chosen = settings(proxy)
        assert chosen.proxies.for_url(proxy.url) is None
        with pytest.raises(AgentError):
            await with_teams(
                chosen,
                lambda http: Connector(http, None, pace=Pace((), (), 0.01)).send(
                    "http://127.0.0.1:1", "a", {}
                ),
            )
    assert proxy.asked == []
