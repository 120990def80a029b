"""Connecting to a mail server: TCP, TLS and sign-in."""

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTPException

from services.adapters.smtp.connection import SmtpConnection
from services.adapters.smtp.explanations import explain_connect_error
from services.domain.errors import MailConnectError, SettingsError
from services.ports import AccessTokens
from services.settings import SmtpSettings

MARGIN_SECONDS = 2.0
"""For what happens between two waits."""


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Seconds to wait for each kind of reply."""

    connect: float = 15.0
    command: float = 30.0
    final_reply: float = 60.0
    """The reply to the body, which servers scan first.

    RFC 5321, section 4.5.3.2.6 allows ten minutes, but a delivery is leased for that long: after
    this its fate counts as unknown.
    """


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
        # One context for all connections. aiosmtplib makes one for each otherwise, and loading
        # the certificate authorities costs about 30 ms of CPU, ten times as much as sending an email.
        self._tls = tls_context or ssl.create_default_context()
        self._tokens = tokens
        self.sender = _sender(settings)
        self.lanes = settings.max_connections
        self.per_minute = settings.rate_per_minute
        self.reply_timeout_seconds = (
            self._timeouts.command + self._timeouts.final_reply + MARGIN_SECONDS
        )

    async def connect(self) -> SmtpConnection:
        """Connect, start TLS and sign in; MailConnectError says how to fix what fails.

        A token that the server refuses is renewed once: it may have been revoked, or the server's
        clock may be ahead.
        """
        if self._settings.auth == "password" or self._tokens is None:
            return await self._open(None)
        token = await self._tokens.get()
        try:
            return await self._open(token)
        except MailConnectError as error:
            if not error.permanent or error.code is None:
                raise
            return await self._open(await self._tokens.get(stale=token))

    async def _open(self, token: str | None) -> SmtpConnection:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=settings.port,
            timeout=self._timeouts.connect,
            use_tls=settings.tls == "implicit",
            # The default starts TLS only if the server offers it, and anyone on the way can remove
            # the offer: the password would then go over the wire unencrypted.
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
            raise explain_connect_error(error, settings, self.sender) from error
        except MailConnectError:
            client.close()
            raise
        client.timeout = self._timeouts.command
        return SmtpConnection(client, self._timeouts.final_reply)

    async def _start_tls(self, client: aiosmtplib.SMTP) -> None:
        if not client.supports_extension("starttls"):
            raise MailConnectError(
                f"The mail server {self._host}:{self._settings.port} does not offer STARTTLS, and "
                "the agent never sends email unencrypted. Set SMTP_TLS=implicit if the server "
                "uses TLS from the start (often port 465).",
                permanent=True,
            )
        await client.starttls()
        # What the server said before TLS may be forged and has to be discarded (RFC 3207, 4.2).
        await client.ehlo()


def _sender(settings: SmtpSettings) -> str:
    if settings.sender:
        return settings.sender
    if settings.user and "@" in settings.user:
        return settings.user
    raise SettingsError("SENDER_EMAIL is not set. Set it to the address that emails come from.")
