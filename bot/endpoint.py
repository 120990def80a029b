"""POST /api/messages: body, token, duplicates, turn. Whatever comes in, the answer is no 5xx."""

import asyncio
import itertools
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from bot.adapter import Callback, TeamsAdapter
from bot.authenticator import Authenticator, ForbiddenError, UnauthenticatedError
from services.errors import AgentError
from services.ports import Start

log = structlog.get_logger()

MOST_BYTES = 256 * 1024
REMEMBERED = 10_000
"""Activities that are known again when Teams sends them twice (after 15 s without an answer)."""
BODIES = 200
"""So many of their answers are kept whole: a resent press comes soon."""
READING_SECONDS = 15.0
PATIENCE_SECONDS = 8.0
"""A turn that Teams or the database holds up goes on by itself after this, and Teams is answered."""
Answer = tuple[int, dict[str, Any] | None]


class Endpoint:
    """The aiohttp handler of the Bot Framework."""

    def __init__(
        self,
        adapter: TeamsAdapter,
        authenticator: Authenticator,
        turn: Callback,
        start: Start,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._adapter = adapter
        self._authenticator = authenticator
        self._turn = turn
        self._start = start
        self._patience = patience
        self._numbers = itertools.count(1)
        self._seen: OrderedDict[tuple[str, str], asyncio.Future[Answer]] = OrderedDict()
        self._bodies: deque[tuple[str, str]] = deque()

    async def handle(self, request: web.Request) -> web.Response:
        """Answers 200 or 201. Raises HTTPException (400, 401, 403, 408, 413) for what is none of
        Teams' business with us.
        """
        body = await _activity(request)
        try:
            await self._authenticator.check(request.headers.get("Authorization"), body)
        except UnauthenticatedError as error:
            log.warning("bot_request_refused", reason=str(error))
            raise web.HTTPUnauthorized from error
        except ForbiddenError as error:
            log.warning("bot_request_forbidden", reason=str(error))
            raise web.HTTPForbidden from error
        status, answer = await self._in_time(body)
        if answer is None:
            return web.Response(status=status)
        return web.Response(
            status=status, text=json.dumps(answer), content_type="application/json"
        )

    async def _in_time(self, body: dict[str, Any]) -> Answer:
        """The turn's answer; of one that takes too long, that it goes on."""
        answered = self._once(body)
        done, _ = await asyncio.wait({answered}, timeout=self._patience)
        if done:
            return answered.result()
        log.warning("turn_goes_on", activity=str(body.get("id"))[:100])
        return _plain_answer(body)

    def _once(self, body: dict[str, Any]) -> asyncio.Future[Answer]:
        """The turn, begun; a second copy of an activity gets the first one's answer."""
        activity_id = body.get("id")
        key = (body["conversation"]["id"], activity_id if isinstance(activity_id, str) else "")
        known = self._seen.get(key) if key[1] else None
        if known is not None:
            log.info("bot_duplicate_dropped", activity=key[1][:100])
            return known
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if key[1]:
            self._seen[key] = answer
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        work = self._answered(key, body, answer)
        if self._start(f"turn {next(self._numbers)}", work) is None:
            answer.set_result(_plain_answer(body))
        return answer

    async def _answered(
        self, key: tuple[str, str], body: dict[str, Any], answer: asyncio.Future[Answer]
    ) -> None:
        """The one place where an error of a turn ends: in the log, and as a plain answer."""
        found: Answer | None = None
        try:
            found = await self._adapter.process(body, self._turn)
        except AgentError as error:
            log.warning("turn_failed", activity=key[1][:100], error=str(error))
        except Exception:
            log.exception("turn_failed", activity=key[1][:100])
        finally:
            status, content = found or _plain_answer(body)
            # never a server error
            answer.set_result((200 if status >= 500 else status, content))  # noqa: PLR2004
            self._remember(key, content)

    def _remember(self, key: tuple[str, str], content: dict[str, Any] | None) -> None:
        """Keeps that the activity was seen, and of the newest ones what was answered."""
        if content is None or key not in self._seen:
            return
        self._bodies.append(key)
        while len(self._bodies) > BODIES:
            oldest = self._bodies.popleft()
            if oldest in self._seen:
                self._seen[oldest] = asyncio.get_running_loop().create_future()
                self._seen[oldest].set_result((200, None))


def _plain_answer(body: dict[str, Any]) -> Answer:
    return (200, None) if body.get("type") == "invoke" else (201, None)


async def _read(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length)
    try:
        async with asyncio.timeout(READING_SECONDS):
            raw = await request.content.read(MOST_BYTES + 1)
            while len(raw) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES)):
                raw += more
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        raise web.HTTPBadRequest(reason="The body cannot be read") from error
    if len(raw) > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, len(raw))
    return raw


async def _activity(request: web.Request) -> dict[str, Any]:
    raw = await _read(request)
    try:
        body = json.loads(raw)
        if b"\\ud" in raw.lower():  # half a character can be stored and sent nowhere
            body = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(reason="The body is no JSON") from error
    if not _is_activity(body):
        raise web.HTTPBadRequest(reason="The body is no activity")
    return dict(body)


LONGEST_ID = 1000


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID


CHECKS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("type", lambda value: isinstance(value, str) and bool(value)),
    ("conversation", lambda value: isinstance(value, dict) and _is_id(value.get("id"))),
    ("from", lambda value: isinstance(value, dict) and _is_id(value.get("id"))),
    ("recipient", lambda value: isinstance(value, dict)),
)


def _is_activity(body: Any) -> bool:
    return isinstance(body, dict) and all(check(body.get(name)) for name, check in CHECKS)
