"""Who gets through /api/messages, and what never becomes a server error."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest
from botbuilder.core import TurnContext
from botbuilder.schema import Activity, InvokeResponse
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bot.conftest import echo, opened
from tests.servers.teams import ANA, APP_ID, STRANGER, TeamsSim


def other_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def unsigned(sim: TeamsSim) -> str:
    head, body, _ = sim.token().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"key-1"}').rstrip(b"=").decode()
    assert head
    return f"{none}.{body}."


def public_key_as_secret(sim: TeamsSim) -> str:
    secret = sim.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1"}').rstrip(b"=")
    body = sim.token().split(".")[1].encode()
    signed = hmac.new(secret, head + b"." + body, hashlib.sha256).digest()
    return b".".join((head, body, base64.urlsafe_b64encode(signed).rstrip(b"="))).decode()


FORGED: dict[str, Callable[[TeamsSim], str]] = {
    "no token": lambda sim: "",
    "basic": lambda sim: "Basic dTpw",
    "lower case bearer": lambda sim: f"bearer {sim.token()}",
    "garbage": lambda sim: "Bearer x.y.z",
    "three dots": lambda sim: "Bearer ...",
    "huge": lambda sim: "Bearer " + "a" * 7000,
    "other audience": lambda sim: f"Bearer {sim.token(aud='someone-else')}",
    "no audience": lambda sim: f"Bearer {sim.token(aud=None)}",
    "audience list": lambda sim: (
        f"Bearer {sim.token(aud=['x', '11111111-1111-1111-1111-111111111111'])}"
    ),
    "other issuer": lambda sim: f"Bearer {sim.token(iss='https://evil.example.com')}",
    "no issuer": lambda sim: f"Bearer {sim.token(iss=None)}",
    "expired": lambda sim: f"Bearer {sim.token(exp=time.time() - 400)}",
    "no expiry": lambda sim: f"Bearer {sim.token(exp=None)}",
    "not yet": lambda sim: f"Bearer {sim.token(nbf=time.time() + 4000)}",
    "no service url": lambda sim: f"Bearer {sim.token(serviceurl=None)}",
    "other service url": lambda sim: f"Bearer {sim.token(serviceurl='https://evil.example.com')}",
    "service url with a slash": lambda sim: f"Bearer {sim.token(serviceurl=sim.url + '/')}",
    "other key": lambda sim: f"Bearer {sim.token(key=other_key())}",
    "rs384": lambda sim: f"Bearer {sim.token(algorithm='RS384')}",
    "unsigned": lambda sim: f"Bearer {unsigned(sim)}",
    "public key as secret": lambda sim: f"Bearer {public_key_as_secret(sim)}",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_401_and_begins_no_turn(name: str) -> None:
    turns: list[str] = []

    async def turn(context: TurnContext) -> None:
        turns.append(context.activity.text)

    async with opened(turn) as harness:
        answer = await harness.sim.post(harness.sim.activity("message"), FORGED[name](harness.sim))
        assert answer.status == 401
        assert turns == []
        assert (await harness.sim.say("hello")).status == 201
        assert turns == ["hello"]


async def test_a_token_may_name_the_bots_uri() -> None:
    """Teams requires that of a bot with single sign-on."""
    async with opened(echo) as harness:
        activity = harness.sim.activity("message", text="x")
        for audience, status in (
            (f"api://botid-{APP_ID}", 201),
            (APP_ID, 201),
            ("api://botid-22222222-2222-2222-2222-222222222222", 401),
            (f"api://{APP_ID}", 401),
            ("", 401),
        ):
            token = harness.sim.token(aud=audience)
            answer = await harness.sim.post({**activity, "id": audience}, f"Bearer {token}")
            assert answer.status == status, audience


async def test_without_a_valid_token_no_body_is_waited_for() -> None:
    async with opened(echo) as harness:
        host, port = harness.sim.bot_url.removeprefix("http://").split(":")
        for token in ("", f"Authorization: Bearer {harness.sim.token(aud='x')}\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            head = f"POST /api/messages HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 9\r\n\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(10):  # a body is waited for 15 seconds
                assert b" 401 " in await reader.readline()
            writer.close()


@pytest.mark.parametrize("skew", [-280, 280])
async def test_five_minutes_of_skew_are_fine(skew: int) -> None:
    async with opened(echo) as harness:
        now = int(time.time())
        token = harness.sim.token(exp=now + skew, nbf=now + skew - 600)
        answer = await harness.sim.post(
            harness.sim.activity("message", text="x"), f"Bearer {token}"
        )
        assert answer.status == 201


@pytest.mark.parametrize(
    "change",
    [{"channelId": "webchat"}, {"channelId": None}, {"serviceUrl": None}, {"serviceUrl": ""}],
    ids=["not endorsed", "no channel", "no service url", "empty service url"],
)
async def test_an_activity_that_the_token_does_not_cover_is_401(change: dict[str, Any]) -> None:
    async with opened(echo) as harness:
        activity = {**harness.sim.activity("message", text="x"), **change}
        assert (await harness.sim.post(activity)).status == 401
        assert harness.sim.messages == {}


async def test_a_key_without_endorsements_is_ignored() -> None:
    async with opened(echo) as harness:
        harness.sim.endorsements = None
        assert (await harness.sim.say("x")).status == 401


async def test_another_tenant_is_403() -> None:
    async with opened(echo) as harness:
        assert (await harness.sim.say("x", STRANGER)).status == 403
        activity = harness.sim.activity("message", text="x")
        del activity["channelData"], activity["conversation"]["tenantId"]
        assert (await harness.sim.post(activity)).status == 403


async def test_new_keys_are_fetched_when_a_token_names_one_and_at_most_once_a_minute() -> None:
    async with opened(echo) as harness:
        for _ in range(3):
            assert (await harness.sim.say("x")).status == 201
        assert harness.sim.key_fetches == 1
        harness.sim.rotate()
        assert (await harness.sim.say("x")).status == 401
        harness.clock.seconds += 61
        assert (await harness.sim.say("x")).status == 201
        assert harness.sim.key_fetches == 2
        harness.sim.kid = "unknown"
        for _ in range(5):
            assert (await harness.sim.say("x")).status == 401
        assert harness.sim.key_fetches == 2


async def test_keys_that_cannot_be_fetched_refuse_and_do_not_break() -> None:
    async with opened(
        echo, TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL="http://127.0.0.1:1/openid"
    ) as harness:
        assert (await harness.sim.say("x")).status == 401


async def test_parallel_first_requests_fetch_the_keys_once() -> None:
    async with opened(echo) as harness:
        answers = await asyncio.gather(*(harness.sim.say(f"{i}") for i in range(8)))
        assert {answer.status for answer in answers} == {201}
        assert harness.sim.key_fetches == 1
        assert harness.sim.tokens_given == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"{}", 400),
        (b"[" * 100_000, 400),
        (b'{"type": 1, "conversation": {"id": "x"}, "from": {"id": "x"}, "recipient": {}}', 400),
        (b"\xff\xfe", 400),
        (b'{"a": "' + b"x" * 300_000 + b'"}', 413),
    ],
    ids=["none", "cut", "list", "null", "text", "empty", "deep", "types", "binary", "large"],
)
async def test_an_invalid_activity_is_refused(data: bytes, status: int) -> None:
    async with opened(echo) as harness:
        headers = {"Authorization": f"Bearer {harness.sim.token()}"}
        async with harness.sim._http.post(
            f"{harness.sim.bot_url}/api/messages", data=data, headers=headers
        ) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "not a time"},
        {"entities": [{"type": "mention"}, {}, {"mentioned": None}]},
        {"channelData": {"tenant": {"id": "22222222-2222-2222-2222-222222222222"}, "odd": [1]}},
        {"attachments": [{"contentType": 5}]},
        {"value": "text"},
        {"text": None},
        {"membersAdded": "x", "type": "conversationUpdate"},
        {"type": "unheardOf"},
        {"type": "invoke", "name": "adaptiveCard/action", "value": None},
    ],
    ids=range(9),
)
async def test_an_unusual_activity_is_never_a_server_error(change: dict[str, Any]) -> None:
    async with opened(echo) as harness:
        answer = await harness.sim.post({**harness.sim.activity("message", text="x"), **change})
        assert answer.status < 500


async def test_an_activity_that_comes_twice_is_one_turn() -> None:
    turns: list[str] = []

    async def slow(context: TurnContext) -> None:
        turns.append(context.activity.id)
        await asyncio.sleep(0.1)
        if context.activity.type == "invoke":
            response = InvokeResponse(status=200, body={"n": len(turns)})
            await context.send_activity(Activity(type="invokeResponse", value=response))

    async with opened(slow) as harness:
        activity = harness.sim.activity("invoke", name="x", value={})
        answers = await asyncio.gather(*(harness.sim.post(activity) for _ in range(3)))
        assert len(turns) == 1
        assert [answer.body for answer in answers] == [{"n": 1}] * 3
        later = await harness.sim.post(activity)
        assert later.body == {"n": 1}
        await harness.sim.post(harness.sim.activity("invoke", name="x", value={}))
        assert len(turns) == 2


async def test_a_failing_turn_is_not_a_server_error_and_the_next_one_works() -> None:
    async def broken(context: TurnContext) -> None:
        if context.activity.text == "break":
            raise KeyError("on purpose")
        await echo(context)

    async with opened(broken) as harness:
        assert (await harness.sim.say("break")).status == 201
        assert (await harness.sim.say("x")).replies[0].text == "echo x"


async def test_local_mode_answers_only_towards_this_machine() -> None:
    async with opened(echo, authenticated=False) as harness:
        assert (await harness.sim.say("x")).replies[0].text == "echo x"
        for url in (
            "https://evil.example.com",
            "http://127.0.0.1@evil.example.com",
            "http://127.0.0.1.evil.example.com",
            "http://[::1].evil.example/",
            "http://[::1]evil.example",
            "http://127.0.0.1\\@evil.example.com",
            "http://localhost%2eevil.example",
            "file:///etc/passwd",
            "",
            None,
        ):
            activity = {**harness.sim.activity("message", text="x"), "serviceUrl": url}
            assert (await harness.sim.post(activity)).status == 403


async def test_a_wrong_secret_is_not_a_server_error() -> None:
    async with opened(echo, MicrosoftAppPassword="wrong") as harness:
        assert (await harness.sim.say("x")).status == 201
        assert harness.sim.messages == {}
        assert harness.sim.tokens_given == 1


async def test_a_managed_identity_gives_the_token() -> None:
    async with TeamsSim() as identity:
        async with opened(
            echo,
            MicrosoftAppType="UserAssignedMSI",
            IDENTITY_ENDPOINT=f"{identity.url}/msi",
            IDENTITY_HEADER="msi-header",
        ) as harness:
            assert (await harness.sim.say("x", ANA)).replies[0].text == "echo x"
            assert (await harness.sim.say("y", ANA)).replies[0].text == "echo y"
        assert identity.tokens_given == 1
