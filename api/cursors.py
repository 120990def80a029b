"""Cursors: an opaque text that says where the next page of a list starts.

A cursor holds the sort key of the last row on the page, so rows added or removed in between are
neither repeated nor skipped. It needs no signature: a made-up one is at worst another place in a
list that the caller may read anyway.
"""

import base64
import binascii
import json
from datetime import UTC, date, datetime
from typing import Any

from services.domain.errors import NotFoundError
from services.domain.validation import LONE_SURROGATES


def encode(kind: str, *sort_key: str) -> str:
    """Return the cursor after the row with this sort key in lists of this kind."""
    data = json.dumps([kind, *sort_key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(kind: str, cursor: str | None, length: int) -> tuple[str, ...] | None:
    """Return the sort key, of ``length`` parts; None without a cursor. Raises NotFoundError."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, UnicodeDecodeError, binascii.Error, ValueError, RecursionError):
        raise _invalid_cursor() from None
    if not isinstance(parts, list) or len(parts) != length + 1 or parts[0] != kind:
        raise _invalid_cursor()
    if not all(isinstance(part, str) and _is_unicode(part) for part in parts):
        raise _invalid_cursor()
    return tuple(parts[1:])


def decode_pair(kind: str, cursor: str | None) -> tuple[str, str] | None:
    """Return a sort key of two texts, such as (name, ID)."""
    sort_key = decode(kind, cursor, 2)
    return None if sort_key is None else (sort_key[0], sort_key[1])


def decode_instant(kind: str, cursor: str | None) -> tuple[datetime, str] | None:
    """Return a sort key of (instant, ID)."""
    sort_key = decode(kind, cursor, 2)
    if sort_key is None:
        return None
    try:
        instant = datetime.fromisoformat(sort_key[0])
        if instant.tzinfo is None:
            raise _invalid_cursor()
        return instant.astimezone(UTC), sort_key[1]
    except (ValueError, OverflowError):
        raise _invalid_cursor() from None


def decode_day(kind: str, cursor: str | None) -> tuple[date, str] | None:
    """Return a sort key of (day, account ID)."""
    sort_key = decode(kind, cursor, 2)
    if sort_key is None:
        return None
    try:
        return date.fromisoformat(sort_key[0]), sort_key[1]
    except ValueError:
        raise _invalid_cursor() from None


def _is_unicode(text: str) -> bool:
    """Whether MongoDB can search for the text: JSON may contain lone surrogates."""
    return LONE_SURROGATES.search(text) is None


def _invalid_cursor() -> NotFoundError:
    return NotFoundError("The cursor is invalid or has expired. Start again without it.")
