"""Errors of a mail server in plain words: what happened, and which setting fixes it."""

import ssl

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from services.domain.errors import MailConnectError
from services.settings import SmtpSettings

TRANSIENT = range(400, 500)
PERMANENT = range(500, 600)
MAX_REPLY_LENGTH = 300
PASSWORDS_DISABLED = "5.7.30"
"""Exchange Online: basic authentication is not supported for client submission."""


def explain_connect_error(
    error: Exception, settings: SmtpSettings, sender: str
) -> MailConnectError:
    """Why there is no connection, and the setting that fixes it."""
    server = f"{settings.host}:{settings.port}"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailConnectError(
            f"The mail server {server} refused the sign-in of {settings.user or sender} "
            f"({reply_text(error.code, error.message)}). {_sign_in_fix(error, settings)}",
            permanent=error.code in PERMANENT,
            code=error.code,
        )
    # aiosmtplib wraps errors of the TLS handshake in its own.
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        return _tls_error(cause, server)
    if isinstance(error, SMTPResponseException):
        return MailConnectError(
            f"The mail server {server} refused the connection "
            f"({reply_text(error.code, error.message)}). Contact its administrator if this "
            "persists.",
            permanent=error.code in PERMANENT,
            code=error.code,
        )
    if isinstance(error, SMTPException) and "auth" in str(error).lower():
        return MailConnectError(
            f"The mail server {server} offers no sign-in method that the agent supports. Check "
            "SMTP_PORT and SMTP_TLS, or unset SMTP_USER and SMTP_PASSWORD if it needs none.",
            permanent=True,
        )
    return MailConnectError(
        f"The mail server {server} cannot be reached ({reason(error)}). "
        "Check SMTP_HOST, SMTP_PORT and the network.",
        permanent=False,
    )


def _tls_error(error: ssl.SSLError, server: str) -> MailConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailConnectError(
            f"The certificate of the mail server {server} is not trusted "
            f"({error.verify_message}). Check SMTP_HOST, or install your company's certificate "
            "authority on this machine.",
            permanent=True,
        )
    return MailConnectError(
        f"The TLS handshake with the mail server {server} failed ({error.reason}). "
        "Check SMTP_PORT and SMTP_TLS (starttls for port 587, implicit for 465).",
        permanent=True,
    )


def _sign_in_fix(error: SMTPResponseException, settings: SmtpSettings) -> str:
    if settings.auth == "oauth2":
        return (
            "Give the app the permission SMTP.SendAsApp with admin consent, register its service "
            "principal in Exchange, and give it access to the mailbox."
        )
    if PASSWORDS_DISABLED in error.message or "basic authentication" in error.message.lower():
        return "The server no longer accepts passwords. Set SMTP_AUTH=oauth2 (docs/mail.md)."
    return "Check SMTP_USER and SMTP_PASSWORD, and that the account may send over SMTP."


def connection_lost(error: BaseException) -> MailConnectError:
    return MailConnectError(
        f"The mail server closed the connection ({reason(error)}).",
        permanent=False,
    )


def reason(error: BaseException) -> str:
    """The text of an error, or its type's name where it has none, as timeouts do."""
    return one_line(str(error)) or type(error).__name__


def reply_text(code: int, message: str) -> str:
    return f"{code} {one_line(message)}".strip()


def one_line(text: str) -> str:
    """Shorten a server's text to one line without control characters.

    It ends up in logs, cards and terminals, and a server may send anything.
    """
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:MAX_REPLY_LENGTH]
