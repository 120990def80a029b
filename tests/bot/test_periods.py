"""Weeks and months as people write them after the name of a team."""

from datetime import date

import pytest

from bot.periods import parse_period

TODAY = date(2026, 11, 24)
"""A Tuesday of 2026-W48."""


@pytest.mark.parametrize(
    ("words", "period"),
    [
        ("2026-W47", "2026-W47"),
        ("2026-w7", "2026-W07"),
        ("2026 W47", "2026-W47"),
        ("W47", "2026-W47"),
        ("week 48", "2026-W48"),
        ("w49", "2025-W49"),  # the last one that has begun
        ("this week", "2026-W48"),
        ("Last week", "2026-W47"),
        ("2026-10", "2026-10"),
        ("last month", "2026-10"),
        ("this month", "2026-11"),
        ("month", "2026-11"),
        ("October", "2026-10"),
        ("oct", "2026-10"),
        ("sept.", "2026-09"),
        ("december", "2025-12"),
        ("October 2025", "2025-10"),
    ],
)
def test_what_a_period_is_called(words: str, period: str) -> None:
    assert parse_period(words, TODAY) == period


@pytest.mark.parametrize(
    "words", ["", "2026", "2026-13", "47", "octo", "search", "last", "w", "yesterday", "٢٠٢٦-W47"]
)
def test_invalid_periods(words: str) -> None:
    assert parse_period(words, TODAY) is None


def test_in_january_the_month_before_is_of_the_year_before() -> None:
    assert parse_period("last month", date(2027, 1, 5)) == "2026-12"
    assert parse_period("last week", date(2027, 1, 5)) == "2026-W53"
