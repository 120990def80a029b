"""Reading request bodies: up to a size limit, and only JSON that has one meaning."""

import asyncio
import json
from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from services.domain.errors import AgentError

MAX_BODY_BYTES = 256 * 1024
"""The default limit; a list of teams may be larger."""
CHUNK_BYTES = 64 * 1024
READ_TIMEOUT_SECONDS = 60.0
"""For the largest body, over a slow line."""
JSON_TYPE = "application/json"


class MalformedBodyError(AgentError):
    """The body cannot be read, or has more than one meaning; answered with 400."""


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """Return the body. Raises 413 when it is larger than ``max_bytes``, and 408 when it is late."""
    if request.content_length is not None and request.content_length > max_bytes:
        raise web.HTTPRequestEntityTooLarge(max_bytes, request.content_length)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise web.HTTPRequestEntityTooLarge(max_bytes, size)
                chunks.append(chunk)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError, RuntimeError) as error:
        # aiohttp has a RuntimeError for a connection that was lost just before it was waited for.
        if isinstance(error, RuntimeError) and _is_connected(request):
            raise
        raise MalformedBodyError("The body cannot be read: it is truncated.") from error
    return b"".join(chunks)


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def require_media_type(request: web.Request, *allowed: str) -> str:
    """Return the media type of the body. Raises 415 unless it is allowed and UTF-8.

    A missing Content-Type is refused too: a browser sends such a request to another site without
    a CORS preflight, so it could come from any website.
    """
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if request.content_type not in allowed or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise web.HTTPUnsupportedMediaType(reason=f"Send {' or '.join(allowed)} in UTF-8")
    return request.content_type


def parse_json(data: bytes) -> Any:
    """Parse JSON strictly. Raises MalformedBodyError, also for NaN and for repeated names.

    Python accepts both, but other parsers disagree on what they mean.
    """
    try:
        text = data.decode("utf-8-sig")
        return json.loads(
            text, parse_constant=_reject_constant, object_pairs_hook=reject_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError(f"The body is not valid JSON: {_reason(error)}.") from error


class _AmbiguousJsonError(ValueError):
    """JSON that Python accepts and other parsers do not."""


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"see line {error.lineno}, column {error.colno} ({error.msg})"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    # The only other ValueError is Python's limit on the digits of an integer.
    return str(error) if isinstance(error, _AmbiguousJsonError) else "it has too long a number"


def _reject_constant(name: str) -> None:
    raise _AmbiguousJsonError(f"{name} is not a JSON number")


def reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object. Raises ValueError when a name is repeated."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        # All counted at once: list.count for each name takes seconds for 100 KB of names.
        counts = Counter(name for name, _ in pairs)
        repeated = next(name for name in fields if counts[name] > 1)
        raise _AmbiguousJsonError(f"{repeated[:80]!r} is repeated")
    return fields
