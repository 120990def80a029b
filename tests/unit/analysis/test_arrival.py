"""Costs that have not arrived are no fall: which accounts are late, and what they are compared over."""

import csv
import io
import json
import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.analysis.arrival import with_late_days
from services.analysis.figures import account_figures
from services.analysis.windows import comparison_window, own_window
from services.domain import (
    AccountFigures,
    AdminReport,
    CostSeries,
    DataState,
    DaySpan,
    Month,
    cents,
)
from services.mailing.rendering import render_admin, render_team
from services.reports.admin import AdminReportBuilder
from services.reports.preview_json import admin_preview, team_preview
from tests.makers import NAN, series, table, team
from tests.unit.basis import basis_of
from tests.unit.mailing.test_emails import Texts, dollars, team_report

D = Decimal
FIRST = date(2026, 9, 1)
THROUGH = date(2026, 11, 20)


def daily(
    last: date, *, october: float, november: float, through: date = THROUGH, **more: Any
) -> CostSeries:
    """So much a day in September and October, so much in November up to a last day."""
    amounts = [
        NAN if day > last else november if day >= date(2026, 11, 1) else october
        for day in DaySpan(FIRST, through)
    ]
    return series(amounts, **more)


def figures(*found: CostSeries, through: date = THROUGH) -> AccountFigures:
    return account_figures(DaySpan(FIRST, through), found, "USD", through, 20.0, 25.0)


def days(found: AccountFigures) -> tuple[date, date, date, date]:
    window = found.window
    return (
        window.current.first,
        window.current.last,
        window.previous.first,
        window.previous.last,
    )


def test_a_late_account_is_compared_over_its_own_days() -> None:
    """$5.00 a day before, $5.19 now: 13 days are $67.47 against $65.00, not against $100.00."""
    found = figures(daily(date(2026, 11, 13), october=5.0, november=5.19))

    assert found.state is DataState.LATE
    assert (found.current_total, found.previous_total) == (D("67.47"), D("65.0"))
    assert (found.usage_current, found.usage_previous) == (D("67.47"), D("65.0"))
    assert days(found) == (
        date(2026, 11, 1),
        date(2026, 11, 13),
        date(2026, 10, 1),
        date(2026, 10, 13),
    )
    assert found.week is not None
    # 7–13 Nov against 31 Oct–6 Nov: one day of October.
    assert (cents(found.week.current), cents(found.week.previous)) == (D("36.33"), D("36.14"))
    assert found.forecast is not None
    assert found.forecast.month == "2026-11"
    assert abs(found.forecast.amount - 30 * D("5.19")) < D("4.67")  # 3%


@pytest.mark.parametrize(
    ("gap", "state"),
    [
        (0, DataState.CURRENT),
        (1, DataState.LATE),
        (7, DataState.LATE),
        (8, DataState.SILENT),
        (30, DataState.SILENT),
        (48, DataState.SILENT),
        (50, DataState.SILENT),  # on the first of the compared days, with a month of costs before
    ],
)
def test_an_account_is_late_for_a_week_and_then_silent(gap: int, state: DataState) -> None:
    found = figures(daily(THROUGH - timedelta(days=gap), october=5.0, november=5.0))
    assert found.state is state


@pytest.mark.parametrize(("empty", "state"), [(3, DataState.LATE), (4, DataState.CURRENT)])
def test_only_a_gap_of_a_regular_account_is_news(empty: int, state: DataState) -> None:
    """Of the 28 days to 17 November, 25 or 24 had costs; an empty day of others counts as zero."""
    amounts = [5.0] * (len(DaySpan(FIRST, THROUGH)) - 3) + [NAN] * 3
    for i in range(empty):
        amounts[-6 - 5 * i] = NAN
    found = figures(series(amounts))
    assert found.state is state
    assert (found.window.current.last == THROUGH) is (state is DataState.CURRENT)


def test_a_charge_on_the_first_of_each_month_is_a_habit_and_no_gap() -> None:
    amounts = [100.0 if day.day == 1 else NAN for day in DaySpan(FIRST, THROUGH)]
    found = figures(series(amounts))

    assert found.state is DataState.CURRENT
    assert (found.current_total, found.previous_total) == (D(100), D(100))
    rendered = render_team(team_report(found), app_id=None)
    assert rendered.subject == "Checkout: $100 for 1–20 Nov, no unusual changes"
    assert "last cost on 1 Nov" in " ".join(rendered.text.split())


def test_too_few_days_leave_a_late_account_out_of_both_sides() -> None:
    through = date(2026, 11, 10)
    found = figures(
        daily(date(2026, 11, 6), october=5.0, november=6.0, through=through), through=through
    )

    assert found.state is DataState.LEFT_OUT
    assert (found.current_total, found.previous_total, found.breach) == (D(0), D(0), None)
    assert found.spent is not None
    assert (found.spent.first, found.spent.amount) == (date(2026, 11, 1), D("36.0"))
    rendered = render_team(team_report(found, expected_through=through), app_id=None)
    assert rendered.subject == "Checkout: cost data is late, complete through 6 Nov"
    assert "Cost 1–6 Nov: $36.00." in rendered.text
    seven = figures(
        daily(date(2026, 11, 7), october=5.0, november=6.0, through=through), through=through
    )
    assert (seven.state, seven.current_total) == (DataState.LATE, D("42.0"))


@pytest.mark.parametrize(
    ("last", "current", "previous"),
    [
        (
            date(2026, 12, 2),
            (date(2026, 11, 1), date(2026, 11, 30)),
            (date(2026, 10, 1), date(2026, 10, 31)),
        ),
        (
            date(2026, 11, 28),
            (date(2026, 11, 1), date(2026, 11, 28)),
            (date(2026, 10, 1), date(2026, 10, 28)),
        ),
    ],
)
def test_closed_months_stay_closed_unless_their_last_days_are_missing(
    last: date, current: tuple[date, date], previous: tuple[date, date]
) -> None:
    through = date(2026, 12, 5)
    found = figures(daily(last, october=5.0, november=6.0, through=through), through=through)
    assert found.state is DataState.LATE
    assert days(found) == (*current, *previous)


def test_both_sides_of_an_own_window_have_as_many_days() -> None:
    """March against February, through 30 March: 28 days each."""
    found = own_window(comparison_window(date(2027, 4, 4)), date(2027, 3, 30))
    assert found is not None
    assert (found.current, found.previous) == (
        DaySpan(date(2027, 3, 1), date(2027, 3, 28)),
        Month(2027, 2).span,
    )


def admins(*accounts: AccountFigures, through: date = THROUGH) -> AdminReport:
    builder = AdminReportBuilder(basis_of(through), {})
    for i, found in enumerate(accounts, 1):
        builder.add_team(team_report(found, team=team(i), expected_through=through))
    return builder.build(None)


def test_a_total_adds_late_accounts_over_their_own_days_and_says_how_many_are_late() -> None:
    steady = figures(daily(THROUGH, october=10.0, november=10.0))
    late = figures(daily(date(2026, 11, 13), october=5.0, november=5.19))
    report = admins(steady, late)

    assert (report.current_total, report.previous_total) == (D("267.47"), D("265.0"))
    rendered = render_admin(report)
    words = "1 account is late and compared over its own days: Team 2 through 13 Nov."
    for text in (rendered.text, Texts(rendered.html).text):
        assert words in text
    assert rendered.subject == "AWS costs: $267, nothing unusual"
    found: Any = admin_preview(report, rendered)
    assert found["window"]["current"] == {"from": "2026-11-01", "to": "2026-11-20"}
    assert [account["window"]["current"]["to"] for account in found["accounts"]] == [
        "2026-11-20",
        "2026-11-13",
    ]
    assert found["accounts"][1]["window"]["previous"] == {"from": "2026-10-01", "to": "2026-10-13"}
    rows = list(csv.DictReader(io.StringIO(rendered.attachments[0].content.decode("utf-8-sig"))))
    by_name = {row["team_name"]: row for row in rows}
    assert (by_name["Team 2"]["to"], by_name["Team 2"]["data"]) == (
        "2026-11-13",
        "data through 13 Nov",
    )


def test_the_teams_preview_has_the_common_window_and_the_accounts_own() -> None:
    report = team_report(figures(daily(date(2026, 11, 13), october=5.0, november=5.19)))
    rendered = render_team(report, app_id=None)
    found: Any = team_preview(report, rendered)

    assert found["data_through"] == "2026-11-20"
    assert found["window"]["current"]["to"] == "2026-11-20"
    (account,) = found["accounts"]
    assert account == {
        "aws_account_id": report.team.aws_account_id,
        "environment": None,
        "current": "67.47",
        "previous": "65.00",
        "window": {
            "current": {"from": "2026-11-01", "to": "2026-11-13"},
            "previous": {"from": "2026-10-01", "to": "2026-10-13"},
        },
        "state": "late",
    }
    assert found["change_percent"] == 3.8
    assert json.dumps(found)
    text = " ".join(rendered.text.split())
    assert "Data is late: complete through 13 Nov" in text
    assert "1–13 Nov 2026 vs 1–13 Oct 2026 ($65.00)" in text
    assert "7 days through 13 Nov: $36.33 vs $36.14" in text


def test_accounts_with_too_few_days_are_named_and_count_in_no_total() -> None:
    through = date(2026, 11, 10)
    late = daily(date(2026, 11, 4), october=5.0, november=6.0, through=through)
    steady = daily(through, october=10.0, november=10.0, through=through)
    report = admins(
        figures(steady, through=through), figures(late, through=through), through=through
    )

    assert (report.current_total, report.previous_total) == (D("100.0"), D("100.0"))
    rendered = render_admin(report)
    words = (
        "1 account is late, has too few days to compare, and counts in no total: "
        "Team 2 through 4 Nov."
    )
    assert words in " ".join(rendered.text.split())
    found: Any = admin_preview(report, rendered)
    assert (found["accounts"][1]["window"], found["accounts"][1]["current"]) == (None, "0.00")


def test_a_silent_account_says_what_was_spent() -> None:
    found = figures(daily(date(2026, 11, 11), october=5000.0, november=6247.7272))

    rendered = render_team(team_report(found), app_id=None)

    assert rendered.subject == "Checkout: no AWS cost data since 12 Nov"
    for text in (rendered.text, Texts(rendered.html).text):
        assert "Cost 1–11 Nov: $68,725.00." in " ".join(text.split())


def test_the_fall_of_silent_accounts_is_missing_data_and_not_in_the_headline() -> None:
    """10 × $354 of October are missing; the other account rose from $1,000 to $1,500."""
    silent = figures(daily(date(2026, 11, 10), october=354.0, november=354.0))
    grown = figures(daily(THROUGH, october=50.0, november=75.0, service="RDS"))
    report = admins(silent, grown)

    rendered = render_admin(report)

    assert (
        rendered.subject
        == "AWS costs: up $500 (50.0%) without 1 silent account, 1 team above threshold"
    )
    words = (
        "The change includes −$3,540.00 of missing data from 1 silent account; without it, costs "
        "are up $500.00 (+50.0%)."
    )
    text = " ".join(rendered.text.split())
    assert words in text
    assert words in Texts(rendered.html).text
    assert "COSTS UP $500 WITHOUT 1 SILENT ACCOUNT, MOSTLY RDS" in text
    movers = rendered.text.partition("MOVERS")[2].partition("Total")[0]
    assert "no data since 11 Nov" in movers
    assert "000000000001: no data since 11 Nov Cost 1–10 Nov: $3,540.00" in text
    # The table keeps both, and adds up.
    assert (report.current_total, report.previous_total) == (D("5040.0"), D("8080.0"))
    total = rendered.text.partition("MOVERS")[2].partition("\nTotal")[2]
    assert dollars(total)[:3] == [D("-3040.00"), D("5040.00"), D("8080.00")]


def test_silent_accounts_alone_make_no_unusual_total_but_are_counted_beside_it() -> None:
    silent = figures(daily(date(2026, 11, 10), october=354.0, november=354.0))
    steady = figures(daily(THROUGH, october=50.0, november=50.0))
    assert render_admin(admins(silent, steady)).subject == (
        "AWS costs: $4,540, nothing unusual, 1 silent account"
    )


def test_unmapped_accounts_say_what_is_missing_of_them() -> None:
    """10 × $354 of $7,080 in October: the fall is missing data and must have a name."""
    builder = AdminReportBuilder(basis_of(THROUGH), {"9" * 12: "Old lab"})
    builder.add_team(team_report(figures(daily(THROUGH, october=50.0, november=50.0))))
    silent = figures(daily(date(2026, 11, 10), october=354.0, november=354.0))
    late = figures(daily(date(2026, 11, 13), october=5.0, november=5.19))
    builder.add_unmapped("9" * 12, silent)
    builder.add_unmapped("8" * 12, late)
    rendered = render_admin(builder.build(None))

    for text in (rendered.text, Texts(rendered.html).text):
        unmapped = text.casefold().partition("unmapped accounts")[2]
        assert "no data since 11 nov" in unmapped
        assert "data through 13 nov" in unmapped
    rows = list(csv.DictReader(io.StringIO(rendered.attachments[0].content.decode("utf-8-sig"))))
    by_account = {row["aws_account_id"]: row for row in rows}
    assert (by_account["9" * 12]["data"], by_account["9" * 12]["change_percent"]) == (
        "no data since 11 Nov",
        "-50.0",
    )
    # (67.47 − 65.00) ÷ 65.00
    assert (by_account["8" * 12]["data"], by_account["8" * 12]["change_percent"]) == (
        "data through 13 Nov",
        "3.8",
    )


def test_all_accounts_together_do_not_fall_where_one_is_late() -> None:
    """The missing days of a late account are those of the week before; of a silent one, none."""
    length = len(DaySpan(FIRST, THROUGH))
    late = [*(float(i) for i in range(length - 2)), NAN, NAN]
    silent = [1.0] * (length - 8) + [NAN] * 8
    filled = with_late_days(table(FIRST, series(late, "1"), series(silent, "2")), THROUGH)

    first, second = (list(entry.amounts) for entry in filled.series)
    assert first == [*late[:-2], late[length - 9], late[length - 8]]
    assert second[-9] == 1.0
    assert all(map(math.isnan, second[-8:]))
