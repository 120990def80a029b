"""Access tokens that others sign: the keys of an issuer, and the checks of a token.

Used for the Bot Framework's tokens in Teams and Entra ID's in REST. What the holder of a valid
token may do is up to each interface.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
import structlog
from pydantic import BaseModel

from services.domain.addresses import is_loopback_url
from services.domain.errors import AgentError
from services.ports import Clock

log = structlog.get_logger()

Fetch = Callable[[str], Awaitable[Any]]
"""GETs a URL and returns its JSON. Raises OSError or ValueError."""
MAX_KEY_AGE = timedelta(hours=24)
MIN_FETCH_INTERVAL = timedelta(minutes=1)
FETCH_ERRORS = (OSError, ValueError)
"""A pydantic ValidationError is a ValueError."""


class TokenRefusedError(AgentError):
    """The token is not valid; ``reason`` is for the log."""

    def __init__(self, message: str, *, forged: bool = True, reason: str = "") -> None:
        super().__init__(message)
        self.forged = forged
        """False for a genuine token that has expired."""
        self.reason = reason or message


class KeysUnavailableError(AgentError):
    """No key of the issuer could be fetched, so no token can be checked."""

    permanent = False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the channels that it endorses (Bot Framework keys only)."""

    key: Any
    endorsements: frozenset[str]


class _Metadata(BaseModel):
    """The part of an OpenID Connect discovery document that is needed."""

    issuer: str
    jwks_uri: str


class _Key(BaseModel):
    """A published key. Only RSA keys are used; of the others, ``kty`` alone must be there."""

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
    """By key ID."""
    fetched_at: datetime | None = None


class SigningKeys:
    """The keys of one issuer, cached for a day and fetched at most once a minute.

    Concurrent requests share one fetch.
    """

    def __init__(self, metadata_url: str, fetch: Fetch, clock: Clock) -> None:
        self._metadata_url = metadata_url
        self._fetch = fetch
        self._clock = clock
        self._published = _Published()
        self._last_attempt: datetime | None = None
        self._fetching = asyncio.Lock()

    @property
    def issuer(self) -> str:
        """The issuer's name for itself; empty until its keys were fetched."""
        return self._published.issuer

    async def find(self, token: str) -> SigningKey:
        """Return the key that the token's header names.

        Raises TokenRefusedError, or KeysUnavailableError while no key is known.
        """
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefusedError("This is not a signed token.") from error
        if not isinstance(key_id, str) or not key_id:
            raise TokenRefusedError("The token does not name its signing key.")
        if not self._is_known(key_id):
            await self._refresh(key_id)
        if not self._published.keys:
            raise KeysUnavailableError(
                "The keys for checking tokens cannot be fetched. Try again in a minute."
            )
        if key_id not in self._published.keys:
            raise TokenRefusedError("The token's signing key is unknown.")
        return self._published.keys[key_id]

    def _is_known(self, key_id: str) -> bool:
        fetched_at = self._published.fetched_at
        is_fresh = fetched_at is not None and self._clock() - fetched_at <= MAX_KEY_AGE
        return is_fresh and key_id in self._published.keys

    async def _refresh(self, key_id: str) -> None:
        async with self._fetching:
            now = self._clock()
            # Another request may have fetched the key while this one waited for the lock.
            if self._is_known(key_id):
                return
            # Otherwise anybody could make the agent query the issuer, with made-up key IDs.
            if self._last_attempt is not None and now - self._last_attempt < MIN_FETCH_INTERVAL:
                return
            self._last_attempt = now
            try:
                self._published = await self._fetch_keys(now)
            except FETCH_ERRORS as error:
                # Known keys stay valid while the issuer is down; only unknown ones are refused.
                reason = " ".join(str(error).split()) or type(error).__name__
                log.warning("signing_keys_unavailable", url=self._metadata_url, reason=reason)

    async def _fetch_keys(self, now: datetime) -> _Published:
        # OpenID Connect Discovery 1.0, sections 3 and 4: the document names the issuer and the URL
        # of its keys (jwks_uri), which may be on another host and may change.
        metadata = _Metadata.model_validate(await self._fetch_json(self._metadata_url))
        key_set = _KeySet.model_validate(await self._fetch_json(metadata.jwks_uri))
        keys: dict[str, SigningKey] = {}
        for item in key_set.keys:
            if item.use != "sig" or not item.kid:
                continue
            # A key that cannot be used must not hide the others (RFC 7517, 5).
            try:
                key = jwt.PyJWK(item.model_dump(include={"kty", "n", "e"}), algorithm="RS256").key
            except (jwt.PyJWTError, ValueError):
                continue
            keys[item.kid] = SigningKey(key, frozenset(item.endorsements or ()))
        return _Published(metadata.issuer, keys, now)

    async def _fetch_json(self, url: str) -> Any:
        if not (url.lower().startswith("https://") or is_loopback_url(url)):
            raise ValueError("keys are fetched over https only")
        return await self._fetch(url)


def verify_token(
    token: str,
    key: SigningKey,
    *,
    audiences: Collection[str],
    issuers: Sequence[str],
    required_claims: Sequence[str],
    leeway_seconds: int,
) -> Mapping[str, Any]:
    """Return the claims of a valid token. Raises TokenRefusedError.

    Valid: signed with the key (RS256), for exactly one of the audiences, from one of the issuers,
    neither expired nor from the future by this machine's clock, give or take the leeway, and with
    all required claims.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            # Never the algorithm that the token's header names: "none" or a public key used as an
            # HMAC secret would then pass (RFC 8725, 2.1 and 3.1).
            algorithms=["RS256"],
            issuer=list(issuers),
            leeway=leeway_seconds,
            # PyJWT compares strictly with a single audience only; see below.
            options={"verify_aud": False, "require": list(required_claims)},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefusedError("The token has expired.", forged=False) from error
    except jwt.ImmatureSignatureError as error:
        raise TokenRefusedError("The token is not valid yet.") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        # PyJWT lets some of Python's own errors through, such as for "exp": 1e999 or null.
        raise TokenRefusedError("The token is not valid.", reason=str(error)) from error
    audience = claims.get("aud")
    # RFC 7519 (4.1.3) allows a list of audiences, but neither service issues one, so that a list is a
    # sign of a token that was meant for somebody else too.
    if not isinstance(audience, str) or audience not in audiences:
        raise TokenRefusedError("The token is not valid.", reason="it is for another audience")
    return claims
