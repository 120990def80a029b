"""What headers say about how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.http_waits import http_date, reset_seconds, retry_after_seconds

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
STAMP = 1792567680  # the same instant


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("0", 0.0),
        ("37", 37.0),
        ("3600", 3600.0),
        ("7200", 3600.0),
        ("-5", 0.0),
        (str(STAMP + 42), 42.0),
        (str(STAMP - 42), 0.0),
        (f"{STAMP + 42}000", 42.0),
        (str(STAMP + 86_400), 3600.0),
        ("1e300", 3600.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_reset_is_seconds_up_to_an_hour_or_a_stamp(reset: str, seconds: float | None) -> None:
    assert reset_seconds({"X-RateLimit-Reset": reset, "Date": DATE}) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 86_400.0),
        ("-1", 0.0),
        ("nan", None),
        ("Fri, 31 Dec 9999 23:59:59 -1400", 86_400.0),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"Retry-After": text, "Date": DATE}) == seconds


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_a_time_without_the_servers_own_names_no_wait(headers: dict[str, str]) -> None:
    assert reset_seconds({"X-RateLimit-Reset": str(STAMP), **headers}) is None
    assert retry_after_seconds({"Retry-After": DATE, **headers}) is None
    assert reset_seconds({"X-RateLimit-Reset": "37", **headers}) == 37.0


@given(st.text() | st.from_regex(r"\w{3}, \d{1,9} Oct \d{1,9} \d+:\d+:\d+ [+-]?\w{1,9}"))
def test_no_header_can_raise(text: str) -> None:
    headers = {"X-RateLimit-Reset": text, "Retry-After": text, "Date": text}
    http_date(text)
    assert (reset_seconds(headers) or 0.0) <= 3600.0
    assert (retry_after_seconds(headers) or 0.0) <= 86_400.0
