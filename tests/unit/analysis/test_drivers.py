"""Why a cost changed: it adds up exactly, names what is new and gone, and hides nothing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.drivers import SharedMoves, excess_lines
from services.analysis.figures import Totals, account_figures
from services.domain import (
    AccountFigures,
    Category,
    CostSeries,
    DaySpan,
    Explanation,
    SharedMove,
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


def shared_moves(*accounts: Explanation) -> tuple[SharedMove, ...]:
    moves = SharedMoves()
    for account in accounts:
        moves.add(account)
    return moves.largest()


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


def test_how_much_the_largest_lines_explain_is_rounded_half_up() -> None:
    found = explained(moved(0, 92.9, service="EC2"), moved(0, 7.1, service="S3"))
    assert (found.explains(), found.explains(2)) == (93, 100)
    down = explained(moved(80, 0, service="EC2"), moved(20, 0, service="S3"))
    assert down.explains() == 80
    assert explained(moved(5, 5)).explains() is None


def test_a_rise_beside_a_fall_explains_the_rise_and_the_fall_is_shown_as_hidden() -> None:
    found = explained(moved(100, 1000, service="EC2"), moved(900, 20, service="RDS"))
    assert found.change == Decimal(20)
    assert found.hidden == Decimal(880)
    assert found.explains() == 100
    assert explained(moved(100, 1000), moved(100, 60, service="RDS")).hidden == NOTHING


def test_a_move_that_many_accounts_share_is_one_move() -> None:
    accounts = [
        explained(moved(100 + n, (100 + n) * 1.2, service="EC2"), moved(50, 51, service="S3"))
        for n in range(8)
    ]
    accounts.append(explained(moved(100, 300, service="RDS"), moved(50, 50, service="EC2")))

    (move,) = shared_moves(*accounts)

    assert (move.service, move.up, move.accounts, move.using) == ("EC2", True, 8, 9)
    assert move.change == sum((account.change for account in accounts), NOTHING) - 200 - 8


def test_moves_in_both_directions_or_of_a_few_accounts_are_not_shared() -> None:
    both = [explained(moved(100, 130 if n % 2 else 70, service="EC2")) for n in range(12)]
    few = [explained(moved(100, 130 if n < 4 else 100)) for n in range(30)]
    assert shared_moves(*both) == ()
    assert shared_moves(*few) == ()


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
    assert [(move.service, move.up) for move in totals.shared_moves] == [
        ("EC2", True),
        ("RDS", False),
    ]


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
