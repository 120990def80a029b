"""Mail through Microsoft Graph: ``POST /users/{mailbox}/sendMail`` with the bytes as MIME.

Graph answers 202 when Exchange has taken the mail. It has no stage between the recipient and the
body, so an answer that is lost leaves the fate of the mail unknown, as with SMTP.
"""

import base64
from urllib.parse import quote

import httpx

from services.domain.errors import MailConnectError, MailError, MailFateUnknownError, SettingsError
from services.ports import AccessTokens
from services.settings import SmtpSettings

TIMEOUT = httpx.Timeout(60, connect=10)
ACCEPTED = 202
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_LARGE, BUSY = 401, 403, 404, 413, 429
SERVER_SIDE = 500
NEVER_SENT = {BUSY, 503}
"""Answers that say that nothing was done; other errors of the server may come after the work."""
MOST_LANES = 4
"""Graph serves one mailbox and app so many requests at once."""
LONGEST_REASON = 200
ANSWER_WITHIN = 90.0
"""Seconds for sending a mail, with one renewal of the token."""


class GraphTransport:
    """Implements ``services.ports.MailTransport``."""

    name = "graph"

    def __init__(self, settings: SmtpSettings, tokens: AccessTokens) -> None:
        sender = settings.sender or settings.user
        if not sender:
            raise SettingsError("SENDER_EMAIL is not set. Set it to the mailbox that sends.")
        self._settings = settings
        self._tokens = tokens
        self.sender = sender
        self.lanes = min(settings.max_connections, MOST_LANES)
        self.per_minute = settings.rate_per_minute
        self.answer_within = ANSWER_WITHIN

    async def connect(self) -> "GraphConnection":
        """Gets a token; MailConnectError with the cure."""
        token = await self._tokens.get()
        http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        return GraphConnection(http, self._settings, self._tokens, token)


class GraphConnection:
    """Implements ``services.ports.MailConnection``."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: SmtpSettings,
        tokens: AccessTokens,
        token: str,
    ) -> None:
        self._http = http
        self._settings = settings
        self._tokens = tokens
        self._token = token
        self._sender = ""

    async def offer(self, sender: str, recipient: str) -> None:
        """Graph takes the recipient with the body; refreshes the token when it is about to end."""
        self._sender = sender
        self._token = await self._tokens.get()

    async def hand_over(self, raw: bytes) -> str:
        """Sends the mail; a token that is refused is renewed once, as nothing was sent with it."""
        response = await self._sent(raw)
        if response.status_code == UNAUTHORIZED:
            self._token = await self._tokens.get(stale=self._token)
            response = await self._sent(raw)
        if response.status_code == ACCEPTED:
            return f"202 {response.headers.get('request-id', '')[:60]}".strip()
        raise _refusal(response, self._sender)

    async def _sent(self, raw: bytes) -> httpx.Response:
        url = f"{self._settings.graph_url}/v1.0/users/{quote(self._sender, safe='@')}/sendMail"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "text/plain"}
        try:
            return await self._http.post(url, content=base64.b64encode(raw), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise MailConnectError(
                f"Microsoft Graph cannot be reached ({type(error).__name__}). Check the network.",
                permanent=False,
            ) from error
        except httpx.HTTPError as error:
            raise MailFateUnknownError(
                f"Microsoft Graph did not answer after it got the mail ({type(error).__name__})."
            ) from error

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._http.aclose()


def _refusal(response: httpx.Response, sender: str) -> Exception:
    status, reason = response.status_code, _reason(response)
    said = f"Microsoft Graph answered {status} {reason}".rstrip() + "."
    if status in NEVER_SENT:
        return MailConnectError(said, permanent=False, code=status)
    if status >= SERVER_SIDE:
        return MailFateUnknownError(said)
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return MailConnectError(
            f"{said} Give the app the application permission Mail.Send and the admin's consent, "
            f"and access to the mailbox {sender}.",
            permanent=True,
            code=status,
        )
    if status == NOT_FOUND:
        return MailConnectError(
            f"{said} Check that SENDER_EMAIL ({sender}) is a mailbox of the tenant.",
            permanent=True,
            code=status,
        )
    return MailError(said, permanent=True, code=status)


def _reason(response: httpx.Response) -> str:
    try:
        error = response.json().get("error")
    except (ValueError, AttributeError):
        return ""
    if not isinstance(error, dict):
        return ""
    words = f"{error.get('code', '')} {error.get('message', '')}"
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:LONGEST_REASON]
