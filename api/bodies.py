"""Request bodies: read up to a limit, and JSON that can be read in one way only."""

import json
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from services.domain.errors import AgentError

MOST_BYTES = 256 * 1024
"""Of a body that is one thing; a list of teams may be longer."""
JSON_TYPE = "application/json"


class BadBodyError(AgentError):
    """The body cannot be read, or can be read in two ways; answered with 400."""


async def read_body(request: web.Request, most: int) -> bytes:
    """The body; 413 when it has more bytes than that."""
    if request.content_length is not None and request.content_length > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length)
    parts, size = [], 0
    try:
        async for part in request.content.iter_chunked(64 * 1024):
            size += len(part)
            if size > most:
                raise web.HTTPRequestEntityTooLarge(most, size)
            parts.append(part)
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        said = "The body cannot be read: it is cut off, or not packed as it says."
        raise BadBodyError(said) from error
    return b"".join(parts)


def must_be(request: web.Request, *types: str) -> str:
    """The media type of the body; 415 when it is none of these, or not in UTF-8.

    One that does not say what it is may come from a page of another web site, whose browser asks
    no leave for it; so it is refused as well.
    """
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if request.content_type not in types or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise web.HTTPUnsupportedMediaType(reason=f"Send {' or '.join(types)} in UTF-8")
    return request.content_type


def parse_json(data: bytes) -> Any:
    """The JSON of a body. Raises BadBodyError, also where a name stands twice."""
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadBodyError(f"The body is no JSON: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not in UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, _RefusedError) else "it holds a number that is none"


class _RefusedError(ValueError):
    """JSON as Python reads it, and nobody else."""


def _refuse(name: str) -> None:
    raise _RefusedError(f"{name} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"{twice[:80]!r} stands twice")
    return found
