"""The arithmetic of an account: totals, percent, drivers, thresholds, weeks, forecast."""

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.figures import account_figures
from services.analysis.sums import change_percent
from services.analysis.threshold import anomaly_id, evaluate_threshold
from services.analysis.totals import Totals
from services.domain import AccountFigures, Category, CostSeries, DaySpan
from tests.makers import NAN, NOW, series

FIRST = date(2026, 10, 1)
THROUGH = date(2026, 11, 20)
SPAN = DaySpan(FIRST, THROUGH)
OCTOBER = 31


def figures(
    *found: CostSeries,
    span: DaySpan = SPAN,
    through: date | None = None,
    threshold: float = 20.0,
    min_increase: float = 25.0,
) -> AccountFigures:
    return account_figures(span, found, "USD", through or span.last, threshold, min_increase)


def months(previous: float, current: float, days: int = 20, **more: Any) -> CostSeries:
    """So much over the first days of October and of November, nothing between."""
    amounts = [previous / days] * days + [NAN] * (OCTOBER - days) + [current / days] * days
    return series(amounts, **more)


@pytest.mark.parametrize(
    ("current", "previous", "percent"),
    [
        ("120", "100", "20"),
        ("80", "100", "-20"),
        ("0", "100", "-100"),
        ("5", "0", None),
        ("-5", "0", None),
        ("0", "0", "0"),
        # A credit before: growth is measured against its size.
        ("10", "-20", "150"),
        ("-30", "-20", "-50"),
    ],
)
def test_percent(current: str, previous: str, percent: str | None) -> None:
    found = change_percent(Decimal(current), Decimal(previous))
    assert found == (None if percent is None else Decimal(percent))


def test_totals_are_net_and_usage_is_usage_alone() -> None:
    found = figures(
        months(200, 300),
        months(0, -50, service="Credits", category=Category.CREDIT),
        months(20, 30, service="Tax", category=Category.TAX),
    )
    assert (found.current_total, found.previous_total) == (Decimal(280), Decimal(220))
    assert (found.usage_current, found.usage_previous) == (Decimal(300), Decimal(200))
    assert [(c.category, c.current) for c in found.categories] == [
        (Category.USAGE, Decimal(300)),
        (Category.CREDIT, Decimal(-50)),
        (Category.TAX, Decimal(30)),
    ]


def test_an_account_that_begins_and_one_that_ends() -> None:
    new = figures(series([NAN] * 40 + [10.0] * 11))
    assert (new.change_percent, new.current_total) == (None, Decimal(110))
    assert new.first_day == FIRST + timedelta(days=40)
    gone = figures(series([10.0] * 40 + [NAN] * 11))
    assert gone.previous_total == Decimal(200)
    assert gone.current_total == Decimal(90)
    assert gone.silent
    assert gone.last_day == FIRST + timedelta(days=39)


def test_an_account_without_any_data() -> None:
    found = figures()
    zero = Decimal(0)
    assert (found.current_total, found.previous_total, found.change_percent) == (zero, zero, zero)
    assert (found.week, found.forecast, found.breach) == (None, None, None)
    assert found.silent
    assert found.services == ()


AMOUNT = st.one_of(
    st.just(NAN),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6)),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["EC2", "S3", "RDS", "Other"]),
        st.sampled_from(list(Category)),
        st.lists(AMOUNT, min_size=51, max_size=51),
    ),
    max_size=6,
)


@given(ROWS, st.integers(0, 50))
def test_services_and_categories_add_up_to_the_totals_exactly(rows: Any, back: int) -> None:
    found = figures(
        *(series(amounts, service=name, category=kind) for name, kind, amounts in rows),
        through=THROUGH - timedelta(days=min(back, 17)),
    )
    for parts in (found.services, found.categories):
        assert sum((p.current for p in parts), Decimal(0)) == found.current_total
        assert sum((p.previous for p in parts), Decimal(0)) == found.previous_total
    changes = [abs(service.change) for service in found.services]
    assert changes == sorted(changes, reverse=True)
    truth = math.fsum(
        amount
        for _, _, amounts in rows
        for day, amount in zip(SPAN, amounts, strict=True)
        if found.window.current.first <= day <= found.window.current.last
        and not math.isnan(amount)
    )
    assert abs(float(found.current_total) - truth) < 0.001


@pytest.mark.parametrize(
    ("previous", "current", "threshold", "least", "breached"),
    [
        (100, 120, 20, 0, False),
        (100, 120.01, 20, 0, True),
        (100, 130, 20, 30.01, False),
        (100, 130, 20, 30, True),
        (0, 25, 20, 25, True),
        (0, 24.99, 20, 25, False),
        (0, 0, 20, 0, False),
        (100, 50, 20, 0, False),
        (1000, 1100, 9.9, 25, True),
    ],
)
def test_a_threshold_needs_percent_and_money(
    previous: float, current: float, threshold: float, least: float, breached: bool
) -> None:
    found = figures(months(previous, current), threshold=threshold, min_increase=least)
    assert (found.breach is not None) is breached


def test_a_credit_hides_no_growth_and_a_fee_is_none() -> None:
    hidden = figures(
        months(100, 200), months(0, -150, service="Credits", category=Category.CREDIT)
    )
    assert hidden.current_total < hidden.previous_total
    assert hidden.breach is not None
    assert hidden.breach.excess == Decimal(100)
    fee = figures(months(100, 100), months(0, 500, service="Plan", category=Category.FEE))
    assert fee.current_total == Decimal(600)
    assert fee.breach is None


def test_the_driver_is_the_service_whose_usage_grew_most() -> None:
    found = figures(
        months(100, 160),
        months(500, 490, service="S3"),
        months(10, 110, service="RDS"),
        months(0, 999, service="EC2", category=Category.FEE),
    )
    assert found.breach is not None
    assert found.breach.service == "RDS"
    anomaly = evaluate_threshold("datadog", "1" * 12, found, NOW)
    assert anomaly is not None
    assert (anomaly.id, anomaly.excess) == (
        f"threshold-datadog-{'1' * 12}-2026-11",
        Decimal(150),
    )


def test_a_closed_month_is_an_anomaly_of_that_month() -> None:
    span = DaySpan(date(2026, 9, 1), date(2026, 11, 1))
    found = figures(series([1.0] * 30 + [9.0] * 31 + [1.0]), span=span)
    assert found.window.closed_months
    assert anomaly_id("datadog", "x", found) == "threshold-datadog-x-2026-10"
    quiet = figures(series([1.0] * 62), span=span)
    assert evaluate_threshold("datadog", "x", quiet, NOW) is None


def test_the_last_week_against_the_week_before_with_its_gaps() -> None:
    amounts = [1.0] * 37 + [2.0] * 7 + [3.0, NAN, 3.0, 3.0, 3.0, 3.0, 3.0]
    week = figures(series(amounts)).week
    assert week is not None
    assert (week.current, week.previous) == (Decimal(18), Decimal(14))
    assert [day.amount for day in week.days][:2] == [Decimal(3), None]
    assert [day.day for day in week.days] == [THROUGH - timedelta(days=6 - i) for i in range(7)]


def test_a_steady_account_is_forecast_to_the_cent_and_in_its_range() -> None:
    found = figures(series([10.0] * 51)).forecast
    assert found is not None
    assert (found.month, found.amount) == ("2026-11", Decimal("300.0"))
    assert found.low < found.amount < found.high


def test_a_fee_is_not_repeated_in_the_forecast() -> None:
    fee = series([NAN] * 40 + [500.0] + [NAN] * 10, service="Plan", category=Category.FEE)
    found = figures(series([10.0] * 51), fee).forecast
    assert found is not None
    assert found.amount == Decimal("800.0")


def test_too_little_data_gives_no_forecast() -> None:
    assert figures(series([NAN] * 38 + [1.0] * 13)).forecast is None
    # Two weeks, and no closed month: what is spent is known, where the month ends is not.
    young = figures(series([NAN] * 37 + [1.0] * 14))
    assert (young.forecast, young.month_to_date) == (None, Decimal(14))
    last = DaySpan(FIRST, date(2026, 11, 30))
    assert figures(series([1.0] * 61), span=last).forecast is None


def test_all_accounts_together_are_the_sum_of_each() -> None:
    accounts = [
        figures(months(100, 150), months(0, 5, service="S3")),
        figures(months(10, 0, service="S3"), months(1, 2, category=Category.TAX)),
    ]
    totals = Totals()
    for one in accounts:
        totals.add(one)
    assert totals.current_total == sum(account.current_total for account in accounts)
    assert totals.usage_previous == sum(account.usage_previous for account in accounts)
    assert {(s.name, s.current, s.previous) for s in totals.services} == {
        ("EC2", Decimal(152), Decimal(101)),
        ("S3", Decimal(5), Decimal(10)),
    }
    assert sum(c.current for c in totals.categories) == totals.current_total


def test_the_excess_of_a_breach_is_the_difference_of_the_printed_usage() -> None:
    found = figures(months(100.004, 150.0051))
    assert found.breach is not None
    assert found.breach.excess == Decimal("50.01")
