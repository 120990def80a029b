"""Refusals of the sender, as opposed to those of one recipient or one message.

Servers refuse a sender wherever they like, not only in reply to MAIL: Exchange after the body,
Postfix at RCPT (``smtpd_delay_reject``), Amazon SES and SendGrid after the body and without an
enhanced status code. Whatever the step, every other email would meet the same refusal.
"""

import re

ENHANCED_CODE = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")
"""RFC 3463; is at the start of the text (RFC 2034), and after it in replies of several lines."""
SIGN_IN_REPLIES = frozenset({530, 534, 535, 538})
"""RFC 4954, section 6: the client has to sign in, or to do it differently."""

SEND_AS_FIX = (
    "Set SENDER_EMAIL to the mailbox that signs in, or allow that account to send as "
    "SENDER_EMAIL (in Exchange: the Send As permission)."
)
SIGN_IN_FIX = (
    "The server requires a sign-in. Set SMTP_USER and SMTP_PASSWORD, or SMTP_AUTH=oauth2 "
    "(docs/mail.md)."
)
VERIFY_FIX = "Verify SENDER_EMAIL with the mail service, or set it to a verified address."
BLOCKED_FIX = (
    "The mail service blocks or limits this sender. Ask its administrator to change that, or set "
    "SENDER_EMAIL to another address."
)
ADDRESS_FIX = "Check SENDER_EMAIL and SMTP_USER."

FIXES_BY_CODE = {
    # Exchange: "Email non-delivery reports and SMTP errors in Exchange Online" (Microsoft Learn).
    "5.2.252": SEND_AS_FIX,
    "5.7.60": SEND_AS_FIX,
    "5.7.57": SIGN_IN_FIX,
    "5.7.64": SIGN_IN_FIX,  # relaying without a connector
    "5.1.90": BLOCKED_FIX,  # recipients a day
    "5.7.232": BLOCKED_FIX,  # recipients a day of the tenant
    "5.7.233": BLOCKED_FIX,
    "5.7.750": BLOCKED_FIX,  # unregistered domain
    "5.4.5": BLOCKED_FIX,  # Gmail: emails a day
    # RFC 3463, section 3.2. Exchange Online uses 5.1.8 for a sender that it has blocked.
    "5.1.7": ADDRESS_FIX,
    "5.1.8": BLOCKED_FIX,
    # RFC 7372 and RFC 7505: DKIM, SPF, reverse DNS or null MX of the sender.
    **{f"5.7.{detail}": BLOCKED_FIX for detail in range(20, 28)},
    # Exchange Online: banned senders, DMARC, banned addresses, and tenants over their limit.
    **dict.fromkeys(
        ("5.7.501", "5.7.502", "5.7.503", "5.7.509", "5.7.511", "5.7.515"), BLOCKED_FIX
    ),
    **{f"5.7.{detail}": BLOCKED_FIX for detail in (*range(606, 650), *range(700, 750))},
}
"""Codes that are enough to know that the sender is meant."""

FIXES_BY_TEXT = (
    # "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", Exchange before 5.2.252.
    (re.compile(r"SendAsDenied|send as this sender", re.IGNORECASE), SEND_AS_FIX),
    # Postfix, with 5.7.1: "Sender address rejected: not owned by user x".
    (re.compile(r"sender address rejected|not owned by user", re.IGNORECASE), SEND_AS_FIX),
    # SendGrid, without a code.
    (re.compile(r"does not match a verified sender identity", re.IGNORECASE), VERIFY_FIX),
    # Amazon SES, without a code.
    (re.compile(r"not authorized to perform .?ses:", re.IGNORECASE), SIGN_IN_FIX),
    (re.compile(r"sending (is )?(paused|suspended)", re.IGNORECASE), BLOCKED_FIX),
    # Exchange and Gmail, with 5.2.0 and 5.4.5 or none.
    (re.compile(r"submission quota|sending (limit|quota)", re.IGNORECASE), BLOCKED_FIX),
)
"""Texts of refusals whose codes are used for recipients and messages as well."""
UNVERIFIED = re.compile(r"address(es)? (is|are) not verified", re.IGNORECASE)
"""Amazon SES; in its sandbox it refuses recipients in the same words."""


def sender_fix(code: int, message: str, sender: str) -> str | None:
    """What to do about a permanent refusal of the sender; None for any other refusal."""
    if code in SIGN_IN_REPLIES:
        return SIGN_IN_FIX
    for enhanced in ENHANCED_CODE.findall(message):
        if enhanced in FIXES_BY_CODE:
            return FIXES_BY_CODE[enhanced]
    for pattern, fix in FIXES_BY_TEXT:
        if pattern.search(message):
            return fix
    if UNVERIFIED.search(message) and sender.lower() in message.lower():
        return VERIFY_FIX
    return None
