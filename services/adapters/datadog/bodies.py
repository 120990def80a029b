"""Responses read as a stream: whatever a broken gateway sends, memory and time stay bounded."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from services.adapters.datadog.guidance import shown

ENCODINGS = {"", "identity", "gzip", "deflate"}
"""Of these, one chunk from the network unpacks to 67 MB at most. Encodings that are applied one
after the other, and those of optional libraries, know no such limit."""
MAX_ERROR_BYTES = 65_536
"""Of the body of a refusal; the words in it are short."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response whose body has been read."""

    status: int
    headers: Mapping[str, str]
    body: bytearray


class BodyTooLargeError(Exception):
    """The unpacked body is longer than the limit."""


class BodyPackedError(Exception):
    """The body cannot be unpacked; the message is its Content-Encoding."""


async def read_response(response: httpx.Response, max_bytes: int) -> RawResponse:
    """Read a streamed response; of a refusal only the beginning.

    Raises BodyPackedError, and BodyTooLargeError for a response of more than ``max_bytes``.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise BodyPackedError(shown(encoding, 40))
    is_success = response.status_code == httpx.codes.OK
    limit = max_bytes if is_success else MAX_ERROR_BYTES
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                if is_success:
                    raise BodyTooLargeError
                break
    except httpx.DecodingError as error:
        raise BodyPackedError(encoding) from error
    return RawResponse(response.status_code, response.headers, body)
