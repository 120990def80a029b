"""Access tokens that Microsoft Entra ID issues to the agent itself: for the bot, SMTP and Graph.

Two ways to sign in: a client secret (OAuth 2.0 client credentials, RFC 6749, section 4.4) and the
managed identity of an Azure VM or App Service. Why not ``azure-identity``:
docs/decisions/0014-our-own-access-tokens.md.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import httpx
import stamina

from services.domain.errors import AgentError, BotSignInError, MailConnectError
from services.ports import UNMEASURED, AccessTokens, Clock, Meter
from services.settings import DIRECT, ProxySettings, SmtpSettings, TeamsAppSettings

TIMEOUT = httpx.Timeout(10, connect=5)
RENEW_EARLY_SECONDS = 300
DEFAULT_LIFETIME_SECONDS = 3600.0
MAX_ATTEMPTS = 3
MAX_REASON_LENGTH = 80
IMDS_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
"""The Instance Metadata Service of an Azure VM; the address is the same on every VM."""
FIXES = {
    90002: "Entra ID does not know the tenant: check {tenant}.",
    700016: "The app is not registered in this tenant: check {client} and {tenant}.",
    7000215: "The client secret is wrong: set {secret} to the secret's value, not its ID.",
    7000222: "The client secret has expired: create a new one and set {secret} to its value.",
}
"""What to do, by Entra's error code (the number after ``AADSTS``)."""


@dataclass(frozen=True, slots=True)
class _Request:
    """How to ask for a token."""

    method: Literal["GET", "POST"]
    url: str
    fields: Mapping[str, str] = field(repr=False)  # with the client secret
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_local: bool = False
    """Never through a proxy: a managed identity can be asked for on the machine itself only."""


@dataclass(frozen=True, slots=True)
class _App:
    """Whose tokens these are, and how to explain why there is none."""

    purpose: str
    request: _Request
    fix: str
    fixes: Mapping[int, str]
    unreachable_fix: str
    error: type[BotSignInError] | type[MailConnectError]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    expires_at: float
    """Seconds since the epoch."""


class EntraSignIn:
    """Signs the agent in to Entra ID; one for the process."""

    def __init__(
        self, clock: Clock, meter: Meter = UNMEASURED, proxies: ProxySettings = DIRECT
    ) -> None:
        self._clock = clock
        self._meter = meter
        self._proxies = proxies
        self._clients: dict[str | None, httpx.AsyncClient] = {}
        """By the proxy that they use."""

    def for_bot(self, settings: TeamsAppSettings) -> AccessTokens | None:
        """Tokens for the Bot Connector; None in local mode. Their errors are BotSignInErrors."""
        if settings.app_id is None:
            return None
        has_secret = settings.kind == "SingleTenant"
        app = _bot_with_secret(settings) if has_secret else _bot_with_managed_identity(settings)
        return _CachedTokens(app, self._send, self._clock)

    def for_email(self, settings: SmtpSettings) -> AccessTokens:
        """Tokens for the email transport of the settings. Their errors are MailConnectErrors."""
        return _CachedTokens(_email(settings), self._send, self._clock)

    async def _send(self, request: _Request) -> httpx.Response:
        began = time.perf_counter()
        outcome = "error"
        try:
            response = await self._client(request).request(
                request.method,
                request.url,
                data=request.fields if request.method == "POST" else None,
                params=request.fields if request.method == "GET" else None,
                headers=request.headers,
            )
            outcome = str(response.status_code)
        finally:
            self._meter.asked("identity", outcome, time.perf_counter() - began)
        return response

    def _client(self, request: _Request) -> httpx.AsyncClient:
        proxy = None if request.is_local else self._proxies.for_url(request.url)
        # Made when first needed: loading the certificate authorities takes tens of milliseconds.
        if proxy not in self._clients:
            self._clients[proxy] = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(proxy=proxy),
                timeout=TIMEOUT,
                follow_redirects=False,
            )
        return self._clients[proxy]

    async def aclose(self) -> None:
        """Closes the connections to Entra ID."""
        for client in self._clients.values():
            await client.aclose()


class _CachedTokens:
    """Implements ``services.ports.AccessTokens``.

    A token is fetched once, however many callers wait for it, and renewed shortly before it
    expires. While Entra ID is down, the old one is used until it really expires.
    """

    def __init__(
        self, app: _App, send: Callable[[_Request], Awaitable[httpx.Response]], clock: Clock
    ) -> None:
        self._app = app
        self._send = send
        self._clock = clock
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def get(self, *, stale: str | None = None) -> str:
        async with self._fetching:
            token = self._token
            if token is None or not self._is_valid(token, stale, RENEW_EARLY_SECONDS):
                token = await self._renewed(token, stale)
            return token.text

    def _is_valid(self, token: _Token, stale: str | None, seconds_from_now: float) -> bool:
        is_refused = token.text == stale
        return not is_refused and self._clock().timestamp() + seconds_from_now < token.expires_at

    async def _renewed(self, token: _Token | None, stale: str | None) -> _Token:
        try:
            self._token = await self._fetched()
        except self._app.error:
            if token is None or not self._is_valid(token, stale, 0):
                raise
            return token
        return self._token

    async def _fetched(self) -> _Token:
        async for attempt in stamina.retry_context(
            on=_is_transient,
            attempts=MAX_ATTEMPTS,
            timeout=None,
            wait_initial=0.5,
            wait_exp_base=3,
            wait_jitter=0.5,
        ):
            with attempt:
                return await self._fetched_once()
        raise AssertionError("the last attempt returns or raises")

    async def _fetched_once(self) -> _Token:
        app = self._app
        try:
            response = await self._send(app.request)
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            # ValueError: not JSON, such as the page of a proxy or a captive portal.
            reason = str(error)[:MAX_REASON_LENGTH] or type(error).__name__
            raise app.error(
                f"The Microsoft sign-in service cannot be reached ({reason}). "
                f"{app.unreachable_fix}",
                permanent=False,
            ) from error
        text = body.get("access_token") if isinstance(body, dict) else None
        if response.status_code != httpx.codes.OK or not isinstance(text, str) or not text:
            raise _refusal(app, response.status_code, body)
        return _Token(text, self._clock().timestamp() + _lifetime(body.get("expires_in")))


def _is_transient(error: Exception) -> bool:
    return isinstance(error, AgentError) and not error.permanent


def _lifetime(expires_in: object) -> float:
    """Seconds; managed identities send the number as text."""
    try:
        seconds = float(str(expires_in))
    except ValueError:
        return DEFAULT_LIFETIME_SECONDS
    return seconds if math.isfinite(seconds) else DEFAULT_LIFETIME_SECONDS


def _refusal(app: _App, status: int, body: object) -> AgentError:
    fields = body if isinstance(body, dict) else {}
    reason = str(fields.get("error", ""))[:MAX_REASON_LENGTH]
    codes = fields.get("error_codes")
    known_fixes = [
        fix for code, fix in app.fixes.items() if isinstance(codes, list) and code in codes
    ]
    details = f"{status}, {reason}" if reason else f"{status}"
    return app.error(
        f"Entra ID did not issue a token for {app.purpose} ({details}). "
        f"{known_fixes[0] if known_fixes else app.fix}",
        permanent=status < httpx.codes.INTERNAL_SERVER_ERROR
        and status != httpx.codes.TOO_MANY_REQUESTS,
        code=status,
    )


def _bot_with_secret(settings: TeamsAppSettings) -> _App:
    names = {
        "tenant": "MicrosoftAppTenantId",
        "client": "MicrosoftAppId",
        "secret": "MicrosoftAppPassword",
    }
    secret = settings.password.get_secret_value() if settings.password else ""
    return _App(
        purpose="the bot",
        request=_Request(
            "POST",
            settings.token_url,
            _client_credentials(settings.app_id, secret, f"{settings.resource}/.default"),
        ),
        fix="Check MicrosoftAppId, MicrosoftAppPassword and MicrosoftAppTenantId.",
        fixes=_fixes(names),
        unreachable_fix="Check the network.",
        error=BotSignInError,
    )


def _bot_with_managed_identity(settings: TeamsAppSettings) -> _App:
    header = settings.identity_header.get_secret_value() if settings.identity_header else ""
    on_app_service = settings.identity_endpoint is not None
    return _App(
        purpose="the bot",
        request=_Request(
            "GET",
            settings.identity_endpoint or IMDS_URL,
            {
                "resource": settings.resource,
                "client_id": settings.app_id or "",
                "api-version": "2019-08-01" if on_app_service else "2018-02-01",
            },
            # Without its header either service refuses: it guards against forged requests (SSRF).
            {"X-IDENTITY-HEADER": header} if on_app_service else {"Metadata": "true"},
            is_local=True,
        ),
        fix="Check that this machine has the managed identity MicrosoftAppId.",
        fixes={},
        unreachable_fix="Check that this machine has the managed identity MicrosoftAppId.",
        error=BotSignInError,
    )


def _email(settings: SmtpSettings) -> _App:
    names = {
        "tenant": "SMTP_OAUTH_TENANT_ID",
        "client": "SMTP_OAUTH_CLIENT_ID",
        "secret": "SMTP_OAUTH_CLIENT_SECRET",
    }
    secret = settings.oauth_client_secret
    return _App(
        purpose="email",
        request=_Request(
            "POST",
            settings.oauth_token_url,
            _client_credentials(
                settings.oauth_client_id,
                secret.get_secret_value() if secret else "",
                settings.token_scope,
            ),
        ),
        fix="Check SMTP_OAUTH_TENANT_ID, SMTP_OAUTH_CLIENT_ID and SMTP_OAUTH_CLIENT_SECRET.",
        fixes=_fixes(names),
        unreachable_fix="Check the network and SMTP_OAUTH_AUTHORITY.",
        error=MailConnectError,
    )


def _client_credentials(client_id: str | None, secret: str, scope: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client_id or "",
        "client_secret": secret,
        "scope": scope,
    }


def _fixes(setting_names: Mapping[str, str]) -> dict[int, str]:
    return {code: fix.format(**setting_names) for code, fix in FIXES.items()}
