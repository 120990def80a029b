"""Responses of Microsoft's sign-in and Graph: short, whatever a gateway in between makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

MAX_BYTES = 1_000_000
"""Tokens have a few kilobytes, refusals less."""


@dataclass(frozen=True, slots=True)
class ShortResponse:
    """A response; without its body if that is longer, so that only the status counts."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


async def ask(client: httpx.AsyncClient, method: str, url: str, **request: Any) -> ShortResponse:
    """Send a request and read the response as a stream. Raises httpx.HTTPError."""
    body = b""
    async with client.stream(method, url, **request) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                body = b""
                break
    return ShortResponse(response.status_code, response.headers, body)
