"""Sends to Teams over the Bot Connector REST API: limits, retries, and what must not be retried.

A message whose fate is unknown (the connection ended after it was sent) is never sent again by
itself; updates and reads are safe to repeat. Retried are 412, 429 (with Retry-After), 502, 503
and 504, as Microsoft's table for bots says.
"""

import asyncio
import json
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import aiohttp
import stamina

from services.domain.errors import AgentError
from services.ports import AccessTokens

RETRIED = frozenset({412, 429, 502, 503, 504})
MAX_ATTEMPTS = 5
MAX_ATTEMPTS_TO_READ = 2
"""Somebody waits for the reply of a turn that first needs to know who asks."""
MAX_WAIT_SECONDS = 30.0
"""Where Teams asks to wait longer, the message fails instead."""
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
MOST_CONVERSATIONS = 5000
Gone = Literal["uninstalled", "blocked"]
GONE: dict[str, Gone] = {
    "BotNotInConversationRoster": "uninstalled",
    "ForbiddenOperationException": "uninstalled",
    "ConversationNotFound": "uninstalled",
    "MessageWritesBlocked": "blocked",
    "ConversationBlockedByUser": "blocked",
    "BotDisabledByAdmin": "blocked",
}
Method = Literal["GET", "POST", "PUT", "DELETE"]


class ConnectorError(AgentError):
    """Teams did not take what was sent."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fate_unknown = unknown
        """The message may have been shown; sending it again may show it twice."""
        self.permanent = status is not None and status not in RETRIED
        self.retry_after = retry_after
        """Seconds that Teams asks to wait before the next attempt."""

    @property
    def gone(self) -> Gone | None:
        """``uninstalled`` or ``blocked`` when the conversation takes no message any more."""
        return GONE.get(self.code)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages go, as (messages, seconds): a little below what Teams allows a bot."""

    per_conversation: tuple[tuple[int, float], ...] = ((6, 1.0), (7, 2.0), (55, 30.0))
    per_tenant: tuple[tuple[int, float], ...] = ((45, 1.0),)
    retry_seconds: float = 1.0
    """Before the second try, where Teams names no wait; doubled each time."""
    read_seconds: float = 3.0
    """For an answer that a turn needs before it can begin."""


TEAMS_PACE = Pace()


class Window:
    """Sliding windows of (number, seconds); says how long to wait before the next."""

    def __init__(self, rules: tuple[tuple[int, float], ...]) -> None:
        self._rules = rules
        self._sent: deque[float] = deque(maxlen=max((number for number, _ in rules), default=0))

    def wait(self, now: float) -> float:
        """Seconds until the next may go; 0.0 when it may go now."""
        longest = 0.0
        for number, seconds in self._rules:
            if len(self._sent) >= number:
                longest = max(longest, self._sent[-number] + seconds - now)
        return longest

    def note(self, now: float) -> None:
        """One has gone."""
        self._sent.append(now)


class Connector:
    """One for the process; in a conversation one thing is sent after the other, as Teams refuses
    parallel changes. What nobody waits for keeps to the pace, and lets answers pass meanwhile.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tokens: AccessTokens | None,
        *,
        pace: Pace = TEAMS_PACE,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._timer = timer
        self._pace = pace
        self._tenant = Window(pace.per_tenant)
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()

    async def send(
        self,
        service_url: str,
        conversation: str,
        activity: Mapping[str, Any],
        reply_to: str | None = None,
        *,
        at_once: bool = False,
    ) -> str:
        """A new message; its id.

        ``at_once``: an answer to somebody who waits; it counts, and does not wait its turn.
        """
        path = f"/v3/conversations/{quote(conversation, safe='')}/activities"
        if reply_to:
            path += f"/{quote(reply_to, safe='')}"
        body = await self._in_turn(
            "POST", service_url, conversation, path, activity, at_once=at_once
        )
        return str(body.get("id", ""))

    async def update(
        self,
        service_url: str,
        conversation: str,
        activity_id: str,
        activity: Mapping[str, Any],
        *,
        at_once: bool = False,
    ) -> None:
        """Replaces a message."""
        path = (
            f"/v3/conversations/{quote(conversation, safe='')}"
            f"/activities/{quote(activity_id, safe='')}"
        )
        await self._in_turn("PUT", service_url, conversation, path, activity, at_once=at_once)

    async def delete(self, service_url: str, conversation: str, activity_id: str) -> None:
        """Removes a message."""
        path = (
            f"/v3/conversations/{quote(conversation, safe='')}"
            f"/activities/{quote(activity_id, safe='')}"
        )
        await self._in_turn("DELETE", service_url, conversation, path, None)

    async def create(
        self, service_url: str, parameters: Mapping[str, Any], within: str
    ) -> dict[str, Any]:
        """A new conversation or channel post, counted against ``within``; Teams' answer."""
        return await self._in_turn("POST", service_url, within, "/v3/conversations", parameters)

    async def member(self, service_url: str, conversation: str, user_id: str) -> dict[str, Any]:
        """A member of a conversation as Teams knows it."""
        path = (
            f"/v3/conversations/{quote(conversation.partition(';')[0], safe='')}"
            f"/members/{quote(user_id, safe='')}"
        )
        quick = aiohttp.ClientTimeout(total=self._pace.read_seconds)
        return await self._request("GET", service_url, path, None, MAX_ATTEMPTS_TO_READ, quick)

    async def _in_turn(
        self,
        method: Method,
        service_url: str,
        conversation: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        at_once: bool = False,
    ) -> dict[str, Any]:
        place = self._of(conversation)
        if at_once:
            return await self._in_order(place, method, service_url, path, body)
        async with place.queue:
            # Only time ends this wait, and an urgent message may have made it longer meanwhile.
            while (wait := max(self._wait_of(place.window), self._wait_of(self._tenant))) > 0:  # noqa: ASYNC110 - see above
                await asyncio.sleep(wait)
            return await self._in_order(place, method, service_url, path, body)

    def _wait_of(self, window: Window) -> float:
        return window.wait(self._timer())

    async def _in_order(
        self,
        place: "_Conversation",
        method: Method,
        service_url: str,
        path: str,
        body: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        async with place.sending:
            place.window.note(self._timer())
            self._tenant.note(self._timer())
            return await self._request(method, service_url, path, body)

    def _of(self, conversation: str) -> "_Conversation":
        key = conversation.partition(";")[0]
        found = self._conversations.pop(key, None)
        found = found or _Conversation(Window(self._pace.per_conversation))
        self._conversations[key] = found
        if len(self._conversations) > MOST_CONVERSATIONS:
            oldest = next(iter(self._conversations))
            if not self._conversations[oldest].busy:
                del self._conversations[oldest]
        return found

    async def _request(
        self,
        method: Method,
        service_url: str,
        path: str,
        body: Mapping[str, Any] | None,
        attempts: int = MAX_ATTEMPTS,
        limit: aiohttp.ClientTimeout = TIMEOUT,
    ) -> dict[str, Any]:
        """Teams' answer; tried again while that is safe and can help, else ConnectorError."""
        url = service_url.rstrip("/") + path
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        async for attempt in stamina.retry_context(
            on=_backoff,
            attempts=attempts,
            timeout=None,
            wait_initial=self._pace.retry_seconds,
            wait_max=MAX_WAIT_SECONDS,
            wait_jitter=self._pace.retry_seconds * 0.4,
        ):
            with attempt:
                return await self._request_once(method, url, data, limit)
        raise AssertionError("the last attempt returns or raises")

    async def _request_once(
        self, method: Method, url: str, data: bytes | None, limit: aiohttp.ClientTimeout
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self._tokens is not None:  # there are none in local mode
            headers["Authorization"] = f"Bearer {await self._tokens.get()}"
        try:
            async with self._http.request(
                method, url, data=data, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                answer = _object(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _lost(method, error) from error
        if response.status >= 300:  # noqa: PLR2004 - not a success
            raise _refused(response.status, answer, response.headers.get("Retry-After"))
        return answer


def _backoff(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds."""
    if not isinstance(error, ConnectorError) or error.permanent or error.fate_unknown:
        return False
    if error.retry_after is None:
        return True
    if error.retry_after > MAX_WAIT_SECONDS:
        return False
    # Everybody who was refused at once is told the same second: they should not all come back in it.
    return error.retry_after + random.uniform(0.05, 0.5)  # noqa: S311 - spreads retries only


@dataclass(slots=True)
class _Conversation:
    window: Window
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of those that keep to the pace."""
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def busy(self) -> bool:
        return self.queue.locked() or self.sending.locked()


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str | None) -> float | None:
    try:
        return max(float(text), 0.0) if text else None
    except ValueError:
        return None


def _refused(status: int, answer: Mapping[str, Any], retry_after: str | None) -> ConnectorError:
    error = answer.get("error")
    code = str(error.get("code", "")) if isinstance(error, Mapping) else ""
    message = str(error.get("message", "")) if isinstance(error, Mapping) else ""
    words = " ".join(f"{code} {message}".split())[:200]
    return ConnectorError(
        f"Teams did not take the message ({status} {words})".rstrip() + ".",
        status=status,
        code=code,
        retry_after=_seconds(retry_after),
    )


def _lost(method: Method, error: Exception) -> ConnectorError:
    """Only a message that never left may be sent again; reads and updates always may."""
    never_left = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    reason = str(error) or type(error).__name__
    return ConnectorError(
        f"Teams cannot be reached or did not answer ({reason}).",
        unknown=method == "POST" and not never_left,
    )
