"""SMTP, driven stage by stage, so that it is always known whether the body had begun to leave."""

import re
import ssl
from contextlib import suppress
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from services.domain.errors import MailConnectError, MailError, MailFateUnknownError, SettingsError
from services.ports import AccessTokens
from services.settings import SmtpSettings

START_INPUT = 354
COMPLETED = range(200, 300)
TRANSIENT = range(400, 500)
PERMANENT = range(500, 600)
CLOSING = 421
LONGEST_REPLY = 300
QUIT_SECONDS = 2.0
MARGIN = 2.0
"""For what lies between two waits."""
NET_ERRORS = (SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)
PASSWORDS_ARE_OFF = "5.7.30"
"""Exchange Online: basic authentication is not supported for client submission."""
LINE_START_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Seconds to wait for each kind of answer."""

    connect: float = 15.0
    command: float = 30.0
    final_answer: float = 60.0
    """The answer to the body: servers scan it first."""


class SmtpTransport:
    """Implements ``services.ports.MailTransport``."""

    name = "smtp"

    def __init__(
        self,
        settings: SmtpSettings,
        timeouts: SmtpTimeouts | None = None,
        tls_context: ssl.SSLContext | None = None,
        tokens: AccessTokens | None = None,
    ) -> None:
        """``tls_context``: certificates to trust; the system's when None.

        ``tokens``: needed for SMTP_AUTH=oauth2.
        """
        if settings.host is None:
            raise SettingsError("SMTP_HOST is not set. Set it to your mail server.")
        self._settings = settings
        self._host = settings.host
        self._timeouts = timeouts or SmtpTimeouts()
        self._tls = tls_context or ssl.create_default_context()
        self._tokens = tokens
        self.sender = _sender(settings)
        self.lanes = settings.max_connections
        self.per_minute = settings.rate_per_minute
        self.answer_within = self._timeouts.command + self._timeouts.final_answer + MARGIN

    async def connect(self) -> "SmtpConnection":
        """Connects, secures and signs in; MailConnectError with the cure.

        A token that the server refuses is renewed once: it may have been withdrawn, or the
        server's clock be ahead.
        """
        if self._settings.auth == "password" or self._tokens is None:
            return await self._connected(None)
        token = await self._token()
        try:
            return await self._connected(token)
        except MailConnectError as error:
            if not error.permanent or error.code is None:
                raise
            return await self._connected(await self._token(stale=token))

    async def _token(self, stale: str | None = None) -> str | None:
        if self._tokens is None:
            return None
        return await self._tokens.get(stale=stale)

    async def _connected(self, token: str | None) -> "SmtpConnection":
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=settings.port,
            timeout=self._timeouts.connect,
            use_tls=settings.tls == "implicit",
            start_tls=False,
            tls_context=self._tls,
            local_hostname="localhost" if settings.tls == "none" else None,
        )
        try:
            await client.connect()
            await client.ehlo()
            if settings.tls == "starttls":
                await self._start_tls(client)
            if token is not None:
                await client.auth_xoauth2(settings.user or self.sender, token)
            elif settings.user and settings.password:
                await client.login(settings.user, settings.password.get_secret_value())
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise self._explained(error) from error
        except MailConnectError:
            client.close()
            raise
        client.timeout = self._timeouts.command
        return SmtpConnection(client, self._timeouts.final_answer)

    async def _start_tls(self, client: aiosmtplib.SMTP) -> None:
        if not client.supports_extension("starttls"):
            raise MailConnectError(
                f"The mail server {self._where} offers no STARTTLS, and mail is never sent in the "
                "clear. Set SMTP_TLS=implicit if it speaks TLS from the start (often port 465).",
                permanent=True,
            )
        await client.starttls()
        await client.ehlo()

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._settings.port}"

    def _explained(self, error: Exception) -> MailConnectError:
        """Why there is no connection, with the setting that cures it."""
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            return MailConnectError(
                f"The mail server {self._where} refused the sign-in of "
                f"{self._settings.user or self.sender} ({_reply(error.code, error.message)}). "
                f"{self._sign_in_cure(error)}",
                permanent=error.code in PERMANENT,
                code=error.code,
            )
        cause = error.__cause__ or error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return MailConnectError(
                f"The certificate of the mail server {self._where} is not trusted "
                f"({cause.verify_message}). Check SMTP_HOST, or install your company's "
                "certificate authority on this machine.",
                permanent=True,
            )
        if isinstance(cause, ssl.SSLError):
            return MailConnectError(
                f"The mail server {self._where} does not speak TLS as set ({cause.reason}). "
                "Check SMTP_PORT and SMTP_TLS (starttls for 587, implicit for 465).",
                permanent=True,
            )
        if isinstance(error, SMTPResponseException):
            return MailConnectError(
                f"The mail server {self._where} turned us away "
                f"({_reply(error.code, error.message)}). Ask its operator if this goes on.",
                permanent=error.code in PERMANENT,
                code=error.code,
            )
        if isinstance(error, SMTPException) and "auth" in str(error).lower():
            return MailConnectError(
                f"The mail server {self._where} offers no sign-in that the agent knows. Check "
                "SMTP_PORT and SMTP_TLS, or unset SMTP_USER and SMTP_PASSWORD if it needs none.",
                permanent=True,
            )
        return MailConnectError(
            f"The mail server {self._where} cannot be reached "
            f"({_clean(str(error)) or type(error).__name__}). Check SMTP_HOST, SMTP_PORT and the "
            "network.",
            permanent=False,
        )

    def _sign_in_cure(self, error: SMTPResponseException) -> str:
        if self._settings.auth == "oauth2":
            return (
                "Give the app the permission SMTP.SendAsApp with the admin's consent, register its "
                "service principal in Exchange, and give it access to the mailbox."
            )
        if PASSWORDS_ARE_OFF in error.message or "basic authentication" in error.message.lower():
            return "The server takes no passwords any more. Set SMTP_AUTH=oauth2 (docs/mail.md)."
        return "Check SMTP_USER and SMTP_PASSWORD, and that the account may send by SMTP."


def _sender(settings: SmtpSettings) -> str:
    if settings.sender:
        return settings.sender
    if settings.user and "@" in settings.user:
        return settings.user
    raise SettingsError("SENDER_EMAIL is not set. Set it to the address that mails come from.")


class SmtpConnection:
    """Implements ``services.ports.MailConnection``."""

    def __init__(self, client: aiosmtplib.SMTP, final_answer: float) -> None:
        self._client = client
        self._final_answer = final_answer

    async def offer(self, sender: str, recipient: str) -> None:
        """MAIL and RCPT; a refusal leaves the connection ready for the next mail."""
        try:
            await self._client.mail(sender)
            await self._client.rcpt(recipient)
        except aiosmtplib.SMTPSenderRefused as error:
            # Concerns every recipient: no delivery may fail for good because of it.
            raise MailConnectError(
                f"The mail server does not accept mail from {sender} "
                f"({_reply(error.code, error.message)}). Check SENDER_EMAIL and SMTP_USER.",
                permanent=error.code in PERMANENT,
                code=error.code,
            ) from error
        except SMTPResponseException as error:
            refusal = self._refusal(error.code, error.message)
            await self._reset()
            raise refusal from error
        except NET_ERRORS as error:
            raise _lost(error) from error
        except (SMTPException, ValueError) as error:
            await self._reset()
            raise MailError(
                f"The address cannot be mailed: {_clean(str(error))}", permanent=True
            ) from error

    async def hand_over(self, raw: bytes) -> str:
        """DATA and the body; the server's final answer."""
        try:
            start = await self._client.execute_command(b"DATA")
        except NET_ERRORS as error:
            raise _lost(error) from error  # nothing of the body has left
        if start.code != START_INPUT:
            refusal = self._refusal(start.code, start.message)
            await self._reset()
            raise refusal
        answer = await self._body(raw)
        if answer.code in COMPLETED:
            return _reply(answer.code, answer.message)
        if answer.code not in TRANSIENT and answer.code not in PERMANENT:
            self._client.close()
            raise MailFateUnknownError(
                f"The mail server answered {_reply(answer.code, answer.message)} after it got the "
                "mail, which says neither yes nor no."
            )
        raise self._refusal(answer.code, answer.message)

    async def _body(self, raw: bytes) -> aiosmtplib.SMTPResponse:
        protocol = self._client.protocol
        if protocol is None:
            raise MailConnectError("The mail server ended the connection.", permanent=False)
        try:
            protocol.write(LINE_START_DOT.sub(b"..", raw) + b".\r\n")
            return await protocol.read_response(timeout=self._final_answer)
        except (*NET_ERRORS, SMTPException) as error:
            self._client.close()
            reason = _clean(str(error)) or type(error).__name__
            raise MailFateUnknownError(
                f"The mail server did not answer after it got the mail ({reason})."
            ) from error

    def _refusal(self, code: int, message: str) -> MailError:
        text = f"The mail server answered {_reply(code, message)}."
        if code not in TRANSIENT and code not in PERMANENT:
            # No answer to what was said: questions and answers are out of step.
            self._client.close()
        if code == CLOSING or not self._client.is_connected:
            return MailConnectError(text, permanent=False, code=code)
        return MailError(text, permanent=code in PERMANENT, code=code)

    async def _reset(self) -> None:
        """Makes ready for the next mail, or ends a connection that will not be."""
        try:
            await self._client.rset()
        except (SMTPException, OSError):
            self._client.close()

    async def aclose(self) -> None:
        """Says goodbye if the server still listens; never raises, never waits long."""
        if self._client.is_connected:
            with suppress(SMTPException, OSError):
                await self._client.quit(timeout=QUIT_SECONDS)
        self._client.close()


def _lost(error: BaseException) -> MailConnectError:
    reason = _clean(str(error)) or type(error).__name__
    return MailConnectError(f"The mail server ended the connection ({reason}).", permanent=False)


def _reply(code: int, message: str) -> str:
    return f"{code} {_clean(message)}".strip()


def _clean(text: str) -> str:
    """Text from a server as one short line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_REPLY]
