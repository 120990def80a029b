"""Access tokens for mail from Entra, by OAuth 2 client credentials (RFC 6749, section 4.4).

Exchange Online takes them for SMTP (XOAUTH2, application permission ``SMTP.SendAsApp``) and for
Microsoft Graph (``Mail.Send``). A token is kept until shortly before it ends and fetched once,
however many connections wait for it.
"""

import asyncio
from dataclasses import dataclass

import httpx
import structlog

from services.errors import MailConnectError
from services.ports import Clock
from services.settings import SmtpSettings

log = structlog.get_logger()

TIMEOUT = httpx.Timeout(10, connect=5)
EARLY_SECONDS = 300
"""A token is renewed so long before it ends."""
USUAL_SECONDS = 3600
TRIES = 3
FIRST_WAIT = 0.5
OK = 200
SERVER_SIDE = 500
BUSY = 429


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends: float
    """Seconds since the epoch."""


class MailTokens:
    """Implements ``services.ports.MailTokens``; one for the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._tokens: dict[tuple[SmtpSettings, str], _Token] = {}
        self._fetching = asyncio.Lock()

    async def get(self, settings: SmtpSettings, scope: str, *, stale: str | None = None) -> str:
        """A token for a scope. ``stale``: one that was refused and must not come back.

        Raises MailConnectError that names the settings to check.
        """
        key = settings, scope
        async with self._fetching:
            known = self._tokens.get(key)
            now = self._clock().timestamp()
            if known is None or known.text == stale or known.ends - EARLY_SECONDS <= now:
                self._tokens = {key: await self._fetched(settings, scope)}
            return self._tokens[key].text

    async def aclose(self) -> None:
        """Closes the connections to the sign-in service."""
        if self._http is not None:
            await self._http.aclose()

    async def _fetched(self, settings: SmtpSettings, scope: str) -> _Token:
        for attempt in range(1, TRIES + 1):
            try:
                return await self._asked(settings, scope)
            except MailConnectError as error:
                if error.permanent or attempt == TRIES:
                    raise
            await asyncio.sleep(FIRST_WAIT * attempt)
        raise AssertionError("the last try returns or raises")

    async def _asked(self, settings: SmtpSettings, scope: str) -> _Token:
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        secret = settings.oauth_client_secret
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.oauth_client_id or "",
            "client_secret": secret.get_secret_value() if secret else "",
            "scope": scope,
        }
        try:
            response = await self._http.post(settings.oauth_token_url, data=form)
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            reason = type(error).__name__
            raise MailConnectError(
                f"The sign-in service for mail cannot be reached ({reason}). Check the network "
                "and SMTP_OAUTH_AUTHORITY.",
                permanent=False,
            ) from error
        token = body.get("access_token") if isinstance(body, dict) else None
        if response.status_code != OK or not isinstance(token, str) or not token:
            raise _refused(response.status_code, body)
        return _Token(token, self._clock().timestamp() + _seconds(body.get("expires_in")))


def _seconds(given: object) -> float:
    try:
        return float(str(given))
    except ValueError:
        return float(USUAL_SECONDS)


def _refused(status: int, body: object) -> MailConnectError:
    said = str(body.get("error", ""))[:60] if isinstance(body, dict) else ""
    busy = status == BUSY or status >= SERVER_SIDE
    return MailConnectError(
        f"Entra gives no token for mail ({status}{', ' if said else ''}{said}). Check "
        "SMTP_OAUTH_TENANT_ID, SMTP_OAUTH_CLIENT_ID and SMTP_OAUTH_CLIENT_SECRET.",
        permanent=not busy,
        code=status,
    )
