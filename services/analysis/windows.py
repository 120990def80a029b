"""Which days are complete, and which days are compared."""

from datetime import UTC, date, datetime, time, timedelta

from services.domain import DaySpan, Month, SpanDays, Window, WindowDays

MIN_COMPARED_DAYS = 7
"""A month with fewer complete days is not compared yet; the closed month is."""
TWO_WEEKS = 14


def expected_data_through(now: datetime, complete_after_hours: int) -> date:
    """The last UTC day that ended at least so many hours ago.

    23 November 17:00 UTC with 48 hours gives 20 November.
    """
    return (now.astimezone(UTC) - timedelta(hours=complete_after_hours, days=1)).date()


def complete_at(day: date, complete_after_hours: int) -> datetime:
    """The instant from which on a UTC day counts as complete."""
    begin = datetime.combine(day, time(0), UTC)
    return begin + timedelta(days=1, hours=complete_after_hours)


def known_after(complete_after_hours: int) -> timedelta:
    """How many days after its date a day is complete, and evaluated.

    36 hours: the day of 18 November is complete at noon of the 20th, two days later.
    """
    return timedelta(days=1 + complete_after_hours // 24)


def comparison_window(data_through: date) -> Window:
    """Compare days 1..d of the month of ``data_through`` with days 1..d of the month before.

    d is at most the length of the month before. With fewer than seven complete days the last
    closed month is compared with the one before it, both in full.
    """
    month = Month.of(data_through)
    if data_through.day < MIN_COMPARED_DAYS:
        closed = month.before
        return Window(closed.span, closed.before.span, closed_months=True)
    before = month.before.span
    days = min(data_through.day, len(before))
    return Window(_first_days(month.span, days), _first_days(before, days))


def window_days(window: Window) -> WindowDays:
    """A window as it is stored and sent."""
    return WindowDays(
        current=SpanDays(first=window.current.first, last=window.current.last),
        previous=SpanDays(first=window.previous.first, last=window.previous.last),
        closed_months=window.closed_months,
    )


def own_window(window: Window, last: date) -> Window | None:
    """The part of a window that an account whose costs end on ``last`` is compared over.

    Both sides get as many days. None if that leaves too few to compare.
    """
    if last >= window.current.last:
        return window
    days = min((last - window.current.first).days + 1, len(window.previous))
    if days < MIN_COMPARED_DAYS:
        return None
    return Window(_first_days(window.current, days), _first_days(window.previous, days))


def _first_days(span: DaySpan, days: int) -> DaySpan:
    return DaySpan(span.first, span.first + timedelta(days=days - 1))


def needed_span(data_through: date) -> DaySpan:
    """The days that reports as of ``data_through`` need.

    From the earliest of: the start of the previous window, the first day of the month before
    (which may be restated), and two weeks back; to ``data_through``.
    """
    return DaySpan(
        min(
            comparison_window(data_through).previous.first,
            Month.of(data_through).before.span.first,
            data_through - timedelta(days=TWO_WEEKS - 1),
        ),
        data_through,
    )
