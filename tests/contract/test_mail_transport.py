"""The mail transport's port: in memory, over SMTP to a real server, into the outbox."""

import hashlib
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from services.adapters.outbox import OutboxTransport
from services.adapters.smtp import SmtpTimeouts, SmtpTransport
from services.domain import RenderedReport
from services.domain.errors import MailConnectError, MailError, MailFateUnknownError, SettingsError
from services.mailing.mime import build_message
from services.ports import MailTransport
from services.settings import SmtpSettings
from tests.fakes.mail import MemoryTransport
from tests.makers import NOW
from tests.servers.proxy import Proxy
from tests.servers.smtp import FakeSmtp, Faults

SENDER = "costs@example.org"
QUICK = SmtpTimeouts(connect=2.0, command=1.0, final_reply=1.0)


def mail_to(recipient: str, text: str = "Hello\n.\n..dots\n.hidden\n\nend\n") -> bytes:
    return build_message(
        message_id=f"<{hashlib.sha256(recipient.encode()).hexdigest()[:10]}@example.org>",
        date=NOW,
        sender=SENDER,
        recipient=recipient,
        rendered=RenderedReport(subject="Costs", preheader="", html="<p>.x</p>", text=text),
    )


@dataclass
class Way:
    """A transport, and what arrived over it."""

    transport: MailTransport
    arrived: Callable[[], list[bytes]]


@pytest.fixture(params=["memory", "smtp", "outbox"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Way]:
    if request.param == "memory":
        memory = MemoryTransport()
        yield Way(memory, lambda: [raw for _, raw in memory.mails])
    elif request.param == "smtp":
        async with FakeSmtp() as server:
            transport = SmtpTransport(server.settings(), QUICK)
            yield Way(transport, lambda: [mail.raw for mail in server.mails])
    else:
        folder = tmp_path / "outbox"
        yield Way(
            OutboxTransport(folder), lambda: [path.read_bytes() for path in folder.glob("*.eml")]
        )


async def test_several_emails_go_over_one_connection_byte_for_byte(way: Way) -> None:
    mails = [mail_to(f"r{i}@example.org") for i in range(3)]
    connection = await way.transport.connect()
    for i, raw in enumerate(mails):
        await connection.offer(SENDER, f"r{i}@example.org")
        assert await connection.hand_over(raw)
    await connection.aclose()
    await connection.aclose()

    assert sorted(way.arrived()) == sorted(mails)


async def test_a_transport_says_what_it_is(way: Way) -> None:
    assert way.transport.name in {"smtp", "outbox"}
    assert "@" in way.transport.sender
    assert way.transport.lanes >= 1
    assert way.transport.per_minute >= 0


# What only a real server can do


@pytest.fixture
async def smtp() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp() as server:
        yield server


async def test_a_refused_recipient_leaves_the_connection_usable(smtp: FakeSmtp) -> None:
    smtp.faults.refuse["no@example.org"] = "550 5.1.1 no such mailbox"
    smtp.faults.greylist["later@example.org"] = 1
    connection = await SmtpTransport(smtp.settings(), QUICK).connect()

    with pytest.raises(MailError, match=r"550 5\.1\.1 no such mailbox") as refused:
        await connection.offer(SENDER, "no@example.org")
    with pytest.raises(MailError, match="451") as postponed:
        await connection.offer(SENDER, "later@example.org")
    await connection.offer(SENDER, "yes@example.org")
    await connection.hand_over(mail_to("yes@example.org"))
    await connection.aclose()

    assert (refused.value.permanent, postponed.value.permanent) == (True, False)
    assert not isinstance(refused.value, MailConnectError)
    assert list(smtp.by_recipient) == ["yes@example.org"]
    assert smtp.connections == 1


@pytest.mark.parametrize(
    ("faults", "error", "permanent"),
    [
        (Faults(data_reply={"r@x.org": ["451 busy"]}), MailError, False),
        (Faults(data_reply={"r@x.org": ["554 no"]}), MailError, True),
        (Faults(data_reply={"r@x.org": ["250 what"]}), MailConnectError, False),
        (Faults(final_reply={"r@x.org": ["452 full"]}), MailError, False),
        (Faults(final_reply={"r@x.org": ["554 spam"]}), MailError, True),
        (Faults(final_reply={"r@x.org": ["421 closing"]}), MailConnectError, False),
        (Faults(drop_at={"r@x.org": ["rcpt"]}), MailConnectError, False),
        (Faults(drop_at={"r@x.org": ["data"]}), MailConnectError, False),
        (Faults(hang_at={"r@x.org": ["rcpt"]}), MailConnectError, False),
        (Faults(sender_reply=["550 not yours"]), MailConnectError, True),
        (Faults(sender_reply=["451 later"]), MailConnectError, False),
    ],
    ids=[
        *(
            "DATA busy",
            "DATA refused",
            "DATA out of step",
            "body full",
            "body refused",
            "body 421",
        ),
        *("drop at RCPT", "drop at DATA", "hang at RCPT", "sender refused", "sender later"),
    ],
)
async def test_nothing_counts_as_delivered_before_the_body_is_accepted(
    faults: Faults, error: type[MailError], permanent: bool
) -> None:
    async with FakeSmtp(faults) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        with pytest.raises(error) as caught:
            await connection.offer(SENDER, "r@x.org")
            await connection.hand_over(mail_to("r@x.org"))
        await connection.aclose()
    assert caught.value.permanent is permanent
    assert not isinstance(caught.value, MailFateUnknownError)
    assert server.mails == []


SEND_AS = "554 5.2.252 SendAsDenied; agent@x.org not allowed to send as costs@example.org"


@pytest.mark.parametrize(
    ("reply", "fix"),
    [
        (SEND_AS, "Send As"),
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", "Send As"),
        ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.Mapi", "Send As"),
        ("530 5.7.57 Client not authenticated to send mail", "SMTP_USER"),
        ("535 5.7.139 Authentication unsuccessful", "SMTP_USER"),
        ("550 5.1.8 Access denied, bad outbound sender", "blocks or limits"),
        ("550 5.7.708 Access denied, traffic not accepted from this IP", "blocks or limits"),
        ("550 5.7.750 Client blocked from unregistered domains", "blocks or limits"),
        ("550 5.4.5 Daily user sending limit exceeded", "blocks or limits"),
        ("553 5.7.1 <costs@example.org>: Sender address rejected: not owned by user", "Send As"),
        ("550 The from address does not match a verified Sender Identity", "Verify"),
        ("554 Message rejected: Email address is not verified: costs@example.org", "Verify"),
    ],
)
@pytest.mark.parametrize("step", ["rcpt", "data", "body"])
async def test_a_refusal_of_the_sender_says_so_at_any_step(
    reply: str, fix: str, step: str
) -> None:
    faults = {
        "rcpt": Faults(refuse={"r@x.org": reply}),
        "data": Faults(data_reply={"r@x.org": [reply]}),
        "body": Faults(final_reply={"r@x.org": [reply]}),
    }[step]
    async with FakeSmtp(faults) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        with pytest.raises(MailConnectError, match=fix) as caught:
            await connection.offer(SENDER, "r@x.org")
            await connection.hand_over(mail_to("r@x.org"))
        await connection.aclose()
    assert caught.value.permanent
    assert reply[:20] in str(caught.value)
    assert SENDER in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 no such mailbox",
        "552 5.2.2 mailbox full",
        "550 5.7.1 relaying denied",
        "550 5.7.133 sender not authenticated for group",
        "554 5.7.1 spam",
        "554 Message rejected: Email address is not verified: r@x.org",
    ],
)
async def test_a_refusal_of_a_recipient_or_a_message_does_not_stop_the_others(reply: str) -> None:
    async with FakeSmtp(Faults(final_reply={"r@x.org": [reply]})) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        await connection.offer(SENDER, "r@x.org")
        with pytest.raises(MailError) as caught:
            await connection.hand_over(mail_to("r@x.org"))
        await connection.aclose()
    assert type(caught.value) is MailError
    assert caught.value.permanent


@pytest.mark.parametrize("place", ["body", "accepted", "unaccepted"])
@pytest.mark.parametrize("how", ["drop_at", "hang_at"])
async def test_silence_after_the_body_is_an_unknown_fate(place: str, how: str) -> None:
    faults = Faults(**{how: {"r@x.org": [place]}})  # type: ignore[arg-type]
    async with FakeSmtp(faults) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        await connection.offer(SENDER, "r@x.org")
        with pytest.raises(MailFateUnknownError):
            await connection.hand_over(mail_to("r@x.org"))
        await connection.aclose()
    assert len(server.mails) == (place == "accepted")


@pytest.mark.parametrize("side", ["up", "down"])
async def test_wherever_a_connection_is_cut_the_reported_outcome_is_true(side: str) -> None:
    """Every few bytes, through the commands and the mail, and through the answers."""
    raw, outcomes = mail_to("r@x.org", text="short\n"), []
    async with FakeSmtp() as server:
        for cut in itertools.count(0, 5 if side == "down" else 41):
            taken = len(server.mails)
            limits = (cut, None) if side == "up" else (None, cut)
            async with Proxy(
                server.port, max_bytes_up=limits[0], max_bytes_down=limits[1]
            ) as proxy:
                settings = server.settings(port=proxy.port)
                said = await _said_of(SmtpTransport(settings, QUICK), raw)
            arrived = len(server.mails) - taken
            outcomes.append((said, arrived))
            assert (said, arrived) in {("no", 0), ("unknown", 0), ("unknown", 1), ("yes", 1)}, cut
            if said == "yes":
                break
    assert {said for said, _ in outcomes} == {"no", "unknown", "yes"}


async def _said_of(transport: SmtpTransport, raw: bytes) -> str:
    try:
        connection = await transport.connect()
    except MailConnectError:
        return "no"
    try:
        await connection.offer(SENDER, "r@x.org")
        await connection.hand_over(raw)
    except MailFateUnknownError:
        return "unknown"
    except MailError as error:
        assert not error.permanent
        return "no"
    else:
        return "yes"
    finally:
        await connection.aclose()


async def test_an_answer_to_the_body_that_is_neither_yes_nor_no_is_an_unknown_fate() -> None:
    faults = Faults(final_reply={"r@x.org": ["354 go on"]})
    async with FakeSmtp(faults) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        await connection.offer(SENDER, "r@x.org")
        with pytest.raises(MailFateUnknownError, match="354"):
            await connection.hand_over(mail_to("r@x.org"))
        with pytest.raises(MailConnectError):
            await connection.offer(SENDER, "r@x.org")


async def test_a_connection_that_cannot_be_made_ready_again_is_used_no_more() -> None:
    faults = Faults(refuse={"no@x.org": "550 unknown"}, reset_reply=["503 not now"])
    async with FakeSmtp(faults) as server:
        connection = await SmtpTransport(server.settings(), QUICK).connect()
        with pytest.raises(MailError, match="550"):
            await connection.offer(SENDER, "no@x.org")
        with pytest.raises(MailConnectError):
            await connection.offer(SENDER, "r@x.org")
        await connection.aclose()


async def test_a_password_is_sent_after_tls_only_and_a_wrong_one_is_named() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with FakeSmtp(password="right", tls=context) as server:

        def transport(trust: ssl.SSLContext | None, **more: Any) -> SmtpTransport:
            settings = server.settings(
                **{"host": "localhost", "tls": "starttls", "user": "u@x.org", **more}
            )
            return SmtpTransport(settings, QUICK, trust)

        connection = await transport(trusting, password="right").connect()
        await connection.offer(SENDER, "r@x.org")
        await connection.hand_over(mail_to("r@x.org"))
        await connection.aclose()
        assert len(server.mails) == 1

        with pytest.raises(MailConnectError, match="SMTP_PASSWORD") as caught:
            await transport(trusting, password="wrong").connect()
        assert caught.value.permanent
        assert "wrong" not in str(caught.value)
        with pytest.raises(MailConnectError, match="certificate") as caught:
            await transport(None, password="right").connect()
        assert caught.value.permanent


async def test_a_server_without_starttls_gets_nothing(smtp: FakeSmtp) -> None:
    settings = smtp.settings(tls="starttls", user="u", password="secret")
    with pytest.raises(MailConnectError, match="STARTTLS") as caught:
        await SmtpTransport(settings, QUICK).connect()
    assert caught.value.permanent


async def test_an_unavailable_or_busy_server_is_named() -> None:
    async with FakeSmtp(Faults(greeting=["421 too many connections", "554 go away"])) as server:
        transport = SmtpTransport(server.settings(), QUICK)
        with pytest.raises(MailConnectError, match="421") as busy:
            await transport.connect()
        with pytest.raises(MailConnectError, match="554") as refused:
            await transport.connect()
    with pytest.raises(MailConnectError, match="SMTP_HOST") as away:
        await transport.connect()
    assert [e.value.permanent for e in (busy, refused, away)] == [False, True, False]


def test_without_a_sender_there_is_no_transport() -> None:
    with pytest.raises(SettingsError, match="SENDER_EMAIL"):
        SmtpTransport(SmtpSettings(host="mail.example.org", user="someone"))
    assert SmtpTransport(SmtpSettings(host="m.example.org", user="a@x.org")).sender == "a@x.org"


async def test_the_outbox_keeps_one_file_for_an_email_that_comes_twice(tmp_path: Path) -> None:
    outbox = OutboxTransport(tmp_path)
    connection = await outbox.connect()
    for _ in range(2):
        await connection.offer(SENDER, "r@x.org")
        await connection.hand_over(mail_to("r@x.org"))
    (entry,) = await outbox.list_messages()
    assert (entry.subject, entry.recipient) == ("Costs", "r@x.org")
    opened = await outbox.read_message(entry.id)
    assert opened.html == "<p>.x</p>"
    assert "..dots" in opened.text
    assert [path.name for path in tmp_path.iterdir()] == [f"{entry.id}.eml"]


@pytest.mark.parametrize("mail_id", ["../../etc/passwd", "x", "20261124T090000-" + "0" * 20])
async def test_the_outbox_opens_nothing_else(tmp_path: Path, mail_id: str) -> None:
    with pytest.raises(Exception, match="no such email"):
        await OutboxTransport(tmp_path).read_message(mail_id)


async def test_an_outbox_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MailConnectError, match="DATA_DIR"):
        await OutboxTransport(tmp_path / "file" / "outbox").connect()
