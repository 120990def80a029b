"""Authentication and authorization of REST: local mode until the first key exists, keys and access
tokens from then on.

Nothing turns this off.
"""

import asyncio
import base64
import binascii

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api import local_mode
from api.callers import ANYBODY, CALLER, LOCAL, Caller
from api.entra import EntraTokens
from api.guess_limit import GuessLimit
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


class Guard:
    """Admits or refuses every request, before any handler sees it."""

    def __init__(
        self,
        keys: ApiKeys,
        tokens: EntraTokens | None,
        clock: Clock,
        *,
        messages_authenticate: bool,
    ) -> None:
        """``tokens``: None when no audience is set.

        ``messages_authenticate``: the Bot Framework's endpoint checks its callers itself.
        """
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._messages_authenticate = messages_authenticate
        self._guess_limit = GuessLimit()

    async def locked(self) -> bool:
        """Whether a key or a token is needed."""
        return self._tokens is not None or await self._keys.ever_existed()

    async def admit(self, request: web.Request) -> Caller:
        """Return who sent the request. Raises RefusedError."""
        path = _route_path(request)
        if path == MESSAGES:
            if not self._messages_authenticate:
                require_local(request)
            return ANYBODY
        if path == HEALTH:
            return await self._admit_to_health(request)
        if not await self.locked():
            require_local(request)
            return LOCAL
        return await self._authenticate(request, path)

    async def _admit_to_health(self, request: web.Request) -> Caller:
        """Admit anybody outside local mode.

        While MongoDB cannot say which mode it is, this machine gets the failing components, and
        others that something fails: they may be the ones who monitor the agent.
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
            raise _unauthorized("This needs an API key or an access token.", is_page=is_page)
        address = _peer_address(request)
        if wait_seconds := self._guess_limit.wait_seconds(address, self._clock()):
            raise RefusedError(
                429,
                "Too many requests",
                "Too many wrong keys were sent from your address. Try again in a minute.",
                ("Retry-After", str(int(wait_seconds) + 1)),
            )
        try:
            caller = await self._holder(credential)
        except TokenRefusedError as error:
            if error.forged:
                self._guess_limit.record(address, self._clock())
            raise _unauthorized(str(error), is_page=is_page, is_invalid=True) from error
        _require_scope(request, caller)
        return caller

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
        request[CALLER] = await guard.admit(request)
        return await handler(request)

    return middleware


def _route_path(request: web.Request) -> str:
    """The path of the matching route as declared; empty without one."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _peer_address(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if peer else ""


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
