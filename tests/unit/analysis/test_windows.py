"""Which days are compared, on every kind of day."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.windows import (
    comparison_window,
    expected_data_through,
    known_after,
    needed_span,
)
from services.domain import DaySpan, Month


def span(first: str, last: str) -> DaySpan:
    return DaySpan(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("through", "current", "previous"),
    [
        ("2026-11-20", ("2026-11-01", "2026-11-20"), ("2026-10-01", "2026-10-20")),
        ("2026-11-07", ("2026-11-01", "2026-11-07"), ("2026-10-01", "2026-10-07")),
        # The 1st to the 6th: the closed month against the one before, both in full.
        ("2026-11-06", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("2026-11-01", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("2026-11-02", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("2026-03-02", ("2026-02-01", "2026-02-28"), ("2026-01-01", "2026-01-31")),
        # Year change.
        ("2027-01-01", ("2026-12-01", "2026-12-31"), ("2026-11-01", "2026-11-30")),
        ("2027-01-07", ("2027-01-01", "2027-01-07"), ("2026-12-01", "2026-12-07")),
        ("2027-02-01", ("2027-01-01", "2027-01-31"), ("2026-12-01", "2026-12-31")),
        # 31 days after 30, and March after February.
        ("2026-10-31", ("2026-10-01", "2026-10-30"), ("2026-09-01", "2026-09-30")),
        ("2026-10-30", ("2026-10-01", "2026-10-30"), ("2026-09-01", "2026-09-30")),
        ("2026-03-28", ("2026-03-01", "2026-03-28"), ("2026-02-01", "2026-02-28")),
        ("2026-03-29", ("2026-03-01", "2026-03-28"), ("2026-02-01", "2026-02-28")),
        ("2026-03-31", ("2026-03-01", "2026-03-28"), ("2026-02-01", "2026-02-28")),
        # A leap year.
        ("2028-02-29", ("2028-02-01", "2028-02-29"), ("2028-01-01", "2028-01-29")),
        ("2028-03-29", ("2028-03-01", "2028-03-29"), ("2028-02-01", "2028-02-29")),
        ("2028-03-31", ("2028-03-01", "2028-03-29"), ("2028-02-01", "2028-02-29")),
        ("2028-03-01", ("2028-02-01", "2028-02-29"), ("2028-01-01", "2028-01-31")),
    ],
)
def test_the_window_of_a_day(
    through: str, current: tuple[str, str], previous: tuple[str, str]
) -> None:
    found = comparison_window(date.fromisoformat(through))
    assert (found.current, found.previous) == (span(*current), span(*previous))
    assert found.closed_months is (date.fromisoformat(through).day < 7)


DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(DAYS)
def test_both_parts_are_as_long_unless_months_are_closed(through: date) -> None:
    found = comparison_window(through)
    assert found.current.last <= through
    assert found.previous.last < found.current.first
    if found.closed_months:
        assert found.current == Month.of(found.current.first).span
        assert found.previous == Month.of(found.current.first).before.span
    else:
        assert len(found.current) == len(found.previous)
        assert found.current.first == through.replace(day=1)


@given(DAYS)
def test_what_is_read_covers_the_window_two_weeks_and_the_month_before(through: date) -> None:
    needed, window = needed_span(through), comparison_window(through)
    assert needed.last == through
    assert window.previous.first in needed
    assert through - timedelta(days=13) in needed
    assert Month.of(through).before.span.first in needed
    assert len(needed) <= 31 + 31 + 31


@pytest.mark.parametrize(
    ("now", "hours", "day"),
    [
        ("2026-11-23T17:00+00:00", 48, "2026-11-20"),
        ("2026-11-23T00:00+00:00", 48, "2026-11-20"),
        ("2026-11-22T23:59+00:00", 48, "2026-11-19"),
        ("2026-11-23T17:00+00:00", 0, "2026-11-22"),
        ("2026-11-23T01:00+14:00", 48, "2026-11-19"),
        ("2027-01-02T12:00+00:00", 48, "2026-12-30"),
    ],
)
def test_a_day_counts_once_it_is_complete(now: str, hours: int, day: str) -> None:
    assert expected_data_through(datetime.fromisoformat(now), hours) == date.fromisoformat(day)


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2098, 1, 1)),
    st.integers(0, 200),
    st.integers(-12, 14),
)
def test_a_complete_day_ended_so_long_ago_and_the_next_one_did_not(
    naive: datetime, hours: int, offset: int
) -> None:
    now = naive.replace(tzinfo=timezone(timedelta(hours=offset)))
    day = expected_data_through(now, hours)
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert now - end >= timedelta(hours=hours)
    assert now - (end + timedelta(days=1)) < timedelta(hours=hours)


@pytest.mark.parametrize("hours", [0, 24, 36, 48, 60, 72])
def test_a_day_is_complete_on_the_date_so_many_days_after_it(hours: int) -> None:
    day = date(2026, 11, 18)
    complete = datetime(2026, 11, 19, tzinfo=UTC) + timedelta(hours=hours)
    assert expected_data_through(complete, hours) == day
    assert day + known_after(hours) == complete.date()
