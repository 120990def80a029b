"""The guard at the REST door: local mode until the first key exists, keys and tokens from then on.

There is no switch that turns this off.
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
from api.guesses import Guesses
from api.problems import MESSAGES, RefusedError
from services.administration.access_tokens import TokenRefusedError
from services.administration.api_keys import PREFIX, ApiKeys
from services.domain import Scope
from services.domain.errors import StoreUnavailableError
from services.ports import Clock

log = structlog.get_logger()

HEALTH = "/api/health"
HEALTH_SECONDS = 1.0
UNKNOWN = "MongoDB does not answer. On the agent's own machine this address says more."
READING = {"GET", "HEAD", "OPTIONS"}
REALM = 'realm="aws-cost-agent"'
PAGES = ("/outbox", "/api/docs", "/api/openapi.json")
"""What a browser shows: there a key is also taken as the password of a browser's own dialogue.
These pages only read, so that nothing can be changed with what a browser sends by itself.
"""


class Guard:
    """Decides on every request, before anything else looks at it."""

    def __init__(
        self,
        keys: ApiKeys,
        tokens: EntraTokens | None,
        clock: Clock,
        *,
        messages_authenticate: bool,
    ) -> None:
        """``tokens``: None when no audience is set.

        ``messages_authenticate``: the Bot Framework's endpoint checks by itself who asks.
        """
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._messages_authenticate = messages_authenticate
        self._guesses = Guesses()

    async def locked(self) -> bool:
        """Whether a key or a token is needed."""
        return self._tokens is not None or await self._keys.ever_existed()

    async def admit(self, request: web.Request) -> Caller:
        """Who asks. Raises RefusedError."""
        path = _path(request)
        if path == MESSAGES:
            if not self._messages_authenticate:
                must_be_local(request)
            return ANYBODY
        if path == HEALTH:
            return await self._asker_of_health(request)
        if not await self.locked():
            must_be_local(request)
            return LOCAL
        return await self._holder(request, path)

    async def _asker_of_health(self, request: web.Request) -> Caller:
        """Anybody once the door is locked. While MongoDB cannot say whether it is, this machine is
        told what is ill, and others that something is: they may be the ones who watch over it.
        """
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                if await self.locked():
                    return ANYBODY
        except (StoreUnavailableError, TimeoutError) as error:
            if local_mode.refusal(request) is not None:
                raise StoreUnavailableError(UNKNOWN) from error
            return LOCAL
        must_be_local(request)
        return LOCAL

    async def _holder(self, request: web.Request, path: str) -> Caller:
        is_page = path.startswith(PAGES)
        credential = _credential(request, is_page=is_page)
        if credential is None:
            raise _unauthenticated("This needs an API key or a token.", is_page=is_page)
        peer = _peer(request)
        if wait := self._guesses.wait(peer, self._clock()):
            raise RefusedError(
                429,
                "Too many requests",
                "Too many wrong keys came from your address. Try again in a minute.",
                ("Retry-After", str(int(wait) + 1)),
            )
        try:
            caller = await self._caller(credential)
        except TokenRefusedError as error:
            if error.forged:
                self._guesses.note(peer, self._clock())
            raise _unauthenticated(str(error), is_page=is_page, wrong=True) from error
        _must_have_scope(request, caller)
        return caller

    async def _caller(self, credential: str) -> Caller:
        if self._tokens is not None and not credential.startswith(f"{PREFIX}_"):
            return await self._tokens.authenticate(credential)
        now = self._clock()
        key = await self._keys.find(credential, now)
        if key is None:
            raise TokenRefusedError("The API key is wrong.")
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


def _path(request: web.Request) -> str:
    """The path of the route that will answer, as it was declared; empty where there is none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if peer else ""


def must_be_local(request: web.Request, why: str = local_mode.BANNER) -> None:
    """Raises RefusedError for a request that is not this machine's own."""
    reason = local_mode.refusal(request)
    if reason is not None:
        raise RefusedError(403, "Forbidden", f"{reason} {why}")


def _credential(request: web.Request, *, is_page: bool) -> str | None:
    headers = request.headers.getall("Authorization", [])
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


def _must_have_scope(request: web.Request, caller: Caller) -> None:
    needed: Scope = "read" if request.method in READING else "write"
    if needed not in caller.scopes:
        log.warning("rest_scope_missing", caller=caller.name, scope=needed)
        raise RefusedError(
            403,
            "Forbidden",
            f"This needs the scope {needed}. Use a key or an app role that has it.",
        )


def _unauthenticated(detail: str, *, is_page: bool, wrong: bool = False) -> RefusedError:
    bearer = f"Bearer {REALM}" + (', error="invalid_token"' if wrong else "")
    basic = (("WWW-Authenticate", f'Basic {REALM}, charset="UTF-8"'),) if is_page else ()
    return RefusedError(401, "Unauthorized", detail, ("WWW-Authenticate", bearer), *basic)
