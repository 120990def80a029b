"""Mail with access tokens: XOAUTH2 over SMTP, and Microsoft Graph."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from services.adapters.entra_tokens import EntraSignIn
from services.adapters.graph import GraphTransport
from services.adapters.outbox import OutboxTransport
from services.adapters.secrets import FernetBox
from services.adapters.smtp import SmtpTimeouts, SmtpTransport
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.domain.errors import MailConnectError, MailError, MailFateUnknownError
from services.mailing.transports import Transports
from services.settings import SmtpSettings, load_settings
from tests.contract.test_mail_transport import mail_to
from tests.fakes.store import MemoryStore
from tests.makers import NOW
from tests.servers.entra import CLIENT, MAILBOX, TENANT, FakeEntra
from tests.servers.smtp import FakeSmtp

QUICK = SmtpTimeouts(connect=2.0, command=1.0, final_reply=1.0)
SMTP_SCOPE = "https://outlook.office365.com/.default"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self):  # type: ignore[no-untyped-def]
        return self.now


@pytest.fixture
async def entra() -> AsyncIterator[FakeEntra]:
    async with FakeEntra() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sign_in(clock: Clock) -> AsyncIterator[EntraSignIn]:
    opened = EntraSignIn(clock)
    yield opened
    await opened.aclose()


def over_graph(entra: FakeEntra, sign_in: EntraSignIn, **more: Any) -> GraphTransport:
    settings = entra.settings(**more)
    return GraphTransport(settings, sign_in.for_email(settings))


def over_smtp(entra: FakeEntra, smtp: FakeSmtp, sign_in: EntraSignIn) -> SmtpTransport:
    settings = entra.settings(
        transport="smtp", auth="oauth2", host="127.0.0.1", port=smtp.port, tls="none"
    )
    return SmtpTransport(settings, QUICK, tokens=sign_in.for_email(settings))


async def sent(transport: SmtpTransport | GraphTransport, to: str = "r@x.org") -> str:
    connection = await transport.connect()
    try:
        await connection.offer(MAILBOX, to)
        return await connection.hand_over(mail_to(to))
    finally:
        await connection.aclose()


async def test_smtp_signs_in_with_a_token_that_is_fetched_once(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    async with FakeSmtp(tokens=entra.tokens) as smtp:
        transport = over_smtp(entra, smtp, sign_in)
        await asyncio.gather(*(sent(transport, f"r{i}@x.org") for i in range(5)))
        assert len(smtp.mails) == 5
    assert entra.scopes == [SMTP_SCOPE]


async def test_a_token_that_the_server_refuses_is_renewed_once(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    async with FakeSmtp(tokens=entra.tokens) as smtp:
        transport = over_smtp(entra, smtp, sign_in)
        await sent(transport)
        entra.tokens.clear()
        await sent(transport)
        assert len(smtp.mails) == 2
        assert len(entra.scopes) == 2


async def test_a_mailbox_that_the_app_may_not_use_is_named_and_not_tried_for_ever(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    async with FakeSmtp(tokens=set()) as smtp:
        with pytest.raises(MailConnectError, match=r"SMTP\.SendAsApp") as caught:
            await over_smtp(entra, smtp, sign_in).connect()
        assert caught.value.permanent
        assert smtp.connections == 2
    assert "token-" not in str(caught.value)


async def test_a_token_is_renewed_before_it_ends(
    entra: FakeEntra, sign_in: EntraSignIn, clock: Clock
) -> None:
    tokens = sign_in.for_email(entra.settings())
    first = await tokens.get()
    clock.now = NOW + timedelta(seconds=3000)
    assert await tokens.get() == first
    clock.now = NOW + timedelta(seconds=3400)
    assert await tokens.get() != first


async def test_a_wrong_secret_names_the_settings_and_not_the_secret(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    settings = entra.settings(oauth_client_secret="not-it")
    with pytest.raises(MailConnectError, match="SMTP_OAUTH_CLIENT_SECRET") as caught:
        await sign_in.for_email(settings).get()
    assert caught.value.permanent
    assert "not-it" not in str(caught.value)
    assert len(entra.scopes) == 1


@pytest.mark.parametrize("answer", [(503, {}), (429, {"error": "temporarily_unavailable"})])
async def test_a_busy_sign_in_service_is_asked_again(
    entra: FakeEntra, sign_in: EntraSignIn, answer: tuple[int, object]
) -> None:
    entra.token_answers = [answer]
    assert await sign_in.for_email(entra.settings()).get() == "token-1"


@pytest.mark.parametrize("answer", [(200, {}), (200, []), (200, {"access_token": 5})])
async def test_an_answer_without_a_token_is_an_error(
    entra: FakeEntra, sign_in: EntraSignIn, answer: tuple[int, object]
) -> None:
    entra.token_answers = [answer]
    with pytest.raises(MailConnectError):
        await sign_in.for_email(entra.settings()).get()


# Microsoft Graph


async def test_graph_takes_the_email_byte_for_byte(entra: FakeEntra, sign_in: EntraSignIn) -> None:
    transport = over_graph(entra, sign_in)
    assert await sent(transport) == "202 r-1"
    assert entra.mails == [mail_to("r@x.org")]
    assert entra.scopes == [f"{entra.url}/.default"]
    assert (transport.name, transport.sender, transport.lanes) == ("graph", MAILBOX, 3)


async def test_graph_renews_a_token_that_was_withdrawn(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    transport = over_graph(entra, sign_in)
    connection = await transport.connect()
    entra.tokens.clear()
    await connection.offer(MAILBOX, "r@x.org")
    await connection.hand_over(mail_to("r@x.org"))
    await connection.aclose()
    assert len(entra.mails) == 1


@pytest.mark.parametrize(
    ("status", "error", "permanent"),
    [
        (400, MailError, True),
        (413, MailError, True),
        (403, MailConnectError, True),
        (404, MailConnectError, True),
        (429, MailConnectError, False),
        (503, MailConnectError, False),
    ],
)
async def test_what_graph_refuses_is_not_delivered_and_says_what_to_do(
    entra: FakeEntra, sign_in: EntraSignIn, status: int, error: type[MailError], permanent: bool
) -> None:
    entra.graph_answers = [(status, {"error": {"code": "ErrorX", "message": "because"}})]
    with pytest.raises(MailError, match="ErrorX because") as caught:
        await sent(over_graph(entra, sign_in))
    assert type(caught.value) is error
    assert caught.value.permanent is permanent
    assert entra.mails == []


@pytest.mark.parametrize("body", [b'{"a":' * 100_000, b'{"error":"' + b"x" * 2_000_000 + b'"}'])
async def test_a_malformed_refusal_of_graph_counts_by_its_status(
    entra: FakeEntra, sign_in: EntraSignIn, body: bytes
) -> None:
    entra.graph_answers = [(413, body)]
    with pytest.raises(MailError, match=r"did not accept the email \(413\)") as caught:
        await sent(over_graph(entra, sign_in))
    assert caught.value.permanent


async def test_graph_names_a_sender_that_exchange_blocks(
    entra: FakeEntra, sign_in: EntraSignIn
) -> None:
    blocked = {"error": {"code": "ErrorSubmissionQuotaExceeded", "message": "too many"}}
    entra.graph_answers = [(400, blocked)]
    with pytest.raises(MailConnectError, match="SENDER_EMAIL") as caught:
        await sent(over_graph(entra, sign_in))
    assert caught.value.permanent


@pytest.mark.parametrize("status", [0, 500, 504])
async def test_a_lost_answer_of_graph_is_an_unknown_fate(
    entra: FakeEntra, sign_in: EntraSignIn, status: int
) -> None:
    entra.graph_answers = [(status, {})]
    with pytest.raises(MailFateUnknownError):
        await sent(over_graph(entra, sign_in))
    assert len(entra.mails) == (status == 0)


async def test_unavailable_graph_is_named(entra: FakeEntra, sign_in: EntraSignIn) -> None:
    with pytest.raises(MailConnectError, match="cannot be reached") as caught:
        await sent(over_graph(entra, sign_in, graph_url="http://127.0.0.1:1"))
    assert not caught.value.permanent


# Settings


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SMTP_AUTH": "oauth2", "SMTP_HOST": "h.example", "SMTP_USER": "u@x.org"}, "TENANT"),
        ({"MAIL_TRANSPORT": "graph"}, "SENDER_EMAIL"),
        ({"MAIL_TRANSPORT": "graph", "SMTP_OAUTH_TENANT_ID": TENANT}, "SMTP_OAUTH_CLIENT_ID"),
    ],
)
def test_an_incomplete_sign_in_ends_the_start_and_names_what_is_missing(
    given: dict[str, str], missing: str
) -> None:
    with pytest.raises(Exception, match=missing):
        load_settings(given, None)


def test_tokens_are_sent_over_https_only() -> None:
    with pytest.raises(ValidationError, match="https"):
        SmtpSettings.model_validate({"oauth_authority": "http://login.example.org"})


def test_whole_settings_are_taken() -> None:
    settings = load_settings(
        {
            "SMTP_AUTH": "oauth2",
            "SMTP_HOST": "smtp.office365.com",
            "SMTP_USER": MAILBOX,
            "SMTP_OAUTH_TENANT_ID": TENANT,
            "SMTP_OAUTH_CLIENT_ID": CLIENT,
            "SMTP_OAUTH_CLIENT_SECRET": "a-secret-of-entra",
        },
        None,
    )
    url = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert settings.smtp.oauth_token_url == url
    assert "a-secret-of-entra" in settings.secrets()


async def test_a_password_at_exchange_online_is_warned_of(tmp_path: Path) -> None:
    def transports(**more: Any) -> Transports:
        store = MemoryStore()
        box = FernetBox(SecretStr("x" * 32), tmp_path, key_file_allowed=False)
        settings = SmtpSettings.model_validate({"sender": MAILBOX, **more})
        config = Config(store.config, AuditTrail(store.audit_entries), box, settings)
        return Transports(config, "datadog", OutboxTransport(tmp_path), {})

    office = {"host": "smtp.office365.com", "user": MAILBOX, "password": "p"}
    assert "SMTP_AUTH=oauth2" in await transports(**office).warning(NOW)
    assert not await transports(host="mail.example.org", user="u", password="p").warning(NOW)
    oauth = {"auth": "oauth2", "oauth_tenant_id": TENANT, "oauth_client_id": CLIENT}
    assert not await transports(**office, **oauth, oauth_client_secret="s").warning(NOW)
