"""Access tokens of Entra ID: genuine ones open what their roles say, no other opens anything."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives import serialization

from tests.api.conftest import ACTOR, MovingClock, opened
from tests.makers import NOW
from tests.servers.tenant import AUDIENCE, TENANT, FakeTenant, new_key, unsigned

OTHER = "99999999-9999-9999-9999-999999999999"


@dataclass
class Tenanted:
    tenant: FakeTenant
    client: "TestClient[Any, Any]"
    clock: MovingClock
    agent: Any

    async def status(self, token: str, method: str = "GET", **more: Any) -> int:
        async with self.client.request(
            method,
            "/api/config",
            headers={"Authorization": f"Bearer {token}"},
            **more,
        ) as answer:
            await answer.read()
            return answer.status

    def token(self, **more: Any) -> str:
        return self.tenant.token(**more)


@pytest.fixture
async def here(mongo_url: str, database: str, tmp_path: Path) -> AsyncIterator[Tenanted]:
    clock = MovingClock(NOW)
    async with FakeTenant() as tenant:
        environment = {
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "DATA_DIR": str(tmp_path),
            **tenant.environment(),
        }
        async with opened(environment, clock) as (agent, client):
            yield Tenanted(tenant, client, clock, agent)


async def test_with_an_audience_a_key_is_needed_from_the_start(here: Tenanted) -> None:
    async with here.client.get("/api/config") as answer:
        assert answer.status == 401
    async with here.client.get("/api/health") as answer:
        assert answer.status in {200, 503}


@pytest.mark.parametrize(
    ("claims", "reading", "writing"),
    [
        ({}, 200, 200),
        ({"roles": ["read"]}, 200, 403),
        ({"roles": ["Write"]}, 403, 200),
        ({"roles": ["other"]}, 403, 403),
        ({"roles": None, "scp": "read write"}, 403, 403),
        ({"roles": "read"}, 403, 403),
        ({"azp": None, "appid": "app", "iss": f"https://sts.windows.net/{TENANT}/"}, 200, 200),
    ],
    ids=["both", "read", "write", "other", "scopes", "text", "version 1"],
)
async def test_roles_are_what_counts(
    here: Tenanted, claims: dict[str, Any], reading: int, writing: int
) -> None:
    token = here.token(**claims)
    assert await here.status(token) == reading
    assert await here.status(token, "PUT", json={"anomaly_threshold": 25}) == writing


@pytest.mark.parametrize(("claim", "seconds"), [("nbf", 100), ("iat", 100), ("exp", -100)])
async def test_two_minutes_of_clock_skew_are_allowed(
    here: Tenanted, claim: str, seconds: int
) -> None:
    assert await here.status(here.token(**{claim: _in(seconds)})) == 200
    beyond = seconds + 40 if seconds > 0 else seconds - 40
    assert await here.status(here.token(**{claim: _in(beyond)})) == 401


Forge = Callable[[Tenanted], str]


def _in(seconds: int) -> int:
    return int(time.time()) + seconds


def _public_pem(here: Tenanted) -> bytes:
    return (
        here.tenant.keys["k1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _confused(here: Tenanted) -> str:
    """HS256 with the public key as its secret; made by hand, as PyJWT will not."""
    text = unsigned(here.tenant.claims(), "HS256", kid="k1").rstrip(".")
    digest = hmac.new(_public_pem(here), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _changed(here: Tenanted) -> str:
    """A genuine signature under other claims."""
    head, _, signature = here.token().split(".")
    claims = here.tenant.claims(oid="somebody else")
    return f"{head}.{unsigned(claims).split('.')[1]}.{signature}"


FORGED: dict[str, Forge] = {
    "expired": lambda h: h.token(exp=_in(-300)),
    "not yet": lambda h: h.token(nbf=_in(600)),
    "issued later": lambda h: h.token(iat=_in(600)),
    "endless": lambda h: h.token(exp=float("inf")),
    "expiry is a list": lambda h: h.token(exp=[1]),
    "no expiry": lambda h: h.token(exp=None),
    "no start": lambda h: h.token(nbf=None),
    "no issuer": lambda h: h.token(iss=None),
    "no audience": lambda h: h.token(aud=None),
    "no subject": lambda h: h.token(sub=None),
    "no tenant": lambda h: h.token(tid=None),
    "other tenant": lambda h: h.token(tid=OTHER),
    "other audience": lambda h: h.token(aud="api://another"),
    "audiences": lambda h: h.token(aud=[AUDIENCE, "api://another"]),
    "other issuer": lambda h: h.token(iss=f"https://sts.windows.net/{OTHER}/"),
    "look-alike issuer": lambda h: h.token(iss=f"{h.tenant.url}/v2.0/evil"),
    "id token": lambda h: h.token(azp=None),
    "another's key": lambda h: h.token(key=new_key()),
    "unknown key": lambda h: h.tenant.token(kid="k9", key=new_key()),
    "no key id": lambda h: unsigned(h.tenant.claims(), "RS256") + "c2ln",
    "key id is a list": lambda h: unsigned(h.tenant.claims(), "RS256", kid=[1]) + "c2ln",
    "none": lambda h: unsigned(h.tenant.claims(), kid="k1"),
    "None": lambda h: unsigned(h.tenant.claims(), "None", kid="k1"),
    "HS256": _confused,
    "RS512": lambda h: h.token(algorithm="RS512"),
    "changed": _changed,
    "cut": lambda h: h.token()[:-8],
    "no signature": lambda h: h.token().rpartition(".")[0] + ".",
    "empty claims": lambda h: "..",
    "key in the head": lambda h: unsigned(
        h.tenant.claims(), "RS256", kid="k1", jku=f"{h.tenant.url}/evil"
    ),
    "deep": lambda h: f"{'e' * 3000}.{'e' * 3000}.e",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_401(here: Tenanted, name: str) -> None:
    assert await here.status(here.token()) == 200
    assert await here.status(FORGED[name](here)) == 401


async def test_forged_tokens_lock_nobody_out(here: Tenanted) -> None:
    forged = here.token(aud="api://another")
    assert set(await asyncio.gather(*(here.status(forged) for _ in range(22)))) == {401}
    assert await here.status(here.token()) == 200


async def test_keys_are_fetched_once_and_again_for_a_new_one_once_a_minute(
    here: Tenanted,
) -> None:
    statuses = await asyncio.gather(*(here.status(here.token()) for _ in range(10)))
    assert set(statuses) == {200}
    assert here.tenant.fetches == 1
    here.tenant.keys["k2"] = new_key()
    # The minute since the last fetch is not over: unknown keys do not let anybody ask Entra.
    for _ in range(5):
        assert await here.status(here.token(kid="k2")) == 401
    assert here.tenant.fetches == 1
    here.clock.now += timedelta(seconds=61)
    assert await here.status(here.token(kid="k2")) == 200
    assert here.tenant.fetches == 2
    assert await here.status(here.token()) == 200
    assert here.tenant.fetches == 2


async def test_a_key_that_is_withdrawn_is_forgotten_within_a_day(here: Tenanted) -> None:
    assert await here.status(here.token()) == 200
    here.tenant.keys = {"k2": new_key(), "k1": here.tenant.keys["k1"]}
    old = here.tenant.keys.pop("k1")
    here.clock.now += timedelta(hours=24, minutes=1)
    token = here.tenant.token(kid="k1", key=old)
    assert await here.status(token) == 401
    assert await here.status(here.token(kid="k2")) == 200


async def test_known_keys_stay_valid_while_entra_is_unavailable_and_without_keys_it_is_503(
    here: Tenanted,
) -> None:
    here.tenant.status = 500
    async with here.client.get(
        "/api/config", headers={"Authorization": f"Bearer {here.token()}"}
    ) as answer:
        assert answer.status == 503
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Retry-After"]
    here.tenant.status = 200
    here.clock.now += timedelta(seconds=61)
    assert await here.status(here.token()) == 200
    here.tenant.status = 500
    here.clock.now += timedelta(hours=25)
    assert await here.status(here.token()) == 200


@pytest.mark.parametrize("where", ["http://keys.example.com/keys", "file:///etc/passwd", "x"])
async def test_keys_come_over_https_only(here: Tenanted, where: str) -> None:
    here.tenant.jwks_uri = where
    assert await here.status(here.token()) == 503


async def test_a_redirect_to_other_keys_is_not_followed(here: Tenanted) -> None:
    here.tenant.status = 302
    assert await here.status(here.token()) == 503


async def test_keys_of_the_agent_work_beside_tokens(here: Tenanted) -> None:
    _, key = await here.agent.app.administration.api_keys.create(
        "both", ["read"], ACTOR, here.clock()
    )
    assert await here.status(key) == 200
    assert await here.status(here.token()) == 200
    assert await here.status(key[:-1] + ("A" if key[-1] != "A" else "B")) == 401


async def test_who_changed_something_is_named_by_the_token(here: Tenanted) -> None:
    person = here.token(preferred_username="ana@example.org\u202e", oid="ana-id")
    assert await here.status(person, "PUT", json={"anomaly_threshold": 26}) == 200
    app = here.token()
    assert await here.status(app, "PUT", json={"anomaly_threshold": 27}) == 200
    newest = await here.agent.app.administration.api_keys._audit.newest(2)
    assert [one.actor.name for one in newest] == [
        "app 88888888-8888-8888-8888-888888888888",
        "ana@example.org",
    ]
