"""Email through Microsoft Graph: ``POST /users/{mailbox}/sendMail`` with a MIME message.

Graph responds with 202 once Exchange has accepted the message. There is no step between recipient
and body, so when the response is lost it is unknown whether the email was sent, as with SMTP.
"""

import base64
import json
from urllib.parse import quote

import httpx

from services.domain.errors import MailConnectError, MailError, MailFateUnknownError, SettingsError
from services.ports import AccessTokens
from services.runtime.short_responses import ShortResponse, ask
from services.settings import DIRECT, ProxySettings, SmtpSettings

TIMEOUT = httpx.Timeout(60, connect=10)
ACCEPTED = 202
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_LARGE, THROTTLED = 401, 403, 404, 413, 429
SERVER_SIDE = 500
NEVER_SENT = {THROTTLED, 503}
"""Statuses that say that nothing was done; other server errors may come after the work."""
SENDER_ERRORS = {
    "ErrorSendAsDenied",
    "ErrorAccountSuspend",
    "ErrorAccountSuspendShowTierUpgrade",
    "ErrorExceededMessageLimit",
    "ErrorMessageSubmissionBlocked",
    "ErrorSubmissionQuotaExceeded",
    "MailboxNotEnabledForRESTAPI",
}
"""Error codes that concern the sender, whatever the status: every other email would meet them."""
MAX_CONCURRENT_REQUESTS = 4
"""Graph's limit for an app and a mailbox (Outlook service limits in "Microsoft Graph
service-specific throttling limits"); more get 429."""
MAX_REASON_LENGTH = 200
REPLY_TIMEOUT_SECONDS = 90.0
"""For sending an email, with one renewal of the token."""


class GraphTransport:
    """Implements ``services.ports.MailTransport``."""

    name = "graph"

    def __init__(
        self, settings: SmtpSettings, tokens: AccessTokens, proxies: ProxySettings = DIRECT
    ) -> None:
        sender = settings.sender or settings.user
        if not sender:
            raise SettingsError("SENDER_EMAIL is not set. Set it to the mailbox to send from.")
        self._settings = settings
        self._tokens = tokens
        self._proxies = proxies
        self.sender = sender
        self.lanes = min(settings.max_connections, MAX_CONCURRENT_REQUESTS)
        self.per_minute = settings.rate_per_minute
        self.reply_timeout_seconds = REPLY_TIMEOUT_SECONDS

    async def connect(self) -> "GraphConnection":
        """Get a token; MailConnectError says why there is none."""
        token = await self._tokens.get()
        proxy = self._proxies.for_url(self._settings.graph_url)
        http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(proxy=proxy),
            timeout=TIMEOUT,
            follow_redirects=False,
        )
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
        """Renew a token that is about to expire; Graph reads the recipient from the message."""
        self._sender = sender
        self._token = await self._tokens.get()

    async def hand_over(self, raw: bytes) -> str:
        """Send the message; a refused token is renewed once, as nothing was sent with it."""
        response = await self._post(raw)
        if response.status_code == UNAUTHORIZED:
            self._token = await self._tokens.get(stale=self._token)
            response = await self._post(raw)
        if response.status_code == ACCEPTED:
            return f"202 {response.headers.get('request-id', '')[:60]}".strip()
        raise _refusal(response, self._sender)

    async def _post(self, raw: bytes) -> ShortResponse:
        url = f"{self._settings.graph_url}/v1.0/users/{quote(self._sender, safe='@')}/sendMail"
        # MIME goes as text/plain in base64. As JSON the message could not carry its Message-ID,
        # Date and List-Unsubscribe: custom headers of Graph have to begin with "x-".
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "text/plain"}
        try:
            return await ask(
                self._http, "POST", url, content=base64.b64encode(raw), headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise MailConnectError(
                f"Microsoft Graph cannot be reached ({type(error).__name__}). Check the network.",
                permanent=False,
            ) from error
        except httpx.HTTPError as error:
            raise MailFateUnknownError(
                f"Microsoft Graph did not confirm the email ({type(error).__name__}). "
                "It may have been sent."
            ) from error

    async def aclose(self) -> None:
        await self._http.aclose()


def _refusal(response: ShortResponse, sender: str) -> Exception:
    status, code, reason = response.status_code, *_reason(response)
    details = f"{status} {reason}".rstrip()
    text = f"Microsoft Graph did not accept the email ({details})."
    if status in NEVER_SENT:
        return MailConnectError(text, permanent=False, code=status)
    if status >= SERVER_SIDE:
        return MailFateUnknownError(
            f"Microsoft Graph failed after it received the email ({details}). It may have been sent."
        )
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return MailConnectError(
            f"{text} Give the app the application permission Mail.Send with admin consent, "
            f"and access to the mailbox {sender}.",
            permanent=True,
            code=status,
        )
    if status == NOT_FOUND:
        return MailConnectError(
            f"{text} Check that SENDER_EMAIL ({sender}) is a mailbox in the tenant.",
            permanent=True,
            code=status,
        )
    if code in SENDER_ERRORS:
        return MailConnectError(
            f"{text} Exchange blocks or limits the mailbox {sender}. Ask its administrator to "
            "change that, or set SENDER_EMAIL to another mailbox.",
            permanent=True,
            code=status,
        )
    return MailError(text, permanent=True, code=status)


def _reason(response: ShortResponse) -> tuple[str, str]:
    """Graph's error code, and the code with its message; both empty when there is none."""
    try:
        error = json.loads(response.body).get("error")
    except (ValueError, RecursionError, AttributeError):
        return "", ""
    if not isinstance(error, dict):
        return "", ""
    text = f"{error.get('code', '')} {error.get('message', '')}"
    printable = "".join(char if char.isprintable() else " " for char in text)
    return str(error.get("code", "")), " ".join(printable.split())[:MAX_REASON_LENGTH]
