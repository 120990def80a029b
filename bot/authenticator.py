"""Who may post to /api/messages: checks the Bot Framework token of every request.

Rules of the Bot Connector authentication document: Bearer scheme; RS256; issuer and audience;
validity within five minutes of skew; the key endorses the activity's channel; the claim
``serviceurl`` is the activity's. Stricter than that where a lax token has no reason to exist: an
expiry, endorsements and a service address are always needed, and the channel must be Teams. Other
channels of the same bot (Web Chat and Direct Line are on by default) let whoever has their secret
write any tenant and any person into an activity.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt
import structlog

from services.ports import Clock
from services.settings import TeamsAppSettings, is_loopback

log = structlog.get_logger()

SKEW_SECONDS = 300
KEYS_LAST = timedelta(hours=24)
FETCH_AT_MOST_EVERY = timedelta(minutes=1)
TIMEOUT = aiohttp.ClientTimeout(total=10)
LONGEST_TOKEN = 10_000
TEAMS = "msteams"
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
NEEDED = ["exp", "nbf", "iss", "aud"]


class UnauthenticatedError(Exception):
    """The request carries no valid token; answered with 401."""


class ForbiddenError(Exception):
    """The request is genuine and not for us; answered with 403."""


@dataclass(slots=True)
class _Keys:
    found: dict[str, tuple[Any, frozenset[str]]] = field(default_factory=dict)
    """kid → (public key, channels that it endorses)"""
    fetched: datetime | None = None


class Authenticator:
    """Checks requests against the keys that the Bot Framework publishes."""

    def __init__(
        self, settings: TeamsAppSettings, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._keys = _Keys()
        self._tried: datetime | None = None
        self._fetching = asyncio.Lock()

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
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise UnauthenticatedError("the token is none") from error
        key, endorsed = await self._key(head.get("kid"))
        if not isinstance(channel, str) or channel not in endorsed:
            raise UnauthenticatedError("the key does not endorse the channel")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.app_id,
                issuer=self._settings.token_issuer,
                leeway=SKEW_SECONDS,
                options={"require": NEEDED, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise UnauthenticatedError(f"the token is refused ({error})") from error
        return claims

    async def _key(self, kid: Any) -> tuple[Any, frozenset[str]]:
        if not isinstance(kid, str) or not kid:
            raise UnauthenticatedError("the token names no key")
        stale = self._keys.fetched is None or self._clock() - self._keys.fetched > KEYS_LAST
        if stale or kid not in self._keys.found:
            await self._refresh(kid)
        found = self._keys.found.get(kid)
        if found is None:
            raise UnauthenticatedError("the key of the token is not known")
        return found

    async def _refresh(self, kid: str) -> None:
        """Fetches the keys, once for all that wait and at most once a minute."""
        async with self._fetching:
            now = self._clock()
            fresh = self._keys.fetched is not None and now - self._keys.fetched <= KEYS_LAST
            if fresh and kid in self._keys.found:
                return
            if self._tried is not None and now - self._tried < FETCH_AT_MOST_EVERY:
                return
            self._tried = now
            try:
                self._keys = _Keys(await self._fetch(), now)
            except (aiohttp.ClientError, TimeoutError, *UNREADABLE) as error:
                # Keys that are known go on being good; a token with another key is refused.
                reason = str(error) or type(error).__name__
                log.warning("bot_keys_unavailable", reason=reason)

    async def _fetch(self) -> dict[str, tuple[Any, frozenset[str]]]:
        metadata = await self._json(self._settings.openid_metadata_url)
        published = await self._json(str(metadata["jwks_uri"]))
        found = {}
        for item in published["keys"]:
            endorsed = frozenset(item.get("endorsements") or ())
            try:
                key = jwt.PyJWK(item, algorithm="RS256").key
            except (jwt.PyJWTError, ValueError):
                continue
            found[str(item["kid"])] = (key, endorsed)
        return found

    async def _json(self, url: str) -> Any:
        if not _is_trusted(url):
            raise ValueError("keys are fetched over https")
        async with self._http.get(url, timeout=TIMEOUT) as response:
            response.raise_for_status()
            return await response.json(content_type=None)


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
