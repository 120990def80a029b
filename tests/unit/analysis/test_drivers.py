"""Why a cost changed: it adds up exactly, names what is new and gone, and hides nothing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.drivers import excess_lines
from services.analysis.figures import account_figures
from services.analysis.totals import Totals
from services.domain import (
    AccountFigures,
    Category,
    CostSeries,
    DaySpan,
    Explanation,
    whole_percent,
)
from tests.makers import NAN, series

SPAN = DaySpan(date(2026, 10, 1), date(2026, 11, 20))
OCTOBER, DAYS = 31, 20
NOTHING = Decimal(0)


def moved(previous: float, current: float, **more: Any) -> CostSeries:
    """So much over the previous part, so much over the current one."""
    amounts = [previous / DAYS] * DAYS + [NAN] * (OCTOBER - DAYS) + [current / DAYS] * DAYS
    return series(amounts, **more)


def figures(*found: CostSeries) -> AccountFigures:
    return account_figures(SPAN, found, "USD", SPAN.last, 20, 25)


def explained(*found: CostSeries) -> Explanation:
    made = figures(*found).explanation
    assert made is not None
    return made


AMOUNT = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6)))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["EC2", "S3", "RDS", "Other"]),
        st.sampled_from([*Category, None]),
        st.lists(AMOUNT, min_size=51, max_size=51),
    ),
    max_size=7,
)


@given(ROWS, st.integers(0, 9))
def test_the_lines_lead_from_the_previous_total_to_the_current_one_exactly(
    rows: Any, most: int
) -> None:
    given_series = [series(amounts, service=s, category=c) for s, c, amounts in rows]
    net, found = figures(*given_series), explained(*given_series)

    assert (found.previous, found.current) == (net.previous_total, net.current_total)
    number, rest = found.others(most)
    running = found.top(most)[-1][1] if found.top(most) else found.previous
    assert running + rest == found.current
    assert number == max(len(found.lines) - most, 0)
    assert found.change - found.one_off_change == net.usage_current - net.usage_previous
    assert found.up - found.down == found.change


def test_new_removed_grown_shrunk_and_unchanged_services_are_distinguished() -> None:
    found = explained(
        moved(0, 900, service="Bedrock"),
        moved(400, 0, service="Redshift"),
        moved(100, 160, service="S3"),
        moved(100, 70, service="RDS"),
        moved(50, 50, service="SQS"),
    )
    assert [(line.name, line.kind) for line in found.lines] == [
        ("Bedrock", "new"),
        ("Redshift", "gone"),
        ("S3", "grown"),
        ("RDS", "shrunk"),
        ("SQS", "same"),
    ]


def test_one_off_charges_are_lines_of_their_own_beside_usage() -> None:
    found = explained(
        moved(100, 300, service="EC2"),
        moved(0, -250, service="EC2", category=Category.CREDIT),
        moved(0, 80, service="Support", category=Category.FEE),
        moved(0, 20, service="Registrar", category=Category.FEE),
    )
    assert [(line.name, line.one_off, line.change) for line in found.lines] == [
        ("credit", True, Decimal(-250)),
        ("EC2", False, Decimal(200)),
        ("fee", True, Decimal(100)),
    ]
    assert (found.change, found.one_off_change) == (Decimal(50), Decimal(-150))


@pytest.mark.parametrize(
    ("before_and_now", "percent"),
    [
        ({"EC2": (0, 92.9), "S3": (0, 7.1)}, 93),
        ({"EC2": (80, 0), "S3": (20, 0)}, 80),
        ({"EC2": (100, 1000), "RDS": (900, 20)}, None),  # +900 of +20
        ({"EC2": (100, 196), "RDS": (100, 104), "S3": (10, 0)}, None),  # +96 of +90
        ({"EC2": (100, 180), "RDS": (100, 140), "S3": (10, 0)}, 73),  # 80 of 110
        ({"EC2": (0, 99.7), "S3": (0, 0.3)}, 99),
    ],
)
def test_a_line_explains_its_share_of_the_printed_change_of_the_total(
    before_and_now: dict[str, tuple[float, float]], percent: int | None
) -> None:
    found = explained(
        *(moved(before, now, service=name) for name, (before, now) in before_and_now.items())
    )
    assert found.largest is not None
    assert found.largest.name == "EC2"
    assert found.percent_of(found.largest) == percent


def test_what_moved_against_the_total_explains_nothing_of_it() -> None:
    found = explained(moved(100, 400, service="EC2"), moved(90, 50, service="RDS"))
    assert [found.percent_of(line) for line in found.lines] == [None, None]
    assert explained(moved(5, 5)).largest is None


def test_changes_that_cancel_out_are_hidden_by_the_total() -> None:
    found = explained(moved(100, 1000, service="EC2"), moved(900, 20, service="RDS"))
    assert found.change == Decimal(20)
    assert found.hidden == Decimal(880)
    assert explained(moved(100, 1000), moved(100, 60, service="RDS")).hidden == NOTHING


def test_the_change_of_all_accounts_is_taken_apart_like_that_of_one() -> None:
    totals = Totals()
    for n in range(6):
        totals.add(
            figures(
                moved(100, 130, service="EC2"),
                moved(90, 65, service="RDS"),
                moved(0, -n, service="EC2", category=Category.CREDIT),
            )
        )
    found = totals.explanation
    assert (found.previous, found.current) == (totals.previous_total, totals.current_total)
    assert [(line.name, line.change) for line in found.lines] == [
        ("EC2", Decimal(180)),
        ("RDS", Decimal(-150)),
        ("credit", Decimal(-15)),
    ]
    assert found.hidden == Decimal(165)


SHARES = (
    ("EC2", Decimal("700.10")),
    ("RDS", Decimal("200.20")),
    ("S3", Decimal("50.05")),
    ("Lambda", Decimal("-4.00")),
)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_the_services_of_an_anomaly_add_up_to_its_excess(most: int) -> None:
    lines = excess_lines(Decimal(1000), SHARES, most)
    assert sum((line.excess for line in lines), NOTHING) == Decimal(1000)
    assert lines[0].service == "EC2"
    assert lines[0].percent == 70
    assert lines[-1].service == ""
    assert all(line.excess > 0 for line in lines)


def test_an_anomaly_of_one_service_is_one_line_of_all_of_it() -> None:
    (line,) = excess_lines(Decimal("412.37"), [("EC2", Decimal("412.37"))])
    assert (line.service, line.percent) == ("EC2", 100)


@pytest.mark.parametrize(
    ("part", "percent"),
    [("98.66", 99), ("98.49", 98), ("98.5", 99), ("99.7", 99), ("100", 100), ("0.4", 0)],
)
def test_a_share_is_rounded_half_up_and_only_all_of_it_is_100(part: str, percent: int) -> None:
    assert whole_percent(Decimal(part), Decimal(100)) == percent
