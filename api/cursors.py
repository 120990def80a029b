"""Cursors: where the next page of a list begins, as a text that only the agent reads.

A cursor is the place of the last row shown, so that rows which come or go in between neither
repeat nor hide others. One that somebody made up names another place at worst.
"""

import base64
import binascii
import json
from datetime import UTC, date, datetime
from typing import Any

from services.domain.errors import NotFoundError

LONGEST = 600


def write(kind: str, *place: str) -> str:
    """The cursor of a place in a kind of list."""
    data = json.dumps([kind, *place], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read(kind: str, text: str | None, length: int) -> tuple[str, ...] | None:
    """The place, of ``length`` parts; None without a cursor. Raises NotFoundError."""
    if text is None:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, UnicodeDecodeError, binascii.Error, ValueError, RecursionError):
        raise _no_cursor() from None
    if not isinstance(found, list) or len(found) != length + 1 or found[0] != kind:
        raise _no_cursor()
    if not all(isinstance(part, str) and part.isprintable() for part in found):
        raise _no_cursor()
    return tuple(found[1:])


def instant_place(kind: str, text: str | None) -> tuple[datetime, str] | None:
    """A place of (instant, id)."""
    place = read(kind, text, 2)
    if place is None:
        return None
    try:
        instant = datetime.fromisoformat(place[0])
        if instant.tzinfo is None:
            raise _no_cursor()
        return instant.astimezone(UTC), place[1]
    except (ValueError, OverflowError):
        raise _no_cursor() from None


def day_place(kind: str, text: str | None) -> tuple[date, str] | None:
    """A place of (day, account id)."""
    place = read(kind, text, 2)
    if place is None:
        return None
    try:
        return date.fromisoformat(place[0]), place[1]
    except ValueError:
        raise _no_cursor() from None


def _no_cursor() -> NotFoundError:
    return NotFoundError(
        "There is no page of this cursor. Take the next page's address from the Link header."
    )
