"""What a report says caused a change: true of the printed numbers, or left out."""

from datetime import date
from decimal import Decimal

import pytest

from services.analysis.figures import account_figures
from services.domain import AccountFigures, Category, CostSeries, DaySpan, TeamReport
from services.presentation import TeamView, team_view
from tests.makers import NAN, NOW, series, team

SPAN = DaySpan(date(2026, 9, 1), date(2026, 11, 27))
BEFORE, NOVEMBER = 61, 27
"""Days of September and October; complete days of November."""


def row(before: float, now: float, service: str = "AmazonEC2", **more: Category) -> CostSeries:
    """So much a day until October, and in November."""
    return series([before] * BEFORE + [now] * NOVEMBER, service=service, **more)


def view_of(*costs: CostSeries) -> TeamView:
    report = TeamReport(
        team=team(1, team_name="Checkout"),
        figures=figures_of(*costs),
        expected_through=SPAN.last,
        source_title="Datadog",
        period="2026-W48",
        made_at=NOW,
    )
    return team_view(report, app_id=None)


def figures_of(*costs: CostSeries) -> AccountFigures:
    return account_figures(SPAN, costs, "USD", SPAN.last, 20.0, 25.0)


def test_credits_that_end_are_named_and_are_no_new_spend() -> None:
    view = view_of(row(45, 45), row(-45, NAN, category=Category.CREDIT))

    assert view.subject == "Checkout: up $1,215, mostly credits that ended"  # 27 × $45
    assert view.title == "Costs up $1,215, mostly credits that ended"
    assert view.change == "▲ +$1,215.00"
    assert view.why == [
        "Credits that ended account for 100% of the increase.",
        "Usage unchanged; credits, refunds, tax and fees +$1,215.00.",
    ]
    (ec2,) = view.rows
    assert (ec2.name, ec2.change, ec2.percent) == ("EC2", "+$1,215.00", "")
    assert ec2.note == "usage no change, credits that ended +$1,215.00"
    assert "new spend" not in repr(view)


def test_a_refunded_reservation_is_named_and_not_its_service() -> None:
    refund = series([NAN] * BEFORE + [NAN, -600.0] + [NAN] * 25, category=Category.REFUND)
    view = view_of(row(45, 45, "EC2"), refund)

    assert view.title == "Costs down $600, mostly new refunds"
    assert view.subject == "Checkout: down $600 (49.4%), mostly new refunds"  # of $1,215
    assert view.rows[0].note == "usage no change, new refunds −$600.00"


def test_last_months_refund_does_not_make_this_month_a_rise_of_its_service() -> None:
    refund = series([NAN] * 40 + [-600.0] + [NAN] * (len(SPAN) - 41), category=Category.REFUND)
    view = view_of(row(45, 45, "EC2"), refund)

    assert view.title == "Costs up $600, mostly refunds that ended"
    assert "mostly EC2" not in repr(view)


def test_services_that_credits_covered_are_no_new_spend_beside_one_that_is_new() -> None:
    view = view_of(
        row(45, 45), row(-45, NAN, category=Category.CREDIT), row(NAN, 10, service="Bedrock")
    )
    assert [(entry.name, entry.percent) for entry in view.rows] == [
        ("EC2", ""),
        ("Bedrock", "new spend"),
    ]
    assert view.title == "Costs up $1,485, mostly credits that ended"


def test_the_week_after_credits_end_is_no_new_spend() -> None:
    covered = len(SPAN) - 7
    credit = series([-45.0] * covered + [NAN] * 7, category=Category.CREDIT)
    assert view_of(row(45, 45), credit).week == "Last 7 days: $315.00 vs $0.00"


def test_charges_among_new_spend_are_named_in_the_words_of_tables() -> None:
    view = view_of(row(NAN, 20), row(NAN, 10, category=Category.FEE))
    assert view.subject == "Checkout: new spend $810 (EC2 and fees)"  # 27 × $30


def test_new_spend_is_still_named() -> None:
    view = view_of(row(NAN, 45))
    assert view.subject == "Checkout: new spend $1,215 (EC2)"
    assert view.change == "▲ +$1,215.00 (new spend)"
    assert view.week == "Last 7 days: $315.00 vs $315.00 (no change)"


@pytest.mark.parametrize(
    ("costs", "title", "why"),
    [
        # +270 and +54 of +324: 83 %
        (
            [row(10, 20, "EC2"), row(10, 12, "S3")],
            "Costs up $324, mostly EC2",
            "EC2 accounts for 83% of the increase.",
        ),
        # +540, −270: the total is +270
        (
            [row(10, 30, "EC2"), row(30, 20, "S3")],
            "Costs up $270, largest rise EC2 ($540)",
            "The largest rise is EC2, +$540.00.",
        ),
        # four times +54 of +216: no one or two services are most of it
        (
            [row(1, 3, name) for name in ("A", "B", "C", "D", "E")],
            "Costs up $270, largest rise A ($54.00)",
            "A accounts for 20% of the increase.",
        ),
        # −540, +135: the total is −405
        (
            [row(30, 10, "EC2"), row(20, 25, "S3")],
            "Costs down $405, largest fall EC2 ($540)",
            "The largest fall is EC2, −$540.00.",
        ),
        # usage of EC2 +270, its credits +135 (fewer): two thirds
        (
            [row(10, 20, "EC2"), row(-10, -5, "EC2", category=Category.CREDIT)],
            "Costs up $405, mostly EC2 usage and fewer credits",
            "EC2 usage accounts for 67% of the increase.",
        ),
    ],
)
def test_a_cause_is_derived_from_the_printed_numbers(
    costs: list[CostSeries], title: str, why: str
) -> None:
    view = view_of(*costs)
    assert (view.title, view.why[0]) == (title, why)


def test_a_small_rise_of_other_charges_is_nothing_unusual() -> None:
    view = view_of(row(1, 1), row(NAN, 0.5, category=Category.TAX))
    assert view.title == "No unusual changes"  # +$13.50, below the minimum of $25


def test_a_note_adds_up_to_the_change_of_its_row() -> None:
    view = view_of(
        row(10, 20.004, "EC2"),
        row(-1.003, -0.5, "EC2", category=Category.CREDIT),
        row(NAN, 0.0011, "EC2", category=Category.FEE),
    )
    (ec2,) = view.rows
    # 10 × 27 − 27.08 = 242.92 before; 540.108 − 13.5 + 0.0297 = 526.6377 now
    assert ec2.change == f"+${Decimal('526.64') - Decimal('242.92')}"
    assert ec2.note == "usage +$270.11, fewer credits +$13.58, new fees +$0.03"
    assert Decimal("270.11") + Decimal("13.58") + Decimal("0.03") == Decimal("283.72")
