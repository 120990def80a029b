"""POST /api/messages: body, token, duplicates, turn. Whatever comes in, the answer is no 5xx."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web

from bot.adapter import Callback, TeamsAdapter
from bot.authenticator import Authenticator, ForbiddenError, UnauthenticatedError

log = structlog.get_logger()

MOST_BYTES = 256 * 1024
REMEMBERED = 10_000
"""Activities that are known again when Teams sends them twice (after 15 s without an answer)."""
Answer = tuple[int, dict[str, Any] | None]


class Endpoint:
    """The aiohttp handler of the Bot Framework."""

    def __init__(
        self, adapter: TeamsAdapter, authenticator: Authenticator, turn: Callback
    ) -> None:
        self._adapter = adapter
        self._authenticator = authenticator
        self._turn = turn
        self._seen: OrderedDict[tuple[str, str], asyncio.Future[Answer]] = OrderedDict()

    async def handle(self, request: web.Request) -> web.Response:
        """Answers 200 or 201; 400, 401, 403 or 413 for what is none of Teams' business with us."""
        try:
            body = await _activity(request)
            await self._authenticator.check(request.headers.get("Authorization"), body)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.reason)
        except UnauthenticatedError as error:
            log.warning("bot_request_refused", reason=str(error))
            return web.Response(status=401)
        except ForbiddenError as error:
            log.warning("bot_request_forbidden", reason=str(error))
            return web.Response(status=403)
        status, answer = await self._once(body)
        if answer is None:
            return web.Response(status=status)
        return web.Response(
            status=status, text=json.dumps(answer), content_type="application/json"
        )

    async def _once(self, body: dict[str, Any]) -> Answer:
        """The turn's answer; a second copy of an activity waits for the first one's."""
        conversation = body["conversation"]["id"]
        activity_id = body.get("id")
        if not isinstance(activity_id, str) or not activity_id:
            return await self._answered(body)
        key = (conversation, activity_id)
        known = self._seen.get(key)
        if known is not None:
            log.info("bot_duplicate_dropped", activity=activity_id)
            return await asyncio.shield(known)
        first: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._seen[key] = first
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        answer: Answer = (500, None)
        try:
            answer = await self._answered(body)
        finally:
            first.set_result(answer if answer[0] < 500 else (200, None))  # noqa: PLR2004
        return answer

    async def _answered(self, body: dict[str, Any]) -> Answer:
        """The one place where an error of a turn ends: in the log, and as a plain answer."""
        try:
            answer = await self._adapter.process(body, self._turn)
        except Exception:
            log.exception("turn_failed", activity=str(body.get("id")))
            answer = None
        if answer is None:
            return (200, None) if body.get("type") == "invoke" else (201, None)
        status, content = answer
        return (200 if status >= 500 else status), content  # noqa: PLR2004 - never a server error


async def _activity(request: web.Request) -> dict[str, Any]:
    if request.content_length is not None and request.content_length > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length)
    raw = await request.content.read(MOST_BYTES + 1)
    while len(raw) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES)):
        raw += more
    if len(raw) > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, len(raw))
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(reason="The body is no JSON") from error
    if not _is_activity(body):
        raise web.HTTPBadRequest(reason="The body is no activity")
    return dict(body)


CHECKS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("type", lambda value: isinstance(value, str) and bool(value)),
    ("conversation", lambda value: isinstance(value, dict) and isinstance(value.get("id"), str)),
    ("from", lambda value: isinstance(value, dict) and isinstance(value.get("id"), str)),
    ("recipient", lambda value: isinstance(value, dict)),
)


def _is_activity(body: Any) -> bool:
    return isinstance(body, dict) and all(check(body.get(name)) for name, check in CHECKS)
