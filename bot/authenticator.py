"""Who may post to /api/messages: checks the Bot Framework token of every request.

Rules of the Bot Connector authentication document: Bearer scheme; RS256; issuer and audience;
validity within five minutes of skew; the key endorses the activity's channel; the claim
``serviceurl`` is the activity's. Stricter than that where a lax token has no reason to exist: an
expiry, endorsements and a service address are always needed, and the channel must be Teams. Other
channels of the same bot (Web Chat and Direct Line are on by default) let whoever has their secret
write any tenant and any person into an activity.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp

from services.ports import Clock
from services.settings import TeamsAppSettings, is_loopback
from services.signed_tokens import (
    KeysUnavailableError,
    SigningKeys,
    TokenRefusedError,
    verified,
)

SKEW_SECONDS = 300
TIMEOUT = aiohttp.ClientTimeout(total=10)
LONGEST_TOKEN = 10_000
TEAMS = "msteams"
NEEDED = ("exp", "nbf", "iss", "aud")


class UnauthenticatedError(Exception):
    """The request carries no valid token; answered with 401."""


class ForbiddenError(Exception):
    """The request is genuine and not for us; answered with 403."""


class Authenticator:
    """Checks requests against the keys that the Bot Framework publishes."""

    def __init__(
        self, settings: TeamsAppSettings, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._keys = SigningKeys(settings.openid_metadata_url, self._json, clock)

    async def check(self, header: str | None, activity: Mapping[str, Any]) -> None:
        """Raises UnauthenticatedError or ForbiddenError; returns when the request is genuine.

        In local mode (no app id) the service address must be this machine's, as it is where
        answers are sent to.
        """
        if self._settings.app_id is None:
            _must_be_here(activity)
            return
        channel = activity.get("channelId")
        claims = await self._claims(_bearer(header), channel)
        if channel != TEAMS:
            raise ForbiddenError("the activity does not come from Teams")
        service_url = activity.get("serviceUrl")
        if not isinstance(service_url, str) or not service_url:
            raise UnauthenticatedError("the activity has no serviceUrl")
        if claims.get("serviceurl", claims.get("serviceUrl")) != service_url:
            raise UnauthenticatedError("the token is for another serviceUrl")
        if not _is_trusted(service_url):
            raise ForbiddenError("the serviceUrl is not reached over https")
        if tenant_of(activity) != (self._settings.tenant_id or "").lower():
            raise ForbiddenError("the activity comes from another tenant")

    async def _claims(self, token: str, channel: Any) -> Mapping[str, Any]:
        try:
            key = await self._keys.of(token)
            if not isinstance(channel, str) or channel not in key.endorsements:
                raise UnauthenticatedError("the key does not endorse the channel")
            return verified(
                token,
                key,
                self._clock(),
                audience=str(self._settings.app_id),
                issuers=(self._settings.token_issuer,),
                needed=NEEDED,
                skew_seconds=SKEW_SECONDS,
            )
        except TokenRefusedError as error:
            raise UnauthenticatedError(error.why) from error
        except KeysUnavailableError as error:
            raise UnauthenticatedError(str(error)) from error

    async def _json(self, url: str) -> Any:
        try:
            async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                response.raise_for_status()
                return await response.json(content_type=None)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


def _bearer(header: str | None) -> str:
    scheme, _, token = (header or "").partition(" ")
    if scheme != "Bearer" or not token.strip() or len(token) > LONGEST_TOKEN:
        raise UnauthenticatedError("there is no Bearer token")
    return token.strip()


def tenant_of(activity: Mapping[str, Any]) -> str:
    """The tenant of an activity, lower case; empty when it names none."""
    for owner in (activity.get("channelData"), activity.get("conversation")):
        if isinstance(owner, Mapping):
            tenant = owner.get("tenant")
            found = tenant.get("id") if isinstance(tenant, Mapping) else owner.get("tenantId")
            if isinstance(found, str) and found:
                return found.lower()
    return ""


def _must_be_here(activity: Mapping[str, Any]) -> None:
    if not _is_here(activity.get("serviceUrl")):
        raise ForbiddenError("local mode answers this machine only; the serviceUrl is elsewhere")


def _is_trusted(url: str) -> bool:
    """Keys come, and the bot's token goes, over https, or they stay on this machine."""
    return url.startswith("https://") or _is_here(url)


def _is_here(url: Any) -> bool:
    """Whether an address is one of this machine, and nothing but that."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or "@" in url:
        return False
    host = url.partition("://")[2].partition("/")[0]
    host = host.rpartition("]")[0].lstrip("[") if "]" in host else host.partition(":")[0]
    return bool(host) and is_loopback(host)
