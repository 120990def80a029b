"""Access tokens of Entra ID: who in the tenant may read, and who may write.

A token must be for our audience, from our tenant, signed with one of the tenant's published keys,
not expired, and an access token: one that names the client it was issued to. Its app roles are
the scopes.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog

from api.callers import Caller
from services.administration import SigningKeys, TokenRefusedError, verify_token
from services.domain import SCOPES
from services.domain.formatting import neutral
from services.ports import Clock, HttpClient
from services.settings import TeamsAppSettings

log = structlog.get_logger()

LEEWAY_SECONDS = 120
TIMEOUT = aiohttp.ClientTimeout(total=10)
REQUIRED_CLAIMS = ("exp", "nbf", "iat", "iss", "aud", "sub", "tid")
V1_ISSUER = "https://sts.windows.net/{tenant}/"
"""Issuer of version 1.0 tokens, the default of an app registration."""


class EntraTokens:
    """Checks access tokens against the keys of one tenant."""

    def __init__(self, settings: TeamsAppSettings, http: HttpClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        metadata = f"{settings.authority}/v2.0/.well-known/openid-configuration"
        self._keys = SigningKeys(metadata, self._fetch_json, clock)

    async def authenticate(self, token: str) -> Caller:
        """Return the token's holder. Raises TokenRefusedError or KeysUnavailableError."""
        claims = await self._claims(token)
        scopes = tuple(scope for scope in SCOPES if scope in _roles(claims))
        client = str(claims.get("azp") or claims["appid"])
        person = claims.get("preferred_username") or claims.get("upn") or claims.get("name")
        name = neutral(str(person), 100) if person else f"app {neutral(client, 40)}"
        return Caller(name, neutral(str(claims.get("oid") or claims["sub"]), 80), scopes)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        key = await self._keys.find(token)
        v1_issuer = V1_ISSUER.format(tenant=self._settings.tenant_id)
        try:
            claims = verify_token(
                token,
                key,
                audiences=(str(self._settings.api_audience),),
                issuers=(self._keys.issuer, v1_issuer),
                required_claims=REQUIRED_CLAIMS,
                leeway_seconds=LEEWAY_SECONDS,
            )
        except TokenRefusedError as error:
            log.info("rest_token_refused", reason=error.reason)
            raise
        if str(claims["tid"]).lower() != str(self._settings.tenant_id).lower():
            raise TokenRefusedError("The token is from another tenant.")
        if not (claims.get("azp") or claims.get("appid")):
            raise TokenRefusedError("This is not an access token. ID tokens are not accepted.")
        return claims

    async def _fetch_json(self, url: str) -> Any:
        try:
            async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                response.raise_for_status()
                return await response.json(content_type=None)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


def _roles(claims: Mapping[str, Any]) -> set[str]:
    roles = claims.get("roles")
    if not isinstance(roles, list):
        return set()
    return {role.lower() for role in roles if isinstance(role, str)}
