"""A mail's bytes: the same every time, and no text from outside becomes a header."""

import base64
import itertools
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain import Attachment, RenderedReport
from services.domain.errors import AgentError
from services.mailing.mime import build_message, header_text, message_id_for, verify
from tests.makers import NOW

NASTY = st.one_of(
    st.text(max_size=120),
    st.sampled_from(
        [
            "a\r\nBcc: victim@example.com",
            "a\nX-Injected: 1",
            "=?utf-8?q?=0D=0ABcc=3A_victim=40example=2Ecom?=",
            "=?utf-8?b?DQpCY2M6IHZAdi5jb20=?=",
            "\u202eevil\u2028line",
            "é" * 100,
            "\ud800",
        ]
    ),
)


def built(subject: str = "Costs", recipient: str = "r@example.org", **more: object) -> bytes:
    values = {"subject": subject, "preheader": "", "html": "<p>x</p>", "text": "x", **more}
    return build_message(
        message_id="<1.2@example.org>",
        date=NOW,
        sender="costs@example.org",
        recipient=recipient,
        rendered=RenderedReport.model_validate(values),
    )


def read(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


HEADERS = sorted(name.lower() for name in read(built()))


@given(NASTY, NASTY, NASTY)
def test_no_text_adds_a_header_or_a_recipient(subject: str, html: str, text: str) -> None:
    raw = built(subject, html=html, text=text)
    message = read(raw)
    assert sorted(name.lower() for name in message) == HEADERS
    assert [a.addr_spec for a in message["To"].addresses] == ["r@example.org"]
    assert message["Bcc"] is None
    assert "\n" not in str(message["Subject"])
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert raw.isascii()


@given(NASTY, NASTY)
def test_the_bytes_are_the_same_every_time(subject: str, text: str) -> None:
    assert built(subject, text=text) == built(subject, text=text)


@pytest.mark.parametrize(
    "recipient",
    ["a@b@c.org", "a@x.org,b@x.org", "a@x.org\r\nBcc: b@x.org", "<a@x.org>", "ä@x.org\u2028"],
)
def test_an_invalid_address_gets_no_email(recipient: str) -> None:
    with pytest.raises((AgentError, ValueError)):
        built(recipient=recipient)


def test_what_people_read_comes_back_as_it_was() -> None:
    text = "−$1,234.56 · 1–20 Nov\n" + "long " * 60 + "\n.\nend\n"
    message = read(built("Kosten: −€12 für Team „Suche“", html="<p>ü</p>", text=text))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == text
    assert html.get_content().strip() == "<p>ü</p>"
    assert str(message["Subject"]) == "Kosten: −€12 für Team „Suche“"
    assert message["Auto-Submitted"] == "auto-generated"


TEAM_NAMES = (
    "Öffentlichkeitsarbeit und Qualität für Süd",
    "Équipe Données Région Île-de-France Été",
    "Команда платежей и данных Москва Центр",
    "支付 平台 数据 团队 东京 区域 生产 环境",
    "Prüfung Wärme Größe Übung Süd – IT Größe",
    "Kundenservice Straße Übung Zürich Öffentlich",
    "📈 Growth 👩‍👩‍👧 family",
    "Checkout" * 8,
    "Plain old team of the platform group",
    "Ünbrechbar" * 12,
)
SUBJECTS = (
    "{}: AWS costs up 23.8% to $12,345, 1–27 Nov",
    "AWS costs {}: up 23.8%, 2 anomalies",
    "{}: $3,336 more than expected (ec2) since 5 Nov",
    "{}",
)


def subject_lines(raw: bytes) -> list[bytes]:
    """The lines of the Subject header."""
    lines = raw.split(b"\r\n\r\n")[0].split(b"\r\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(b"Subject:"))
    others = itertools.takewhile(lambda line: line.startswith(b" "), lines[first + 1 :])
    return [lines[first], *others]


@pytest.mark.parametrize("form", SUBJECTS)
@pytest.mark.parametrize("name", TEAM_NAMES)
def test_a_subject_is_read_as_it_was_meant(name: str, form: str) -> None:
    meant = header_text(form.format(name))
    raw = built(form.format(name))
    lines = subject_lines(raw)
    assert str(read(raw)["Subject"]) == meant
    assert b"?==?" not in raw
    if not meant.isascii():
        assert all(len(line) <= 76 for line in lines)
        assert all(line.count(b"=?utf-8?b?") == 1 for line in lines)
        assert decoded(lines) == meant


def decoded(lines: list[bytes]) -> str:
    """As a reader does that decodes each encoded word alone and drops the space between them."""
    words = [line.removeprefix(b"Subject:").strip() for line in lines]
    contents = [word.removeprefix(b"=?utf-8?b?").removesuffix(b"?=") for word in words]
    return "".join(base64.b64decode(content, validate=True).decode() for content in contents)


@given(st.text(max_size=250))
def test_any_subject_is_read_as_it_was_meant(subject: str) -> None:
    assert str(read(built(subject))["Subject"]) == header_text(subject)


def test_a_subject_that_would_be_read_differently_is_not_sent() -> None:
    raw = built("Costs of Checkout").replace(b"Subject: Costs of", b"Subject: Costsof")
    texts = {"Subject": "Costs of Checkout"}
    names = {name.lower() for name in read(raw)}
    with pytest.raises(AgentError, match="read as intended"):
        verify(raw, names, texts, "r@example.org")


def test_exchange_is_not_asked_to_suppress_non_delivery_reports() -> None:
    kinds = str(read(built())["X-Auto-Response-Suppress"]).split(", ")
    assert kinds == ["DR", "RN", "NRN", "OOF", "AutoReply"]


def test_a_csv_is_attached_whole() -> None:
    content = bytes(range(256)) * 20
    attachment = Attachment(name='a"b\r\n.csv', content_type="text/csv", content=content)
    message = read(built(attachments=(attachment,)))
    (found,) = message.iter_attachments()
    assert found.get_payload(decode=True) == content
    assert found.get_filename() == "a_b__.csv"


def test_each_delivery_has_a_message_id_of_its_own() -> None:
    ids = {
        message_id_for(run, report, to, "example.org")
        for run in ("r1", "r2")
        for report in ("a", "b")
        for to in ("x@x.org", "y@x.org")
    }
    assert len(ids) == 8
    assert all(one.endswith("@example.org>") for one in ids)
    assert message_id_for("r", "a", "x", "e.org") == message_id_for("r", "a", "x", "e.org")
