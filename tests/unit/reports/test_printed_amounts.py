"""What is printed adds up to what is printed, and percentages are those of printed amounts."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.routes.costs import _response as cost_row_response
from services.analysis.drivers import explained
from services.analysis.figures import account_figures
from services.domain import (
    AccountFigures,
    AdminReport,
    Category,
    CategoryAmounts,
    CostRow,
    CostSeries,
    DaySpan,
)
from services.mailing.rendering import render_admin, render_team
from services.presentation import reasons
from services.presentation.change_rows import category_line
from services.presentation.explanations import masked_words
from services.presentation.phrases import restated_words
from services.reports.admin import AdminReportBuilder
from services.reports.preview_json import admin_preview, team_preview
from services.reports.restatements import restatement_of
from tests.makers import series, team
from tests.unit.basis import basis_of
from tests.unit.mailing.test_emails import team_report

D = Decimal
SPAN = DaySpan(date(2026, 10, 1), date(2026, 11, 20))
NOVEMBER = date(2026, 11, 1)


def two_months(october: float, november: float, **more: Any) -> CostSeries:
    """So much a day in October, so much in November."""
    return series([october if day < NOVEMBER else november for day in SPAN], **more)


def figures(*found: CostSeries) -> AccountFigures:
    return account_figures(SPAN, found, "USD", SPAN.last, 20.0, 25.0)


def preview_of(found: AccountFigures) -> dict[str, Any]:
    report = team_report(found)
    return team_preview(report, render_team(report, app_id=None))


def printed_percent(current: str, previous: str) -> float | None:
    """Of two printed amounts, in exact fractions, half up to one decimal."""
    before = Fraction(previous)
    if before == 0:
        return None
    tenths = (Fraction(current) - before) / abs(before) * 1000
    rounded = int(abs(tenths) + Fraction(1, 2)) * (1 if tenths >= 0 else -1)
    return rounded / 10


@pytest.mark.parametrize(
    ("found", "previous", "percent"),
    [
        # Credits cover October to the cent; what is left is a residue of floating point.
        (
            figures(
                *(two_months(x, x, service=f"S{i}") for i, x in enumerate((0.1, 0.2, 0.3, 11.7))),
                two_months(
                    -(0.3 + 0.3 + 11.7), -12.0, service="Credits", category=Category.CREDIT
                ),
            ),
            "0.00",
            None,
        ),
        # 20 × $0.00012 prints as nothing.
        (figures(two_months(0.00012, 3.0)), "0.00", None),
        # (16.00 − 1.23) ÷ 1.23 = 12.0081, where (16 − 1.2346) ÷ 1.2346 is 11.9597.
        (figures(two_months(0.06173, 0.8)), "1.23", 1200.8),
        (figures(two_months(0.0, 0.0)), "0.00", None),
    ],
    ids=["residue", "fraction of a cent", "rounded", "nothing"],
)
def test_a_percentage_is_worked_out_from_the_printed_amounts(
    found: AccountFigures, previous: str, percent: float | None
) -> None:
    preview = preview_of(found)
    assert preview["previous_total"] == previous
    assert preview["change_percent"] == percent
    if percent is not None:
        assert f"(+{percent:,.1f}%)" in preview["text"]
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    builder.add_team(team_report(found))
    report = builder.build(None)
    admin: Any = admin_preview(report, render_admin(report))
    assert admin["change_percent"] == percent
    assert admin["teams"][0]["change_percent"] == percent


def test_the_split_of_a_change_says_what_usage_moved_as_printed() -> None:
    """36.67 − 2.55 = 34.12; the whole is 45.84 − 3.54 = 42.30, so 8.18 is left for the others."""
    found = explained(
        [
            (Category.USAGE, "EKS", D("2.5535235361"), D("36.6675553882")),
            (Category.TAX, "Tax", D("0.99"), D("9.17")),
        ]
    )
    assert "Usage +$34.12; credits, refunds, tax and fees +$8.18." in reasons(found, "USD")


def test_what_a_total_hides_differs_by_the_printed_change() -> None:
    """1,000.004 → 1,000.005 prints as a cent more; 500.004 up needs 499.99 down beside 500.00."""
    found = explained(
        [
            (Category.USAGE, "A", D("100.000"), D("600.004")),
            (Category.USAGE, "B", D("900.004"), D("400.001")),
        ]
    )
    assert (found.previous, found.current) == (D("1000.004"), D("1000.005"))
    assert masked_words(found, "USD").endswith("$500.00 up, $499.99 down.")


def test_the_line_of_categories_closes_with_rounding_and_keeps_usage() -> None:
    """1.004 + 1.004 = 2.008: printed 1.00 + 1.00 + 0.01 = 2.01."""
    line = category_line(
        [
            CategoryAmounts(category=Category.USAGE, current=D("1.004"), previous=D(0)),
            CategoryAmounts(category=Category.TAX, current=D("1.004"), previous=D(0)),
        ],
        D("2.008"),
        "USD",
    )
    assert line == "Usage $1.00 + tax $1.00 + rounding $0.01"


def test_the_services_of_a_cost_row_add_up_to_its_total() -> None:
    row = CostRow(
        team_id="t",
        aws_account_id="1" * 12,
        day=NOVEMBER,
        currency="USD",
        total=D("2.008"),
        usage=D("2.008"),
        services=(("EC2", D("1.004")), ("S3", D("1.004"))),
    )
    found = cost_row_response(row).model_dump(mode="json")
    assert found["services"] == {"EC2": "1.00", "S3": "1.00", "Rounding": "0.01"}
    assert found["total"] == "2.01"


AMOUNT = st.floats(0, 0.02) | st.floats(-50, 500, allow_nan=False) | st.just(0.0)


@st.composite
def random_figures(draw: st.DrawFn) -> AccountFigures:
    categories = [Category.USAGE] * 3 + list(Category)
    return figures(
        *(
            two_months(
                draw(AMOUNT),
                draw(AMOUNT),
                service=f"Service {i}",
                category=draw(st.sampled_from(categories)),
            )
            for i in range(draw(st.integers(1, 8)))
        )
    )


def sums(entries: Iterable[Any]) -> tuple[Decimal, Decimal]:
    found = list(entries)
    return (
        sum((D(entry["current"]) for entry in found), D(0)),
        sum((D(entry["previous"]) for entry in found), D(0)),
    )


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(D("0.01"), ROUND_HALF_UP)


@settings(max_examples=60, deadline=None)
@given(st.lists(random_figures(), min_size=1, max_size=7))
def test_every_list_of_amounts_adds_up_and_every_percentage_is_of_printed_amounts(
    found: list[AccountFigures],
) -> None:
    report = _admin_report(found)
    rendered = render_admin(report)
    admin: Any = admin_preview(report, rendered)
    total = D(admin["current_total"]), D(admin["previous_total"])
    assert total == (
        rounded(sum((one.current_total for one in found), D(0))),
        rounded(sum((one.previous_total for one in found), D(0))),
    )
    assert sums(admin["services"]) == total
    rows = [*admin["teams"], *admin["unmapped_accounts"], admin["rounding"]]
    assert sums(rows) == sums([*admin["accounts"], admin["rounding"]]) == total
    for line in (*admin["teams"], {**admin, "current": str(total[0]), "previous": str(total[1])}):
        assert line["change_percent"] == printed_percent(line["current"], line["previous"])
    cells = list(csv.DictReader(io.StringIO(rendered.attachments[0].content.decode("utf-8-sig"))))
    assert sums(cells) == total
    assert sum(D(row["change"]) for row in cells) == total[0] - total[1]
    for row in cells:
        if row["change_percent"]:
            expected = printed_percent(row["current"], row["previous"])
            assert float(row["change_percent"]) == expected
    for one in found:
        preview = preview_of(one)
        printed = D(preview["current_total"]), D(preview["previous_total"])
        assert sums(preview["services"]) == sums(preview["accounts"]) == printed
        _check_categories(preview)


def _admin_report(found: list[AccountFigures]) -> AdminReport:
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    for i, one in enumerate(found):
        if i % 3 == 2:
            builder.add_unmapped(f"{i:012d}", one)
        else:
            builder.add_team(team_report(one, team=team(i)))
    return builder.build(None)


def _check_categories(preview: dict[str, Any]) -> None:
    """``Usage $18,612.36 − credits $350.00 + tax $150.00`` is the total, and starts with usage."""
    text = " ".join(preview["text"].split())
    line = re.search(r"Usage (−?\$[\d,.]+)((?: [+−] [a-z]+ \$[\d,]+\.\d\d)+)", text)
    if line is None:
        return
    terms = [D(line[1].replace("−", "-").replace("$", "").replace(",", ""))]
    for sign, amount in re.findall(r"([+−]) [a-z]+ \$([\d,.]+\d)", line[2]):
        terms.append(D(amount.replace(",", "")) * (1 if sign == "+" else -1))
    assert terms[0] == D(preview["usage_current"])
    assert sum(terms) == D(preview["current_total"])


@pytest.mark.parametrize("exact", ["0.045", "0.0149", "0.0051", "0.1549", "0.3349", "0.4949"])
def test_a_total_that_has_not_moved_is_not_restated(exact: str) -> None:
    reported = D(exact).quantize(D("0.01"), ROUND_HALF_UP)
    assert restatement_of(reported, D(exact), SPAN, NOVEMBER) is None


@pytest.mark.parametrize(
    ("reported", "now", "percent"),
    [
        ("50.00", "50.99", None),  # 1.98%, under a dollar
        ("50.00", "51.00", None),  # a dollar, and not more
        ("50.00", "51.01", "2.02"),
        ("50.00", "48.994", "-2.02"),  # prints as 48.99, $1.01 less
        ("50.00", "48.996", None),  # prints as 49.00
        ("500.00", "505.00", None),  # 1%, and not more
        ("500.00", "505.01", "1.002"),
        ("0.00", "9.00", None),
        ("-50.00", "-52.00", "-4"),
    ],
)
def test_a_restatement_moved_by_more_than_one_percent_and_one_unit_as_printed(
    reported: str, now: str, percent: str | None
) -> None:
    found = restatement_of(D(reported), D(now), SPAN, NOVEMBER)
    assert (found and found.percent) == (percent and D(percent))


def test_a_total_reported_as_zero_is_restated_without_a_percentage() -> None:
    """Any move from zero is more than 1% of it, and $9.00 is more than a dollar."""
    found = restatement_of(D("0.00"), D("9.00"), SPAN, NOVEMBER)
    assert found is not None
    words = "is now $9.00; on 1 Nov we reported $0.00."
    assert restated_words(found, "USD").endswith(words)
    assert restatement_of(D("0.00"), D("1.00"), SPAN, NOVEMBER) is None
