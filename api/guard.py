"""Authentication and authorization of REST: keys and access tokens, except in local mode.

An installation without an app ID is in local mode until its first key exists. Nothing turns this
off.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api import local_mode
from api.callers import ANYBODY, CALLER, LOCAL, Caller
from api.entra import EntraTokens
from api.problems import MESSAGES, RefusedError
from services.administration import PREFIX, ApiKeys, TokenRefusedError
from services.domain import Scope
from services.domain.errors import StoreUnavailableError
from services.ports import Clock

log = structlog.get_logger()

HEALTH = "/api/health"
HEALTH_TIMEOUT_SECONDS = 1.0
NO_DETAILS = "MongoDB is not responding. On the agent's own machine, this address gives details."
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
REALM = 'realm="aws-cost-agent"'
PAGES = ("/outbox", "/api/docs", "/api/openapi.json")
"""Shown in a browser, so the key is also accepted as the password of its sign-in dialog. They are
read-only: whatever a browser sends by itself cannot change anything.
"""
NO_TEAMS = (
    "Teams needs an app ID: once a key exists, this installation is not in local mode, and without "
    "an app ID no message can be authenticated. Set MicrosoftAppId and restart the agent."
)
WRONG_KEY_SECONDS = 0.2
"""How long the answer to a wrong key takes. Keys are 256 random bits and tokens are signed, so nobody
can guess one. Nobody is locked out either: behind a proxy, strangers share the address of everybody.
"""
MAX_WAITING = 50
"""Responses to wrong keys that wait at the same time; more are sent immediately. Otherwise
strangers could occupy every connection with them.
"""
Pause = Callable[[float], Awaitable[None]]


class Guard:
    """Admits or refuses every request, before any handler sees it."""

    def __init__(
        self,
        keys: ApiKeys,
        tokens: EntraTokens | None,
        clock: Clock,
        *,
        has_app_id: bool,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """``tokens``: None when no audience is set.

        ``has_app_id``: the Bot Framework's endpoint checks its callers itself, and the Internet
        reaches this machine.
        """
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._has_app_id = has_app_id
        self._pause = pause
        self._waiting = 0

    async def locked(self) -> bool:
        """Whether a key or a token is needed: everywhere but in local mode."""
        return self._has_app_id or self._tokens is not None or await self._keys.ever_existed()

    async def admit(self, request: web.Request) -> Caller:
        """Return who sent the request. Raises RefusedError."""
        path = _route_path(request)
        if path == MESSAGES:
            if not self._has_app_id:
                await self._require_local_teams(request)
            return ANYBODY
        if path == HEALTH:
            return await self._admit_to_health(request)
        if not await self.locked():
            require_local(request)
            return LOCAL
        return await self._authenticate(request, path)

    async def _require_local_teams(self, request: web.Request) -> None:
        require_local(request)
        if await self.locked():
            raise RefusedError(403, "Forbidden", NO_TEAMS)

    async def _admit_to_health(self, request: web.Request) -> Caller:
        """Admit anybody outside local mode.

        While MongoDB is unavailable and the mode unknown, this machine gets the failing
        components. Others, who may be monitoring the agent, learn only that something is failing.
        """
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
                if await self.locked():
                    return ANYBODY
        except (StoreUnavailableError, TimeoutError) as error:
            if local_mode.refusal(request) is not None:
                raise StoreUnavailableError(NO_DETAILS) from error
            return LOCAL
        require_local(request)
        return LOCAL

    async def _authenticate(self, request: web.Request, path: str) -> Caller:
        is_page = path.startswith(PAGES)
        credential = _credential(request, is_page=is_page)
        if credential is None:
            raise _unauthorized(
                "This needs an API key (`api-key create`) or an access token.", is_page=is_page
            )
        try:
            caller = await self._holder(credential)
        except TokenRefusedError as error:
            if error.forged:
                await self._slow_down()
            raise _unauthorized(str(error), is_page=is_page, is_invalid=True) from error
        _require_scope(request, caller)
        return caller

    async def _slow_down(self) -> None:
        if self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        try:
            await self._pause(WRONG_KEY_SECONDS)
        finally:
            self._waiting -= 1

    async def _holder(self, credential: str) -> Caller:
        if self._tokens is not None and not credential.startswith(f"{PREFIX}_"):
            return await self._tokens.authenticate(credential)
        now = self._clock()
        key = await self._keys.find(credential, now)
        if key is None:
            raise TokenRefusedError("The API key is not valid.")
        trouble = key.trouble(now)
        if trouble is not None:
            raise TokenRefusedError(trouble, forged=False)
        return Caller(f"key {key.name} ({key.id})", f"key:{key.id}", key.scopes)


def guarding(guard: Guard) -> Middleware:
    """The middleware that asks the guard."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        _require_unencoded_body(request)
        request[CALLER] = await guard.admit(request)
        return await handler(request)

    return middleware


def _require_unencoded_body(request: web.Request) -> None:
    """Refuse a compressed body before any of it is read: a few kilobytes can unpack to gigabytes.

    Neither Teams nor any client of the API compresses requests.
    """
    codings = {
        coding.strip().lower()
        for header in request.headers.getall("Content-Encoding", [])
        for coding in header.split(",")
    }
    if codings - {"", "identity"}:
        raise RefusedError(
            415,
            "Unsupported Media Type",
            "Compressed requests are not accepted. Send the body without a Content-Encoding.",
            # RFC 9110, 15.5.16: so that the client can tell this from another media type.
            ("Accept-Encoding", "identity"),
        )


def _route_path(request: web.Request) -> str:
    """The path of the matching route as declared; empty without one."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def require_local(request: web.Request, why: str = local_mode.BANNER) -> None:
    """Raise RefusedError unless the request comes from this machine."""
    reason = local_mode.refusal(request)
    if reason is not None:
        raise RefusedError(403, "Forbidden", f"{reason} {why}")


def _credential(request: web.Request, *, is_page: bool) -> str | None:
    headers = request.headers.getall("Authorization", [])
    # Of two, a proxy in front may have checked the other one.
    if len(headers) != 1:
        return None
    scheme, _, value = headers[0].partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic" and is_page:
        return _password(value.strip())
    return None


def _password(value: str) -> str | None:
    try:
        decoded = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(":")[2].strip() or None


def _require_scope(request: web.Request, caller: Caller) -> None:
    scope: Scope = "read" if request.method in SAFE_METHODS else "write"
    if scope not in caller.scopes:
        log.warning("rest_scope_missing", caller=caller.name, scope=scope)
        raise RefusedError(
            403, "Forbidden", f"This needs the scope {scope}. Use a key or app role that has it."
        )


def _unauthorized(detail: str, *, is_page: bool, is_invalid: bool = False) -> RefusedError:
    bearer = f"Bearer {REALM}" + (', error="invalid_token"' if is_invalid else "")
    # Makes the browser show its sign-in dialog.
    basic = (("WWW-Authenticate", f'Basic {REALM}, charset="UTF-8"'),) if is_page else ()
    return RefusedError(401, "Unauthorized", detail, ("WWW-Authenticate", bearer), *basic)
