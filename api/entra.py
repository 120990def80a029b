"""Access tokens of Entra ID: who of the tenant may read, and who may change.

A token must be for our audience, from our tenant, signed with one of the keys that the tenant
publishes, within its time, and an access token: it says which client it was given to. What the
holder may do stands in its app roles.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog

from api.callers import Caller
from services.model import SCOPES
from services.ports import Clock
from services.settings import TeamsAppSettings
from services.signed_tokens import SigningKeys, TokenRefusedError, verified
from services.wording import neutral

log = structlog.get_logger()

SKEW_SECONDS = 120
TIMEOUT = aiohttp.ClientTimeout(total=10)
NEEDED = ("exp", "nbf", "iat", "iss", "aud", "sub", "tid")
OLDER_ISSUER = "https://sts.windows.net/{tenant}/"
"""Of tokens in version 1.0, which an app registration hands out unless told otherwise."""


class EntraTokens:
    """Checks tokens against the keys of one tenant."""

    def __init__(
        self, settings: TeamsAppSettings, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        metadata = f"{settings.authority}/v2.0/.well-known/openid-configuration"
        self._keys = SigningKeys(metadata, self._json, clock)

    async def caller(self, token: str) -> Caller:
        """Who the token was given to. Raises TokenRefusedError or KeysUnavailableError."""
        claims = await self._claims(token)
        scopes = tuple(scope for scope in SCOPES if scope in _roles(claims))
        client = str(claims.get("azp") or claims["appid"])
        person = claims.get("preferred_username") or claims.get("upn") or claims.get("name")
        name = neutral(str(person), 100) if person else f"app {neutral(client, 40)}"
        return Caller(name, neutral(str(claims.get("oid") or claims["sub"]), 80), scopes)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        key = await self._keys.of(token)
        older = OLDER_ISSUER.format(tenant=self._settings.tenant_id)
        try:
            claims = verified(
                token,
                key,
                self._clock(),
                audience=str(self._settings.api_audience),
                issuers=(self._keys.issuer, older),
                needed=NEEDED,
                skew_seconds=SKEW_SECONDS,
            )
        except TokenRefusedError as error:
            log.info("rest_token_refused", reason=error.why)
            raise
        if str(claims["tid"]).lower() != str(self._settings.tenant_id).lower():
            raise TokenRefusedError("The token is of another tenant.")
        if not (claims.get("azp") or claims.get("appid")):
            raise TokenRefusedError("It is no access token; an id token opens nothing.")
        return claims

    async def _json(self, url: str) -> Any:
        try:
            async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                response.raise_for_status()
                return await response.json(content_type=None)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


def _roles(claims: Mapping[str, Any]) -> set[str]:
    roles = claims.get("roles")
    given = roles if isinstance(roles, list) else []
    return {role.lower() for role in given if isinstance(role, str)}
