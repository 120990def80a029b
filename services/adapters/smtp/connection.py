"""One SMTP session: MAIL and RCPT, then DATA and the body, for many messages in turn."""

import re
from contextlib import suppress

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from services.adapters.smtp.explanations import (
    PERMANENT,
    TRANSIENT,
    connection_lost,
    one_line,
    reason,
    reply_text,
)
from services.adapters.smtp.sender_refusals import ADDRESS_FIX, sender_fix
from services.domain.errors import MailConnectError, MailError, MailFateUnknownError

START_INPUT = 354
COMPLETED = range(200, 300)
"""RFC 5321, section 4.3.2 names 250, but a client has to go by the first digit (4.2.1)."""
SERVICE_CLOSING = 421
"""May be the reply to any command (RFC 5321, section 3.8)."""
MAX_QUIT_SECONDS = 2.0
NETWORK_ERRORS = (SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)
DOT_AT_LINE_START = re.compile(rb"(?m)^\.")


class SmtpConnection:
    """Implements ``services.ports.MailConnection``."""

    def __init__(self, client: aiosmtplib.SMTP, final_reply: float) -> None:
        self._client = client
        self._final_reply = final_reply
        self._sender = ""

    async def offer(self, sender: str, recipient: str) -> None:
        """Send MAIL and RCPT; a refusal leaves the connection ready for the next message."""
        self._sender = sender
        try:
            await self._client.mail(sender)
            await self._client.rcpt(recipient)
        except aiosmtplib.SMTPSenderRefused as error:
            fix = sender_fix(error.code, error.message, sender) or ADDRESS_FIX
            raise self._sender_refusal(error.code, error.message, fix) from error
        except SMTPResponseException as error:
            refusal = self._refusal(error.code, error.message)
            await self._reset()
            raise refusal from error
        except NETWORK_ERRORS as error:
            raise connection_lost(error) from error
        except (SMTPException, ValueError) as error:
            await self._reset()
            raise MailError(
                f"Email cannot be sent to this address: {one_line(str(error))}", permanent=True
            ) from error

    async def hand_over(self, raw: bytes) -> str:
        """Send DATA and the body; return the server's final reply."""
        try:
            start = await self._client.execute_command(b"DATA")
        except NETWORK_ERRORS as error:
            # Nothing of the body has left yet, so that this is safe to repeat.
            raise connection_lost(error) from error
        if start.code != START_INPUT:
            refusal = self._refusal(start.code, start.message)
            await self._reset()
            raise refusal
        reply = await self._send_body(raw)
        if reply.code in COMPLETED:
            return reply_text(reply.code, reply.message)
        if reply.code not in TRANSIENT and reply.code not in PERMANENT:
            self._client.close()
            raise MailFateUnknownError(
                "The mail server neither accepted nor refused the email "
                f"({reply_text(reply.code, reply.message)}). It may have been delivered."
            )
        raise self._refusal(reply.code, reply.message)

    async def _send_body(self, raw: bytes) -> aiosmtplib.SMTPResponse:
        # Not ``client.data()``: it sends DATA itself, so that an error could come from before the
        # body or after it. Not ``send_message()`` either: it serializes again with its own policy,
        # which encodes a List-Unsubscribe longer than a line (=?utf-8?q?...?=) and so breaks it.
        protocol = self._client.protocol
        if protocol is None:
            raise MailConnectError("The mail server closed the connection.", permanent=False)
        try:
            # Dot-stuffing: a line that is a single dot would end the message (RFC 5321, 4.5.2).
            protocol.write(DOT_AT_LINE_START.sub(b"..", raw) + b".\r\n")
            return await protocol.read_response(timeout=self._final_reply)
        except (*NETWORK_ERRORS, SMTPException) as error:
            # SMTP cannot ask what became of a message (no transaction ID as in a database): only
            # the policy for ambiguous deliveries can decide what to do next.
            self._client.close()
            raise MailFateUnknownError(
                f"The mail server did not confirm the email ({reason(error)}). "
                "It may have been delivered."
            ) from error

    def _refusal(self, code: int, message: str) -> MailError:
        text = f"The mail server refused the email ({reply_text(code, message)})."
        if code not in TRANSIENT and code not in PERMANENT:
            # Not a reply to what was sent: commands and replies are out of step.
            self._client.close()
        if code == SERVICE_CLOSING or not self._client.is_connected:
            return MailConnectError(text, permanent=False, code=code)
        fix = sender_fix(code, message, self._sender) if code in PERMANENT else None
        if fix is not None:
            return self._sender_refusal(code, message, fix)
        return MailError(text, permanent=code in PERMANENT, code=code)

    def _sender_refusal(self, code: int, message: str, fix: str) -> MailConnectError:
        """Affects every recipient, so it must not fail this delivery for good."""
        return MailConnectError(
            f"The mail server does not accept email from {self._sender}. {fix} "
            f"({reply_text(code, message)})",
            permanent=code in PERMANENT,
            code=code,
        )

    async def _reset(self) -> None:
        """Get ready for the next message; close a connection that cannot be reset."""
        try:
            await self._client.rset()
        except (SMTPException, OSError):
            self._client.close()

    async def aclose(self) -> None:
        """Send QUIT if the server still listens; never raises, never waits long."""
        if self._client.is_connected:
            with suppress(SMTPException, OSError):
                await self._client.quit(timeout=MAX_QUIT_SECONDS)
        self._client.close()
