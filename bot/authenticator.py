"""Authentication of requests to /api/messages by their Bot Framework token.

The rules of Microsoft's Bot Connector authentication document: Bearer scheme, RS256, issuer and
audience, five minutes of clock skew, a key that endorses the activity's channel, and a
``serviceurl`` claim equal to the activity's. It is stricter than that document in what every
genuine token fulfills: expiry, endorsements and service URL are required, and the channel must be
Teams. On the other channels of the same bot (Web Chat and Direct Line are on by default), whoever
has the channel's secret can write any tenant and any person into an activity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from services.administration import (
    KeysUnavailableError,
    SigningKeys,
    TokenRefusedError,
    verify_token,
)
from services.domain.addresses import is_loopback_url
from services.ports import Clock, HttpClient
from services.settings import TeamsAppSettings

LEEWAY_SECONDS = 300
TIMEOUT = aiohttp.ClientTimeout(total=10)
MAX_TOKEN_LENGTH = 10_000
TEAMS_CHANNEL = "msteams"
REQUIRED_CLAIMS = ("exp", "nbf", "iss", "aud")


class UnauthenticatedError(Exception):
    """The request has no valid token; answered with 401."""


class ForbiddenError(Exception):
    """The request is genuine but not allowed; answered with 403."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims of a token with a valid signature, and the channels that its key endorses."""

    claims: Mapping[str, Any]
    endorsements: frozenset[str]


class Authenticator:
    """Checks requests against the keys that the Bot Framework publishes."""

    def __init__(self, settings: TeamsAppSettings, http: HttpClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._keys = SigningKeys(settings.openid_metadata_url, self._fetch_json, clock)

    async def verify(self, header: str | None) -> VerifiedToken | None:
        """Verify the token before anything of the body is read; None in local mode (no app ID).

        Raises UnauthenticatedError.
        """
        if self._settings.app_id is None:
            return None
        token = _bearer(header)
        try:
            key = await self._keys.find(token)
            claims = verify_token(
                token,
                key,
                audiences=self._settings.token_audiences,
                issuers=(self._settings.token_issuer,),
                required_claims=REQUIRED_CLAIMS,
                leeway_seconds=LEEWAY_SECONDS,
            )
        except TokenRefusedError as error:
            raise UnauthenticatedError(error.reason) from error
        except KeysUnavailableError as error:
            raise UnauthenticatedError(str(error)) from error
        return VerifiedToken(claims, key.endorsements)

    def check(self, token: VerifiedToken | None, activity: Mapping[str, Any]) -> None:
        """Raise UnauthenticatedError or ForbiddenError unless the token covers the activity.

        In local mode the service URL must be on this machine, because that is where the bot's
        replies go.
        """
        if token is None:
            _require_local_service_url(activity)
            return
        channel = activity.get("channelId")
        if not isinstance(channel, str) or channel not in token.endorsements:
            raise UnauthenticatedError("the key does not endorse the channel")
        if channel != TEAMS_CHANNEL:
            raise ForbiddenError("the activity does not come from Teams")
        claims, service_url = token.claims, activity.get("serviceUrl")
        if not isinstance(service_url, str) or not service_url:
            raise UnauthenticatedError("the activity has no serviceUrl")
        if claims.get("serviceurl", claims.get("serviceUrl")) != service_url:
            raise UnauthenticatedError("the token is for another serviceUrl")
        if not _is_trusted(service_url):
            raise ForbiddenError("the serviceUrl is not an https URL")
        if tenant_of(activity) != (self._settings.tenant_id or "").lower():
            raise ForbiddenError("the activity comes from another tenant")

    async def _fetch_json(self, url: str) -> Any:
        try:
            async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                response.raise_for_status()
                return await response.json(content_type=None)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


def _bearer(header: str | None) -> str:
    scheme, _, token = (header or "").partition(" ")
    if scheme != "Bearer" or not token.strip() or len(token) > MAX_TOKEN_LENGTH:
        raise UnauthenticatedError("the request has no Bearer token")
    return token.strip()


def tenant_of(activity: Mapping[str, Any]) -> str:
    """The tenant ID of an activity, in lower case; empty when it has none."""
    for owner in (activity.get("channelData"), activity.get("conversation")):
        if isinstance(owner, Mapping):
            tenant = owner.get("tenant")
            tenant_id = tenant.get("id") if isinstance(tenant, Mapping) else owner.get("tenantId")
            if isinstance(tenant_id, str) and tenant_id:
                return tenant_id.lower()
    return ""


def _require_local_service_url(activity: Mapping[str, Any]) -> None:
    if not _is_local_url(activity.get("serviceUrl")):
        raise ForbiddenError("in local mode the serviceUrl must be on this machine")


def _is_trusted(url: str) -> bool:
    """The bot's own token is sent to this URL, so it must not cross a network in clear text."""
    return url.startswith("https://") or _is_local_url(url)


def _is_local_url(url: Any) -> bool:
    return isinstance(url, str) and is_loopback_url(url)
