"""Signs in to Entra ID and caches the tokens."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import stamina

from services.adapters.entra_tokens.apps import (
    EntraApp,
    TokenRequest,
    bot_with_managed_identity,
    bot_with_secret,
    email_app,
)
from services.domain.errors import AgentError
from services.ports import UNMEASURED, AccessTokens, Clock, Meter
from services.runtime.short_responses import ShortResponse, ask
from services.settings import DIRECT, ProxySettings, SmtpSettings, TeamsAppSettings

TIMEOUT = httpx.Timeout(10, connect=5)
MAX_SECONDS = 60.0
"""For a whole response: one that trickles never meets the timeout of a single read."""
RENEW_EARLY_SECONDS = 300
DEFAULT_LIFETIME_SECONDS = 3600.0
MAX_ATTEMPTS = 3
MAX_REASON_LENGTH = 80


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
        app = bot_with_secret(settings) if has_secret else bot_with_managed_identity(settings)
        return _CachedTokens(app, self._send, self._clock)

    def for_email(self, settings: SmtpSettings) -> AccessTokens:
        """Tokens for the email transport of the settings. Their errors are MailConnectErrors."""
        return _CachedTokens(email_app(settings), self._send, self._clock)

    async def _send(self, request: TokenRequest) -> ShortResponse:
        began = time.perf_counter()
        outcome = "error"
        try:
            async with asyncio.timeout(MAX_SECONDS):
                response = await ask(
                    self._client(request),
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

    def _client(self, request: TokenRequest) -> httpx.AsyncClient:
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
        self,
        app: EntraApp,
        send: Callable[[TokenRequest], Awaitable[ShortResponse]],
        clock: Clock,
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
            body = json.loads(response.body)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            # The last two: not JSON, or not all of it, such as the page of a proxy or a captive portal.
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


def _refusal(app: EntraApp, status: int, body: object) -> AgentError:
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
