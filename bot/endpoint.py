"""POST /api/messages: token, body, duplicates, turn.

The response is never a 5xx, whatever comes in: a turn that fails is logged, and the person has
been told so in a sentence.
"""

import asyncio
import itertools
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from bot.activities import activity_id_of
from bot.adapter import Callback, TeamsAdapter
from bot.authenticator import Authenticator, ForbiddenError, UnauthenticatedError
from services.domain.errors import AgentError
from services.ports import Start

log = structlog.get_logger()

MAX_BYTES = 256 * 1024
MAX_ACTIVITIES = 10_000
"""IDs of activities that are remembered: Teams sends an activity again if it gets no response
within 15 seconds.
"""
MAX_RESPONSES = 200
"""Responses that are remembered with their body; the copy of a press comes soon after it."""
READ_TIMEOUT_SECONDS = 15.0
TURN_TIMEOUT_SECONDS = 8.0
"""Then Teams gets a response, and a turn that Teams or the database holds up continues without it.
"""
MAX_ID = 1000
OK, CREATED, SERVER_ERROR = 200, 201, 500
TurnResponse = tuple[int, dict[str, Any] | None]


class MessagesEndpoint:
    """The aiohttp handler of the Bot Framework."""

    def __init__(
        self,
        adapter: TeamsAdapter,
        authenticator: Authenticator,
        turn: Callback,
        start: Start,
        *,
        turn_timeout: float = TURN_TIMEOUT_SECONDS,
    ) -> None:
        self._adapter = adapter
        self._authenticator = authenticator
        self._turn = turn
        self._start = start
        self._turn_timeout = turn_timeout
        self._numbers = itertools.count(1)
        self._seen: OrderedDict[tuple[str, str], asyncio.Future[TurnResponse]] = OrderedDict()
        self._with_body: deque[tuple[str, str]] = deque()

    async def handle(self, request: web.Request) -> web.Response:
        """Respond with 200 or 201. Raises HTTPException (400, 401, 403, 408, 413) for a request
        that is not an activity from Teams.
        """
        try:
            # First, so that a stranger's body is neither waited for nor parsed.
            token = await self._authenticator.verify(request.headers.get("Authorization"))
            body = await _activity(request)
            self._authenticator.check(token, body)
        except UnauthenticatedError as error:
            log.warning("bot_request_refused", reason=str(error))
            raise web.HTTPUnauthorized from error
        except ForbiddenError as error:
            log.warning("bot_request_forbidden", reason=str(error))
            raise web.HTTPForbidden from error
        status, content = await self._in_time(body)
        if content is None:
            return web.Response(status=status)
        return web.Response(
            status=status, text=json.dumps(content), content_type="application/json"
        )

    async def _in_time(self, body: dict[str, Any]) -> TurnResponse:
        """The response of the turn; after the timeout a plain one, while the turn continues."""
        response = self._once(body)
        done, _ = await asyncio.wait({response}, timeout=self._turn_timeout)
        if done:
            return response.result()
        log.warning("turn_timed_out", activity=str(body.get("id"))[:100])
        return _plain_response(body)

    def _once(self, body: dict[str, Any]) -> asyncio.Future[TurnResponse]:
        """Start the turn; another copy of an activity gets the response of the first."""
        key = (body["conversation"]["id"], activity_id_of(body))
        first = self._seen.get(key) if key[1] else None
        if first is not None:
            log.info("bot_duplicate_dropped", activity=key[1][:100])
            return first
        response: asyncio.Future[TurnResponse] = asyncio.get_running_loop().create_future()
        if key[1]:
            self._seen[key] = response
            while len(self._seen) > MAX_ACTIVITIES:
                self._seen.popitem(last=False)
        work = self._run(key, body, response)
        if self._start(f"turn {next(self._numbers)}", work) is None:
            response.set_result(_plain_response(body))
        return response

    async def _run(
        self, key: tuple[str, str], body: dict[str, Any], response: asyncio.Future[TurnResponse]
    ) -> None:
        """Run the turn. Its errors end here: in the log, and in a plain response."""
        result: TurnResponse | None = None
        try:
            result = await self._adapter.process(body, self._turn)
        except AgentError as error:
            log.warning("turn_failed", activity=key[1][:100], error=str(error))
        except Exception:
            log.exception("turn_failed", activity=key[1][:100])
        finally:
            status, content = result or _plain_response(body)
            response.set_result((OK if status >= SERVER_ERROR else status, content))
            self._remember(key, content)

    def _remember(self, key: tuple[str, str], content: dict[str, Any] | None) -> None:
        """Drop the bodies of all but the newest responses; the activities stay remembered."""
        if content is None or key not in self._seen:
            return
        self._with_body.append(key)
        while len(self._with_body) > MAX_RESPONSES:
            oldest = self._with_body.popleft()
            if oldest in self._seen:
                self._seen[oldest] = asyncio.get_running_loop().create_future()
                self._seen[oldest].set_result((OK, None))


def _plain_response(body: dict[str, Any]) -> TurnResponse:
    return (OK if body.get("type") == "invoke" else CREATED), None


async def _read(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BYTES, request.content_length)
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            raw = await request.content.read(MAX_BYTES + 1)
            while len(raw) <= MAX_BYTES and (more := await request.content.read(MAX_BYTES)):
                raw += more
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError, RuntimeError) as error:
        # aiohttp has a RuntimeError for a connection that was lost just before it was waited for.
        is_lost = request.transport is None or request.transport.is_closing()
        if isinstance(error, RuntimeError) and not is_lost:
            raise
        raise web.HTTPBadRequest(reason="The body cannot be read") from error
    if len(raw) > MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BYTES, len(raw))
    return raw


async def _activity(request: web.Request) -> dict[str, Any]:
    raw = await _read(request)
    try:
        body = json.loads(raw)
        # A lone surrogate can be neither stored nor sent, as UTF-8 has no form for it.
        if b"\\ud" in raw.lower():
            body = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(reason="The body is not valid JSON") from error
    if not _is_activity(body):
        raise web.HTTPBadRequest(reason="The body is not an activity")
    return dict(body)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID


CHECKS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("type", lambda value: isinstance(value, str) and bool(value)),
    ("conversation", lambda value: isinstance(value, dict) and _is_id(value.get("id"))),
    ("from", lambda value: isinstance(value, dict) and _is_id(value.get("id"))),
    ("recipient", lambda value: isinstance(value, dict)),
)


def _is_activity(body: Any) -> bool:
    return isinstance(body, dict) and all(check(body.get(name)) for name, check in CHECKS)
