"""Access tokens of Entra ID: who of the tenant may read, and who may change.

A token must be for our audience, from our tenant, signed with one of the keys that the tenant
publishes, within its time, and an access token: it says which client it was given to. What the
holder may do stands in its app roles.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import structlog
from jwt.types import Options

from api.callers import Caller
from services.errors import AgentError
from services.model import SCOPES
from services.ports import Clock
from services.settings import TeamsAppSettings, is_loopback
from services.wording import neutral

log = structlog.get_logger()

SKEW_SECONDS = 120
KEYS_LAST = timedelta(hours=24)
FETCH_AT_MOST_EVERY = timedelta(minutes=1)
TIMEOUT = aiohttp.ClientTimeout(total=10)
NEEDED = ["exp", "nbf", "iat", "iss", "aud", "sub", "tid"]
OPTIONS: Options = {
    "require": NEEDED,
    "strict_aud": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
OLDER_ISSUER = "https://sts.windows.net/{tenant}/"
"""Of tokens in version 1.0, which an app registration hands out unless told otherwise."""


class TokenRefusedError(AgentError):
    """The token opens nothing; answered with 401."""

    def __init__(self, reason: str, *, forged: bool = True) -> None:
        super().__init__(reason)
        self.forged = forged
        """False for a genuine one that has expired."""


class KeysUnavailableError(AgentError):
    """Entra ID's keys cannot be fetched, so that no token can be told from another: 503."""

    permanent = False


@dataclass(slots=True)
class _Keys:
    issuers: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)
    """kid → public key"""
    fetched: datetime | None = None


class EntraTokens:
    """Checks tokens against the keys of one tenant."""

    def __init__(
        self, settings: TeamsAppSettings, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._keys = _Keys()
        self._tried: datetime | None = None
        self._fetching = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Who the token was given to. Raises TokenRefusedError or KeysUnavailableError."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefusedError("It is no token.") from error
        claims = self._checked(token, await self._key(kid))
        scopes = tuple(scope for scope in SCOPES if scope in _roles(claims))
        client = str(claims.get("azp") or claims["appid"])
        person = claims.get("preferred_username") or claims.get("upn") or claims.get("name")
        name = neutral(str(person), 100) if person else f"app {neutral(client, 40)}"
        return Caller(name, neutral(str(claims.get("oid") or claims["sub"]), 80), scopes)

    def _checked(self, token: str, key: Any) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.api_audience,
                issuer=list(self._keys.issuers),
                options=OPTIONS,
            )
            self._must_be_timely(claims)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            log.info("rest_token_refused", reason=str(error))
            raise TokenRefusedError("The token is refused.") from error
        if str(claims["tid"]).lower() != str(self._settings.tenant_id).lower():
            raise TokenRefusedError("The token is of another tenant.")
        if not (claims.get("azp") or claims.get("appid")):
            raise TokenRefusedError("It is no access token; an id token opens nothing.")
        return claims

    def _must_be_timely(self, claims: dict[str, Any]) -> None:
        """PyJWT would look at the machine's clock; the agent has one of its own."""
        now = self._clock().timestamp()
        if float(claims["nbf"]) > now + SKEW_SECONDS or float(claims["iat"]) > now + SKEW_SECONDS:
            raise TokenRefusedError("The token is not valid yet.")
        if not float(claims["exp"]) > now - SKEW_SECONDS:
            raise TokenRefusedError("The token has expired.", forged=False)

    async def _key(self, kid: Any) -> Any:
        if not isinstance(kid, str) or not kid:
            raise TokenRefusedError("The token names no key.")
        if not self._fresh() or kid not in self._keys.found:
            await self._refresh(kid)
        if not self._keys.found:
            raise KeysUnavailableError(
                "Entra ID's keys cannot be fetched, so that no token can be checked. Try again in "
                "a minute."
            )
        if kid not in self._keys.found:
            raise TokenRefusedError("The key of the token is not known.")
        return self._keys.found[kid]

    def _fresh(self) -> bool:
        fetched = self._keys.fetched
        return fetched is not None and self._clock() - fetched <= KEYS_LAST

    async def _refresh(self, kid: str) -> None:
        """Fetches the keys, once for all that wait and at most once a minute."""
        async with self._fetching:
            now = self._clock()
            if self._fresh() and kid in self._keys.found:
                return
            if self._tried is not None and now - self._tried < FETCH_AT_MOST_EVERY:
                return
            self._tried = now
            try:
                self._keys = await self._fetched(now)
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
                # Keys that are known go on being good; a token with another key is refused.
                log.warning("rest_keys_unavailable", reason=str(error) or type(error).__name__)

    async def _fetched(self, now: datetime) -> _Keys:
        metadata = await self._json(
            f"{self._settings.authority}/v2.0/.well-known/openid-configuration"
        )
        published = await self._json(str(metadata["jwks_uri"]))
        found: dict[str, Any] = {}
        for item in published["keys"]:
            if item.get("use", "sig") != "sig":
                continue
            try:
                found[str(item["kid"])] = jwt.PyJWK(item, algorithm="RS256").key
            except (jwt.PyJWTError, ValueError):
                continue
        older = OLDER_ISSUER.format(tenant=self._settings.tenant_id)
        return _Keys((str(metadata["issuer"]), older), found, now)

    async def _json(self, url: str) -> Any:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("keys are fetched over https")
        async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
            response.raise_for_status()
            return await response.json(content_type=None)


def _roles(claims: dict[str, Any]) -> set[str]:
    roles = claims.get("roles")
    given = roles if isinstance(roles, list) else []
    return {role.lower() for role in given if isinstance(role, str)}
