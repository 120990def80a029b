"""Tokens for the bot and for email from one sign-in: what both get, and in whose words."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.adapters.entra_tokens import EntraSignIn
from services.domain.errors import AgentError, BotSignInError, MailConnectError
from services.ports import AccessTokens
from services.settings import TeamsAppSettings
from tests.makers import NOW
from tests.servers.entra import FakeEntra
from tests.servers.mongo import free_ports
from tests.servers.teams import TeamsSim

LIFETIME = 3599


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


def bot_tokens(sign_in: EntraSignIn, entra: FakeEntra, **more: Any) -> AccessTokens:
    tokens = sign_in.for_bot(entra.bot_settings(**more))
    assert tokens is not None
    return tokens


def email_tokens(sign_in: EntraSignIn, entra: FakeEntra, **more: Any) -> AccessTokens:
    return sign_in.for_email(entra.settings(**more))


BOTH = pytest.mark.parametrize("make", [bot_tokens, email_tokens])
Make = Callable[..., AccessTokens]


@BOTH
async def test_a_token_is_fetched_once_for_all_who_wait(
    sign_in: EntraSignIn, entra: FakeEntra, make: Make
) -> None:
    tokens = make(sign_in, entra)
    assert await asyncio.gather(*(tokens.get() for _ in range(8))) == ["token-1"] * 8
    assert len(entra.scopes) == 1


@BOTH
async def test_a_refused_token_is_not_returned_again(
    sign_in: EntraSignIn, entra: FakeEntra, make: Make
) -> None:
    tokens = make(sign_in, entra)
    first = await tokens.get()
    assert await tokens.get(stale=first) == "token-2"
    assert await tokens.get(stale=first) == "token-2"


@BOTH
async def test_a_token_is_used_until_it_expires_while_entra_is_down(
    sign_in: EntraSignIn, entra: FakeEntra, clock: Clock, make: Make, _quick_retries: None
) -> None:
    tokens = make(sign_in, entra)
    first = await tokens.get()
    entra.token_answers = [(503, {})] * 9
    clock.now = NOW + timedelta(seconds=LIFETIME - 1)
    assert await tokens.get() == first
    assert len(entra.scopes) == 4
    with pytest.raises(AgentError, match="503") as caught:
        await tokens.get(stale=first)
    assert not caught.value.permanent
    clock.now = NOW + timedelta(seconds=LIFETIME)
    with pytest.raises(AgentError, match="503"):
        await tokens.get()


LONG = b'{"access_token": "' + b"x" * 2_000_000 + b'"}'
"""Twice what is read."""
DEEP = b'{"a":' * 100_000


@BOTH
@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("body", [LONG, DEEP, b"<html>", b"\xff\xfe", b""])
async def test_a_malformed_response_is_one_sentence(
    sign_in: EntraSignIn,
    entra: FakeEntra,
    make: Make,
    body: bytes,
    status: int,
    _quick_retries: None,
) -> None:
    entra.token_answers = [(status, body)] * 3
    with pytest.raises(
        AgentError, match=r"cannot be reached \(.{1,80}\)\. Check the network"
    ) as caught:
        await make(sign_in, entra).get()
    assert not caught.value.permanent


@BOTH
async def test_only_what_may_pass_is_tried_again(
    sign_in: EntraSignIn, entra: FakeEntra, make: Make, _quick_retries: None
) -> None:
    tokens = make(sign_in, entra)
    entra.token_answers = [(503, {}), (429, {})]
    assert await tokens.get() == "token-1"
    assert len(entra.scopes) == 3
    entra.token_answers = [(400, {"error": "invalid_request"})]
    with pytest.raises(AgentError, match=r"400, invalid_request") as caught:
        await tokens.get(stale="token-1")
    assert caught.value.permanent
    assert len(entra.scopes) == 4


@pytest.mark.parametrize("expires_in", [None, "nan", "inf", "soon", [], "3599"])
@BOTH
async def test_a_strange_lifetime_is_an_hour_at_most(
    sign_in: EntraSignIn, entra: FakeEntra, clock: Clock, make: Make, expires_in: Any
) -> None:
    entra.expires_in = expires_in
    tokens = make(sign_in, entra)
    first = await tokens.get()
    assert await tokens.get() == first
    clock.now = NOW + timedelta(seconds=3600)
    assert await tokens.get() != first


@pytest.mark.parametrize(
    ("make", "error", "names"),
    [
        (
            bot_tokens,
            BotSignInError,
            ("MicrosoftAppTenantId", "MicrosoftAppId", "MicrosoftAppPassword"),
        ),
        (
            email_tokens,
            MailConnectError,
            ("SMTP_OAUTH_TENANT_ID", "SMTP_OAUTH_CLIENT_ID", "SMTP_OAUTH_CLIENT_SECRET"),
        ),
    ],
)
async def test_a_refusal_names_the_settings_of_whoever_signs_in(
    sign_in: EntraSignIn,
    entra: FakeEntra,
    make: Make,
    error: type[AgentError],
    names: tuple[str, str, str],
) -> None:
    tenant, client, secret = names
    for code, expected in {
        90002: f"check {tenant}.",
        700016: f"check {client} and {tenant}.",
        7000215: f"set {secret} to",
        7000222: f"set {secret} to",
        50000: f"Check {'MicrosoftAppId' if error is BotSignInError else tenant}",
    }.items():
        entra.token_answers = [(401, {"error": "invalid_client", "error_codes": [code]})]
        with pytest.raises(error, match=r"\(401, invalid_client\)") as caught:
            await make(sign_in, entra).get()
        assert expected in str(caught.value)


async def test_an_entra_that_cannot_be_reached_is_named(
    sign_in: EntraSignIn, entra: FakeEntra, _quick_retries: None
) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(BotSignInError, match="Check the network") as bot:
        await bot_tokens(sign_in, entra, login_url=nowhere).get()
    with pytest.raises(MailConnectError, match="SMTP_OAUTH_AUTHORITY") as email:
        await email_tokens(sign_in, entra, oauth_authority=nowhere).get()
    assert not bot.value.permanent
    assert not email.value.permanent


async def test_a_managed_identity_that_is_missing_is_named(sign_in: EntraSignIn) -> None:
    async with TeamsSim() as azure:
        values = {
            **azure.environment(),
            "MicrosoftAppType": "UserAssignedMSI",
            "IDENTITY_ENDPOINT": f"{azure.url}/msi",
        }
        with_header = {**values, "IDENTITY_HEADER": "msi-header"}
        tokens = sign_in.for_bot(TeamsAppSettings.model_validate(with_header))
        assert tokens is not None
        assert await tokens.get() == "connector-token"
        tokens = sign_in.for_bot(TeamsAppSettings.model_validate(values))
        assert tokens is not None
        with pytest.raises(BotSignInError, match="managed identity MicrosoftAppId"):
            await tokens.get()


def test_there_are_no_tokens_in_local_mode(sign_in: EntraSignIn) -> None:
    assert sign_in.for_bot(TeamsAppSettings()) is None
