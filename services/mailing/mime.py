"""The bytes of an email: deterministic, 7-bit clean, and parsed again before they are sent.

The same arguments give the same bytes, whatever the mail server offers: a repeated email must be
identical, as Exchange drops a second copy only if Message-ID and submit time match. So the date is
an argument, boundaries are hashes, and bodies are always quoted-printable, which needs no 8BITMIME
(docs/decisions/0002-always-quoted-printable.md).
"""

import base64
import binascii
import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from email.utils import format_datetime

from services.domain import Attachment, RenderedReport
from services.domain.errors import AgentError
from services.domain.formatting import neutral

PRODUCT = "AWS Cost Agent"
MAX_SUBJECT = 200
RAW_HEADER = re.compile(r"[\x21-\x7e ]{1,900}")
"""Printable ASCII well below the 998 characters that a line may have (RFC 5322, 2.1.1)."""
MAX_LINE = 76
"""Characters of a header line that contains encoded words (RFC 2047, section 2)."""
ENCODED_BYTES = 39
"""Bytes of UTF-8 in one encoded word: 52 characters of base64, so that even the first line, after
``Subject: =?utf-8?b?``, stays within ``MAX_LINE``."""
NO_REPLIES = "DR, RN, NRN, OOF, AutoReply"
"""Everything that X-Auto-Response-Suppress can name (MS-OXCMAIL, 2.1.3.2.20) but non-delivery
reports: ``All`` would suppress those too, and nobody would learn of an address that no longer
exists.
"""
CRLF = b"\r\n"
HEADER_POLICY = SMTP.clone(cte_type="7bit")
PARSER = BytesParser(policy=default)


def message_id_for(run_id: str, report_id: str, recipient: str, domain: str) -> str:
    """The Message-ID of a delivery: the same in every attempt, different for every other one."""
    key = f"{run_id}\x00{report_id}\x00{recipient.casefold()}"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain.lower() or 'localhost'}>"


def header_text(text: str) -> str:
    """Text that is safe in a header: one visible line without encoded words."""
    # A team name such as "=?utf-8?q?=0d=0aBcc:_x@y?=" has no line break until it is decoded, and
    # Python before 3.11.10 writes the decoded header unfolded (CVE-2024-6923).
    return neutral(text, MAX_SUBJECT).replace("=?", "= ?")


def build_message(
    *,
    message_id: str,
    date: datetime,
    sender: str,
    recipient: str,
    rendered: RenderedReport,
) -> bytes:
    """Build the email of one delivery.

    Raises AgentError when the result, parsed again, is not what was intended.
    """
    subject = header_text(rendered.subject)
    raw_headers = {
        "Message-ID": message_id,
        "List-Id": f"<aws-cost-reports.{sender.rpartition('@')[2]}>",
        "List-Unsubscribe": f"<mailto:{sender}?subject=stop%20cost%20reports>",
    }
    message = EmailMessage(policy=HEADER_POLICY)
    message["From"] = _address(sender, PRODUCT)
    message["To"] = _address(recipient)
    message["Date"] = format_datetime(date)
    # No out-of-office replies: RFC 3834 for most servers, the other header for Exchange.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = NO_REPLIES
    message["MIME-Version"] = "1.0"
    headers = _header_block(message) + _subject_lines(subject) + _raw_block(raw_headers)
    content_type, body = _body(rendered, message_id)
    raw = headers + content_type + CRLF + body
    names = {*message.keys(), "Subject", *raw_headers, "Content-Type"}
    verify(raw, names, {"Message-ID": message_id, "Subject": subject}, recipient)
    return raw


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _header_block(message: EmailMessage) -> bytes:
    return message.as_bytes().split(CRLF + CRLF)[0].rstrip(CRLF) + CRLF


def _subject_lines(subject: str) -> bytes:
    """The Subject header, folded.

    The library is not used: it drops the spaces between words that are not ASCII, or glues encoded
    words to each other, which readers show undecoded (Python 3.11 to 3.13; python/cpython#92081,
    #144156). Here one sequence of encoded words holds the text with its spaces, as readers drop
    the white space between encoded words (RFC 2047, section 6.2).
    """
    if subject.isascii():
        first, *others = subject.split(" ")
        return _folded(f"Subject: {first}", others).encode() + CRLF
    words = [b"=?utf-8?b?" + base64.b64encode(chunk) + b"?=" for chunk in _utf8_chunks(subject)]
    return b"Subject: " + (CRLF + b" ").join(words) + CRLF


def _folded(line: str, words: list[str]) -> str:
    """A line and the words after it, with a break before each word that no longer fits."""
    lines = [line]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= MAX_LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines)


def _utf8_chunks(text: str) -> list[bytes]:
    """UTF-8 in chunks that end between characters (RFC 2047, section 5, as each is decoded alone)."""
    chunks = [b""]
    for character in text:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > ENCODED_BYTES:
            chunks.append(b"")
        chunks[-1] += encoded
    return chunks


def _raw_block(headers: dict[str, str]) -> bytes:
    """Headers as they are: the library turns a long URL or ID into an encoded word.

    Measured with Python 3.11: a List-Unsubscribe above 76 characters becomes ``=?utf-8?q?…?=``.
    """
    lines = []
    for name, value in headers.items():
        if not RAW_HEADER.fullmatch(value):
            raise AgentError(f"The email header {name} cannot be {value!r}. Check SENDER_EMAIL.")
        lines.append(f"{name}: {value}".encode("ascii"))
    return CRLF.join(lines) + CRLF


def _body(rendered: RenderedReport, message_id: str) -> tuple[bytes, bytes]:
    """The Content-Type header line, and the body."""
    text, html = _text_part("plain", rendered.text), _text_part("html", rendered.html)
    kind, body = _joined("alternative", [text, html], f"{message_id} alternative")
    if not rendered.attachments:
        return kind, body
    parts = [kind + CRLF + body, *map(_attachment, rendered.attachments)]
    return _joined("mixed", parts, f"{message_id} mixed")


def _joined(kind: str, parts: list[bytes], seed: str) -> tuple[bytes, bytes]:
    # "=_" occurs neither in quoted-printable nor in base64, so no part can contain the boundary
    # (RFC 2045, 6.7).
    boundary = b"=_" + hashlib.sha256(seed.encode()).hexdigest()[:32].encode()
    content_type = b"Content-Type: multipart/" + kind.encode() + b'; boundary="' + boundary + b'"'
    lines = [CRLF.join((b"--" + boundary, part)) for part in parts]
    return content_type + CRLF, CRLF.join([*lines, b"--" + boundary + b"--", b""])


def _text_part(kind: str, text: str) -> bytes:
    normal = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    encoded = binascii.b2a_qp(normal.encode("utf-8", "replace"), istext=True)
    # b2a_qp ends soft breaks as the first line of the text ends, or with a bare LF if there is
    # only one line; SMTP needs CRLF everywhere (RFC 5321, 2.3.8).
    encoded = encoded.replace(CRLF, b"\n").replace(b"\n", CRLF)
    return (
        b"Content-Type: text/"
        + kind.encode()
        + b"; charset=utf-8"
        + CRLF
        + b"Content-Transfer-Encoding: quoted-printable"
        + CRLF
        + CRLF
        + encoded
    )


def _attachment(attachment: Attachment) -> bytes:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", attachment.name)[:100]
    encoded = base64.encodebytes(attachment.content).replace(b"\n", CRLF).rstrip(CRLF)
    return (
        b"Content-Type: "
        + attachment.content_type.encode("ascii")
        + CRLF
        + b"Content-Transfer-Encoding: base64"
        + CRLF
        + b'Content-Disposition: attachment; filename="'
        + name.encode("ascii")
        + b'"'
        + CRLF
        + CRLF
        + encoded
    )


def verify(raw: bytes, names: set[str], texts: dict[str, str], recipient: str) -> None:
    """Raise AgentError unless the bytes have exactly the intended headers, texts, and recipient.

    Closes header injection in whatever form it is found next, as CVE-2026-0672 and CVE-2026-1299
    were found after CVE-2024-6923.
    """
    headers = PARSER.parsebytes(raw, headersonly=True)
    to = headers["To"].addresses if headers["To"] is not None else ()
    if (
        sorted(name.lower() for name in headers) != sorted(name.lower() for name in names)
        or any(str(headers[name]) != text for name, text in texts.items())
        or [address.addr_spec for address in to] != [recipient]
    ):
        raise AgentError(
            f"The email to {recipient!r} was not sent, because its headers would not be read as "
            "intended. Check the address."
        )
