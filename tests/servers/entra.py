"""A server that behaves like Entra's token endpoint and Microsoft Graph's sendMail."""

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from services.settings import SmtpSettings, TeamsAppSettings

TENANT = "44444444-4444-4444-4444-444444444444"
CLIENT = "55555555-5555-5555-5555-555555555555"
SECRET = "entra-secret"
MAILBOX = "costs@example.org"


@dataclass
class FakeEntra:
    """Issues tokens and accepts email with them."""

    tokens: set[str] = field(default_factory=set)
    """Valid tokens; a test may revoke one."""
    scopes: list[str] = field(default_factory=list)
    """Scopes that were requested."""
    token_answers: list[tuple[int, Any]] = field(default_factory=list)
    """(status, body) of the token endpoint's next responses other than a token; a body of bytes is
    sent as it is."""
    graph_answers: list[tuple[int, Any]] = field(default_factory=list)
    """The same for sendMail; status 0 accepts the email and closes the connection."""
    mails: list[bytes] = field(default_factory=list)
    expires_in: Any = 3599

    async def __aenter__(self) -> Self:
        self._numbers = itertools.count(1)
        app = web.Application()
        app.router.add_post(f"/{TENANT}/oauth2/v2.0/token", self._token)
        app.router.add_post("/v1.0/users/{mailbox}/sendMail", self._send)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def settings(self, **more: Any) -> SmtpSettings:
        """Settings for Microsoft Graph at this server; ``more`` overrides them."""
        values = {
            "transport": "graph",
            "sender": MAILBOX,
            "oauth_tenant_id": TENANT,
            "oauth_client_id": CLIENT,
            "oauth_client_secret": SECRET,
            "oauth_authority": self.url,
            "graph_url": self.url,
            "rate_per_minute": 0,
            **more,
        }
        return SmtpSettings.model_validate(values)

    def bot_settings(self, **more: Any) -> TeamsAppSettings:
        """Settings of a bot that signs in at this server."""
        values = {
            "app_id": CLIENT,
            "password": SECRET,
            "tenant_id": TENANT,
            "login_url": f"{self.url}/{TENANT}",
            **more,
        }
        return TeamsAppSettings.model_validate(values)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.scopes.append(str(form["scope"]))
        if self.token_answers:
            return _answer(*self.token_answers.pop(0))
        expected = ("client_credentials", CLIENT, SECRET)
        if (form["grant_type"], form["client_id"], form["client_secret"]) != expected:
            error = {"error": "invalid_client", "error_description": "AADSTS7000215: …"}
            return web.json_response(error, status=401)
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        body = {"token_type": "Bearer", "access_token": token, "expires_in": self.expires_in}
        return web.json_response(body)

    async def _send(self, request: web.Request) -> web.Response:
        raw = base64.b64decode(await request.read(), validate=True)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.tokens or request.content_type != "text/plain":
            error = {"code": "InvalidAuthenticationToken", "message": "Lifetime is over"}
            return web.json_response({"error": error}, status=401)
        status, body = self.graph_answers.pop(0) if self.graph_answers else (202, None)
        if status in {0, 202}:
            self.mails.append(raw)
        if status == 0:
            assert request.transport is not None
            request.transport.close()
        if status == 202:
            return web.Response(status=202, headers={"request-id": "r-1"})
        return _answer(status or 500, body)


def _answer(status: int, body: Any) -> web.Response:
    if isinstance(body, bytes):
        return web.Response(body=body, status=status, content_type="application/json")
    return web.json_response(body, status=status)
