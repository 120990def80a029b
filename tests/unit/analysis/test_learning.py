"""How many days detection has learned from, for reports to say."""

from datetime import date

import pytest

from services.analysis.learning import learning_day
from services.domain import Category, DaySpan
from tests.makers import NAN, series

FIRST = date(2026, 9, 1)


@pytest.mark.parametrize(
    ("amounts", "days"),
    [
        ([10.0] * 12, 12),
        ([NAN] * 60 + [10.0] * 12, 12),
        ([10.0] * 35, 35),
        ([10.0] * 36, None),
        ([10.0] * 20 + [0.0] * 27 + [10.0] * 5, None),
        ([10.0] * 20 + [0.0] * 28 + [10.0] * 5, 5),
        ([NAN] * 60, None),
    ],
    ids=[
        "first days",
        "new account",
        "last day of learning",
        "learned",
        "a gap of less than four weeks",
        "back after four weeks",
        "no usage",
    ],
)
def test_days_count_from_the_first_usage_on(amounts: list[float], days: int | None) -> None:
    span = DaySpan(FIRST, date.fromordinal(FIRST.toordinal() + len(amounts) - 1))
    assert learning_day(span, [series(amounts)]) == days


def test_only_usage_is_learned_from() -> None:
    span = DaySpan(FIRST, date(2026, 9, 30))
    tax = series([5.0] * 30, category=Category.TAX)
    usage = series([NAN] * 20 + [10.0] * 10)
    assert learning_day(span, [tax, usage]) == 10
