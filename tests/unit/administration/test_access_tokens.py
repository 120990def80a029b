"""What an issuer publishes, in every shape: unreadable is said so, a defect of ours is not hidden."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.administration.access_tokens import KeysUnavailableError, SigningKeys
from services.ports import Clock

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
METADATA, KEYS = "https://issuer.example/metadata", "https://issuer.example/keys"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
GOOD: Mapping[str, Any] = {
    **json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key())),
    "kid": "k1",
    "use": "sig",
}
SAID: Mapping[str, Any] = {"issuer": "me", "jwks_uri": KEYS}


def clock_of(now: datetime) -> Clock:
    return lambda: now


def signing_keys(said: object, published: object) -> SigningKeys:
    async def fetch(url: str) -> object:
        return said if url == METADATA else published

    return SigningKeys(METADATA, fetch, clock_of(NOW))


def token(kid: str = "k1") -> str:
    return jwt.encode({"sub": "x"}, PRIVATE, algorithm="RS256", headers={"kid": kid})


async def test_keys_come_with_the_channels_that_they_speak_for() -> None:
    keys = signing_keys(SAID, {"keys": [{**GOOD, "endorsements": ["msteams"]}]})
    found = await keys.find(token())
    assert found.endorsements == {"msteams"}
    assert keys.issuer == "me"
    jwt.decode(token(), found.key, algorithms=["RS256"])


@pytest.mark.parametrize(
    "odd",
    [
        {"kid": "ec", "kty": "EC", "crv": "P-256", "x": "a", "y": "b"},
        {"kty": "RSA", "n": GOOD["n"], "e": GOOD["e"]},
        {**GOOD, "kid": "k1", "use": "enc", "n": "AQAB"},
        {**GOOD, "kid": "odd", "n": ""},
        {**GOOD, "kid": "odd", "n": "!"},
        {**GOOD, "kid": "odd", "endorsements": None, "x5c": ["a"]},
    ],
    ids=["curve", "no name", "encryption", "empty", "no base64", "more"],
)
async def test_an_unusable_key_does_not_affect_the_others(odd: Mapping[str, Any]) -> None:
    keys = signing_keys(SAID, {"keys": [GOOD, odd]})
    jwt.decode(token(), (await keys.find(token())).key, algorithms=["RS256"])


@pytest.mark.parametrize(
    ("said", "published"),
    [
        ([], {"keys": [GOOD]}),
        (None, {"keys": [GOOD]}),
        ({"issuer": "me"}, {"keys": [GOOD]}),
        ({"issuer": 1, "jwks_uri": KEYS}, {"keys": [GOOD]}),
        (SAID, None),
        (SAID, {"keys": None}),
        (SAID, {"keys": "k1"}),
        (SAID, {"keys": ["k1"]}),
        (SAID, {"keys": [{**GOOD, "n": 5}]}),
        (SAID, {"keys": []}),
        ({**SAID, "jwks_uri": "http://[::1].evil.example/keys"}, {"keys": [GOOD]}),
        ({**SAID, "jwks_uri": "http://issuer.example/keys"}, {"keys": [GOOD]}),
    ],
)
async def test_what_cannot_be_read_is_keys_unavailable(said: object, published: object) -> None:
    with pytest.raises(KeysUnavailableError):
        await signing_keys(said, published).find(token())


@pytest.mark.parametrize("defect", [KeyError, TypeError, AttributeError])
async def test_a_defect_of_ours_is_not_taken_for_the_issuers(defect: type[Exception]) -> None:
    async def fetch(_: str) -> object:
        raise defect("ours")

    with pytest.raises(defect):
        await SigningKeys(METADATA, fetch, clock_of(NOW)).find(token())
