"""How long a server asks us to wait, according to the headers of its responses.

Times in headers are compared with the response's own ``Date``, so that a wrong clock on either
side does not turn a short wait into a long one. Without a ``Date``, no time can be read.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RESET_SECONDS = 3600.0
"""Rate periods of the APIs that the agent calls are an hour or less."""
MAX_RETRY_AFTER_SECONDS = 86_400.0
"""A day; a longer wait comes from a wrong clock or a wrong number."""
MIN_STAMP = 1e9
"""From here on a number is a Unix time rather than seconds (2001; as seconds: 31 years)."""
MIN_STAMP_MS = 1e11
"""From here on it is in milliseconds (1973; as seconds: the year 5138)."""


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait in ``Retry-After``, at most a day: seconds or a date (RFC 9110, section 10.2.3)."""
    text = headers.get("Retry-After")
    seconds = finite_number(text)
    if seconds is None:
        at = http_date(text)
        seconds = None if at is None else _until(at.timestamp(), headers)
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def reset_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait in ``X-RateLimit-Reset``, at most an hour.

    Some count seconds from now, and others send the Unix time, as GitHub does; where a gateway is in
    between, either may come.
    """
    seconds = finite_number(headers.get("X-RateLimit-Reset"))
    if seconds is not None and seconds >= MIN_STAMP:
        seconds = _until(seconds / 1000 if seconds >= MIN_STAMP_MS else seconds, headers)
    return None if seconds is None else min(max(seconds, 0.0), MAX_RESET_SECONDS)


def http_date(text: str | None) -> datetime | None:
    """The instant of a date header, in UTC where it names no zone; None if it is not a date."""
    try:
        instant = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):  # OverflowError: a year of many digits
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def finite_number(text: str | None) -> float | None:
    """The number in a header; None for anything else, such as ``nan``."""
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(timestamp: float, headers: Mapping[str, str]) -> float | None:
    now = http_date(headers.get("Date"))
    return None if now is None else timestamp - now.timestamp()
