"""The bytes of a mail: deterministic, 7-bit clean, and read back before anybody sends them.

Headers go through the email library; bodies are always quoted-printable and joined by hand, so
that the same report gives the same bytes whatever a mail server offers. What was built is parsed
again and its header names, Message-ID and recipient are compared: that closes header injection
by encoded words, which older Pythons let through (CVE-2024-6923 and its followers).
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

from services.errors import AgentError
from services.model import Attachment, RenderedReport
from services.wording import neutral

PRODUCT = "AWS Cost Agent"
LONGEST_SUBJECT = 200
RAW_HEADER = re.compile(r"[\x21-\x7e ]{1,900}")
CRLF = b"\r\n"
HEADER_POLICY = SMTP.clone(cte_type="7bit")
READ_BACK = BytesParser(policy=default)


def message_id_for(run_id: str, report_id: str, recipient: str, domain: str) -> str:
    """The Message-ID of one delivery: the same at every attempt, another for any other."""
    key = f"{run_id}\x00{report_id}\x00{recipient.casefold()}"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain.lower() or 'localhost'}>"


def header_text(text: str) -> str:
    """Text that may stand in a header: one visible line in which nothing can be decoded."""
    return neutral(text, LONGEST_SUBJECT).replace("=?", "= ?")


def build_message(
    *,
    message_id: str,
    date: datetime,
    sender: str,
    recipient: str,
    rendered: RenderedReport,
) -> bytes:
    """The mail of one delivery; same arguments, same bytes.

    Raises AgentError when what was built does not read back as what was meant.
    """
    raw_headers = {
        "Message-ID": message_id,
        "List-Id": f"<aws-cost-reports.{sender.rpartition('@')[2]}>",
        "List-Unsubscribe": f"<mailto:{sender}?subject=stop%20cost%20reports>",
    }
    message = EmailMessage(policy=HEADER_POLICY)
    message["From"] = _address(sender, PRODUCT)
    message["To"] = _address(recipient)
    message["Subject"] = header_text(rendered.subject)
    message["Date"] = format_datetime(date)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["MIME-Version"] = "1.0"
    head = _header_block(message) + _raw_block(raw_headers)
    content_type, body = _body(rendered, message_id)
    raw = head + content_type + CRLF + body
    _read_back(raw, {*message.keys(), *raw_headers, "Content-Type"}, message_id, recipient)
    return raw


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _header_block(message: EmailMessage) -> bytes:
    return message.as_bytes().split(CRLF + CRLF)[0].rstrip(CRLF) + CRLF


def _raw_block(headers: dict[str, str]) -> bytes:
    """Headers that the library would fold or encode into something else."""
    lines = []
    for name, value in headers.items():
        if not RAW_HEADER.fullmatch(value):
            raise AgentError(f"The mail header {name} cannot hold {value!r}. Check SENDER_EMAIL.")
        lines.append(f"{name}: {value}".encode("ascii"))
    return CRLF.join(lines) + CRLF


def _body(rendered: RenderedReport, message_id: str) -> tuple[bytes, bytes]:
    """(Content-Type header line, body)."""
    text, html = _text_part("plain", rendered.text), _text_part("html", rendered.html)
    kind, body = _joined("alternative", [text, html], f"{message_id} alternative")
    if not rendered.attachments:
        return kind, body
    parts = [kind + CRLF + body, *map(_attachment, rendered.attachments)]
    return _joined("mixed", parts, f"{message_id} mixed")


def _joined(kind: str, parts: list[bytes], seed: str) -> tuple[bytes, bytes]:
    # "=_" cannot occur in quoted-printable or base64, so the boundary cannot occur in a part.
    boundary = b"=_" + hashlib.sha256(seed.encode()).hexdigest()[:32].encode()
    content_type = b"Content-Type: multipart/" + kind.encode() + b'; boundary="' + boundary + b'"'
    lines = [CRLF.join((b"--" + boundary, part)) for part in parts]
    return content_type + CRLF, CRLF.join([*lines, b"--" + boundary + b"--", b""])


def _text_part(kind: str, text: str) -> bytes:
    normal = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    encoded = binascii.b2a_qp(normal.encode("utf-8", "replace"), istext=True)
    # Soft breaks take the form of the first line end, and a bare LF where there is none.
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


def _read_back(raw: bytes, names: set[str], message_id: str, recipient: str) -> None:
    head = READ_BACK.parsebytes(raw, headersonly=True)
    found = sorted(name.lower() for name in head)
    to = head["To"].addresses if head["To"] is not None else ()
    if (
        found != sorted(name.lower() for name in names)
        or str(head["Message-ID"]) != message_id
        or [address.addr_spec for address in to] != [recipient]
    ):
        raise AgentError(
            f"The mail to {recipient!r} does not read back as it was meant, so it is not sent. "
            "Check the address."
        )
