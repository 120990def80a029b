"""Sends to Teams over the Bot Connector REST API.

The SDK's own client retries nothing and blocks a thread per request, so requests are made here. A
message whose fate is unknown (the connection ended after it was sent) is never sent again
automatically; updates and reads are safe to repeat.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import stamina

from bot.connector_errors import (
    MAX_WAIT_SECONDS,
    UNAUTHORIZED,
    ConnectorError,
    Method,
    refused_error,
    retry_delay,
    unreachable_error,
)
from bot.pacing import TEAMS_PACE, MessageQueue, Pace
from services.ports import AccessTokens, Departure, HttpClient

MAX_ATTEMPTS = 5
MAX_ATTEMPTS_TO_READ = 2
"""Somebody waits for the reply of a turn that must first find out who is asking."""
CHUNK_BYTES = 65_536
MAX_RESPONSE_BYTES = 1_000_000
"""IDs, error codes and members of a conversation are a few kilobytes."""
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)


class Connector:
    """Sends, updates and reads; one for the whole process, so that it can limit the pace."""

    def __init__(
        self,
        http: HttpClient,
        tokens: AccessTokens | None,
        *,
        pace: Pace = TEAMS_PACE,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._pace = pace
        self._queue = MessageQueue(pace, timer)

    async def send(
        self,
        service_url: str,
        conversation: str,
        activity: Mapping[str, Any],
        reply_to: str | None = None,
        *,
        at_once: bool = False,
        departure: Departure | None = None,
    ) -> str:
        """Send a message and return its ID.

        ``at_once``: somebody is waiting for this reply, so the pace does not delay it.
        ``departure`` is notified of each attempt.
        """
        path = f"/v3/conversations/{quote(conversation, safe='')}/activities"
        if reply_to:
            path += f"/{quote(reply_to, safe='')}"
        body = await self._in_turn(
            "POST",
            service_url,
            conversation,
            path,
            activity,
            at_once=at_once,
            departure=departure,
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
        """Replace a message."""
        path = (
            f"/v3/conversations/{quote(conversation, safe='')}"
            f"/activities/{quote(activity_id, safe='')}"
        )
        await self._in_turn("PUT", service_url, conversation, path, activity, at_once=at_once)

    async def delete(self, service_url: str, conversation: str, activity_id: str) -> None:
        """Remove a message."""
        path = (
            f"/v3/conversations/{quote(conversation, safe='')}"
            f"/activities/{quote(activity_id, safe='')}"
        )
        await self._in_turn("DELETE", service_url, conversation, path, None)

    async def create(
        self,
        service_url: str,
        parameters: Mapping[str, Any],
        within: str,
        departure: Departure | None = None,
    ) -> dict[str, Any]:
        """Start a conversation or a channel post, paced as part of ``within``; return the response."""
        return await self._in_turn(
            "POST", service_url, within, "/v3/conversations", parameters, departure=departure
        )

    async def member(self, service_url: str, conversation: str, user_id: str) -> dict[str, Any]:
        """Return what Teams knows about a member of a conversation."""
        path = (
            f"/v3/conversations/{quote(conversation.partition(';')[0], safe='')}"
            f"/members/{quote(user_id, safe='')}"
        )
        timeout = aiohttp.ClientTimeout(total=self._pace.read_seconds)
        return await self._request(
            "GET",
            service_url,
            path,
            None,
            attempts=MAX_ATTEMPTS_TO_READ,
            client_timeout=timeout,
        )

    async def _in_turn(
        self,
        method: Method,
        service_url: str,
        conversation: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        at_once: bool = False,
        departure: Departure | None = None,
    ) -> dict[str, Any]:
        async with self._queue.turn(conversation, at_once=at_once):
            return await self._request(method, service_url, path, body, departure=departure)

    async def _request(
        self,
        method: Method,
        service_url: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        attempts: int = MAX_ATTEMPTS,
        client_timeout: aiohttp.ClientTimeout = TIMEOUT,
        departure: Departure | None = None,
    ) -> dict[str, Any]:
        """Return Teams' response; retry while that is safe and can help, else raise ConnectorError."""
        url = service_url.rstrip("/") + path
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        request = _ConnectorRequest(method, url, data, client_timeout, departure)
        async for attempt in stamina.retry_context(
            on=retry_delay,
            attempts=attempts,
            timeout=None,
            wait_initial=self._pace.retry_seconds,
            wait_max=MAX_WAIT_SECONDS,
            wait_jitter=self._pace.retry_seconds * 0.4,
        ):
            with attempt:
                return await self._request_signed_in(request)
        raise AssertionError("the last attempt returns or raises")

    async def _request_signed_in(self, request: "_ConnectorRequest") -> dict[str, Any]:
        """Make a request; a token that Teams refuses is renewed once.

        Teams did nothing with the request, so this is safe for messages as well: a token may have
        been revoked, or an instance of Teams may not know the new signing key yet.
        """
        if self._tokens is None:  # local mode has none
            return await self._request_once(request, None)
        token = await self._tokens.get()
        try:
            return await self._request_once(request, token)
        except ConnectorError as error:
            if error.status != UNAUTHORIZED:
                raise
            return await self._request_once(request, await self._tokens.get(stale=token))

    async def _request_once(
        self, request: "_ConnectorRequest", token: str | None
    ) -> dict[str, Any]:
        departure = request.departure
        if departure is None:
            return await self._exchange(request, token)
        # After every wait, for a turn, a token, or the next attempt.
        await departure.leave()
        try:
            return await self._exchange(request, token)
        except ConnectorError as error:
            if not error.fate_unknown:
                await departure.come_back()
            raise

    async def _exchange(self, request: "_ConnectorRequest", token: str | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._http.request(
                request.method,
                request.url,
                data=request.data,
                headers=headers,
                timeout=request.timeout,
                allow_redirects=False,
            ) as response:
                answer = _object(await _body(response))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable_error(request.method, error) from error
        if response.status >= 300:  # noqa: PLR2004 - not a success
            raise refused_error(response.status, answer, response.headers)
        return answer


@dataclass(frozen=True, slots=True)
class _ConnectorRequest:
    method: Method
    url: str
    data: bytes | None
    timeout: aiohttp.ClientTimeout
    departure: Departure | None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The response's body; empty if it is too long, so that only its status counts."""
    body = b""
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            return b""
    return body


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
