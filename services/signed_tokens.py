"""Signed tokens of others: the keys that an issuer publishes, and what a token has to show.

Both doors use it: REST for access tokens of Entra ID, Teams for the Bot Framework's. What the holder
of a good token may do is each door's own business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import structlog
from jwt.types import Options
from pydantic import BaseModel

from services.errors import AgentError
from services.ports import Clock
from services.settings import is_loopback

log = structlog.get_logger()

Fetch = Callable[[str], Awaitable[Any]]
"""GETs an address and reads its JSON. Raises OSError or ValueError."""
KEYS_LAST = timedelta(hours=24)
FETCH_AT_MOST_EVERY = timedelta(minutes=1)
UNREADABLE = (OSError, ValueError)
"""What fetching raises; a pydantic ValidationError is a ValueError."""
NOT_CHECKED: Options = {
    "strict_aud": True,
    # PyJWT would look at the machine's clock; the agent has one of its own.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class TokenRefusedError(AgentError):
    """The token opens nothing; ``why`` is for the log."""

    def __init__(self, message: str, *, forged: bool = True, why: str = "") -> None:
        super().__init__(message)
        self.forged = forged
        """False for a genuine one that has expired."""
        self.why = why or message


class KeysUnavailableError(AgentError):
    """No key of the issuer is known, so that no token can be told from another."""

    permanent = False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the channels that it speaks for (the Bot Framework names them)."""

    key: Any
    endorsements: frozenset[str]


class _Metadata(BaseModel):
    """What an issuer says of itself (OpenID Connect discovery)."""

    issuer: str
    jwks_uri: str


class _Key(BaseModel):
    """A published key; of those that are not RSA only the kind is looked at."""

    kid: str = ""
    use: str = "sig"
    kty: str
    n: str = ""
    e: str = ""
    endorsements: list[str] | None = None


class _KeySet(BaseModel):
    keys: list[_Key]


@dataclass(slots=True)
class _Published:
    issuer: str = ""
    keys: dict[str, SigningKey] = field(default_factory=dict)
    """kid → key"""
    fetched: datetime | None = None


class SigningKeys:
    """The keys of one issuer: fetched once for all that wait, at most once a minute, kept a day."""

    def __init__(self, metadata_url: str, fetch: Fetch, clock: Clock) -> None:
        self._metadata_url = metadata_url
        self._fetch = fetch
        self._clock = clock
        self._published = _Published()
        self._tried: datetime | None = None
        self._fetching = asyncio.Lock()

    @property
    def issuer(self) -> str:
        """What the issuer calls itself; empty until its keys were fetched."""
        return self._published.issuer

    async def of(self, token: str) -> SigningKey:
        """The key that a token says it is signed with. Raises TokenRefusedError, or
        KeysUnavailableError while none is known.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefusedError("It is no token.") from error
        if not isinstance(kid, str) or not kid:
            raise TokenRefusedError("The token names no key.")
        if not self._has(kid):
            await self._refresh(kid)
        if not self._published.keys:
            raise KeysUnavailableError(
                "The keys that tokens are checked with cannot be fetched. Try again in a minute."
            )
        if kid not in self._published.keys:
            raise TokenRefusedError("The key of the token is not known.")
        return self._published.keys[kid]

    def _has(self, kid: str) -> bool:
        fetched = self._published.fetched
        fresh = fetched is not None and self._clock() - fetched <= KEYS_LAST
        return fresh and kid in self._published.keys

    async def _refresh(self, kid: str) -> None:
        async with self._fetching:
            now = self._clock()
            if self._has(kid):
                return
            if self._tried is not None and now - self._tried < FETCH_AT_MOST_EVERY:
                return
            self._tried = now
            try:
                self._published = await self._read(now)
            except UNREADABLE as error:
                # Keys that are known go on being good; a token with another key is refused.
                reason = " ".join(str(error).split()) or type(error).__name__
                log.warning("signing_keys_unavailable", url=self._metadata_url, reason=reason)

    async def _read(self, now: datetime) -> _Published:
        metadata = _Metadata.model_validate(await self._json(self._metadata_url))
        published = _KeySet.model_validate(await self._json(metadata.jwks_uri))
        found: dict[str, SigningKey] = {}
        for item in published.keys:
            if item.use != "sig" or not item.kid:
                continue
            try:
                key = jwt.PyJWK(item.model_dump(include={"kty", "n", "e"}), algorithm="RS256").key
            except (jwt.PyJWTError, ValueError):
                continue
            found[item.kid] = SigningKey(key, frozenset(item.endorsements or ()))
        return _Published(metadata.issuer, found, now)

    async def _json(self, url: str) -> Any:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("keys are fetched over https")
        return await self._fetch(url)


def verified(
    token: str,
    key: SigningKey,
    now: datetime,
    *,
    audience: str,
    issuers: Sequence[str],
    needed: Sequence[str],
    skew_seconds: int,
) -> Mapping[str, Any]:
    """The claims of a token that is signed with the key (RS256), for one audience, from one of the
    issuers, within its time, and has all needed claims. Raises TokenRefusedError.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=audience,
            issuer=list(issuers),
            options={**NOT_CHECKED, "require": list(needed)},
        )
        _must_be_timely(claims, now.timestamp(), skew_seconds)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenRefusedError("The token is refused.", why=str(error)) from error
    return claims


def _must_be_timely(claims: Mapping[str, Any], now: float, skew: int) -> None:
    for name in ("nbf", "iat"):
        if name in claims and float(claims[name]) > now + skew:
            raise TokenRefusedError("The token is not valid yet.")
    if not float(claims["exp"]) > now - skew:
        raise TokenRefusedError("The token has expired.", forged=False)
