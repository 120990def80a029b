"""Card, mail and explanation print the same figures, and what is printed adds up to the cent."""

import html
import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_list
from cards.costs import cost_explanation, cost_history
from cards.previews import admin_preview, team_preview
from cards.teams import team_card
from services.analysis.figures import account_figures
from services.analysis.threshold import evaluate_threshold
from services.domain import AccountFigures, AnomalyLine, Category, CostSeries, DaySpan, SpanDays
from services.domain.formatting import cents, money, percent_of
from services.mailing.rendering import render_admin, render_team
from services.reports.admin import AdminReportBuilder
from tests import makers
from tests.cards import examples
from tests.cards.examples import NOW, ORDINARY, SPAN, news
from tests.cards.reading import read
from tests.unit.basis import basis_of

D = Decimal
AMOUNT = (
    st.floats(-500, 5000, allow_nan=False) | st.floats(0, 0.02) | st.sampled_from([0.0, 0.005])
)


@st.composite
def random_figures(draw: st.DrawFn) -> AccountFigures:
    """Of a few services that cost so much a day before and so much now, and of other charges."""
    found: list[CostSeries] = []
    for i in range(draw(st.integers(1, 14))):
        before, now = draw(AMOUNT), draw(AMOUNT)
        category = draw(st.sampled_from([Category.USAGE] * 4 + list(Category)))
        amounts = [before if day < date(2026, 11, 1) else now * (day.day % 3) for day in SPAN]
        found.append(makers.series(amounts, service=f"Service {i}", category=category))
    return account_figures(SPAN, found, "USD", SPAN.last, 20.0, 25.0)


def amounts_in(line: str) -> list[Decimal]:
    """The amounts of a line, signed."""
    found = re.findall(r"([+−]?)\$([\d,]+\.\d\d)", line)
    return [D(f"{'-' if sign == '−' else ''}{number.replace(',', '')}") for sign, number in found]


def lines_of(shown: str) -> list[str]:
    return shown.split("\n")


def table(shown: str, head: str) -> list[list[str]]:
    """The rows under a head, up to the next line that is no row of so many cells."""
    lines = lines_of(shown)
    begin = next(i for i, line in enumerate(lines) if line.startswith(head))
    width = lines[begin].count(" | ")
    rows = []
    for line in lines[begin + 1 :]:
        if line.count(" | ") != width:
            break
        rows.append(line.split(" | "))
    return rows


def step(cell: str) -> Decimal:
    """A change as it is printed."""
    first = cell.split(" / ", maxsplit=1)[0]
    return D(0) if first == "no change" else amounts_in(first)[0]


@settings(max_examples=150, deadline=None)
@given(random_figures())
def test_cards_and_email_print_the_same_figures(found: AccountFigures) -> None:
    report = examples.report(ORDINARY, found)
    mail = render_team(report, app_id=None)
    team = lines_of(read(team_card(report, "viewer")))
    preview = lines_of(read(team_preview(report, "viewer")))
    why = read(cost_explanation(report))
    figure, change = team[2], team[3]
    for place in (preview, lines_of(mail.text.replace(f"{figure}, ", f"{figure}\n"))):
        assert figure in place
        assert change in place
    window = next(line for line in team if " vs 1–20 Oct 2026" in line)
    week = next(line for line in team if line.startswith("Last 7 days"))
    for line in (window, week):
        assert line in preview
        assert " ".join(line.split()) in " ".join(mail.text.split())
    this_week, week_before = amounts_in(week.rpartition("(")[0])
    same = this_week == week_before
    share = "no change" if same else percent_of(this_week, week_before)
    assert week.endswith(f" ({share})") or week_before == 0
    crossed = [line.replace(" the ", " your ") for line in team if line.startswith("Usage ")]
    assert crossed == [one for one in preview if "threshold" in one]
    assert all(one in mail.text for one in crossed)
    seen = html.unescape(re.sub(r"<[^>]+>", " ", mail.html))
    assert all(words in seen for words in (figure, change, *crossed))
    # What changed, by subtraction of what is printed.
    now, before = amounts_in(figure)[0], amounts_in(window)[0]
    moved = step(change) if change != "no change" else D(0)
    assert moved == now - before == cents(found.current_total) - cents(found.previous_total)
    assert f"Why costs changed: {change.split(' ')[1]}" in why or change == "no change"
    assert window in why


@settings(max_examples=150, deadline=None)
@given(random_figures())
def test_columns_add_up_to_the_printed_total(found: AccountFigures) -> None:
    report = examples.report(ORDINARY, found)
    words = read(team_preview(report, "viewer"))
    if not found.services:  # as in the email, no heading over nothing
        assert "What changed" not in words
        return
    shown = table(words, "Service | Change")
    for row in shown:
        now, before = amounts_in(row[2])
        assert step(row[1]) == now - before
    *rows, total = shown
    for column in (0, 1):
        assert sum(amounts_in(row[2])[column] for row in rows) == amounts_in(total[2])[column]
    assert sum(step(row[1]) for row in rows) == step(total[1])


@settings(max_examples=150, deadline=None)
@given(random_figures())
def test_an_explanation_leads_from_the_total_before_to_the_total_now(
    found: AccountFigures,
) -> None:
    first, *steps, last = table(read(cost_explanation(examples.report(ORDINARY, found))), "Line |")
    running = amounts_in(first[2])[0]
    assert running == cents(found.previous_total)
    for row in steps:
        running += step(row[1])
        assert running == amounts_in(row[2])[0], row
    assert running == amounts_in(last[2])[0] == cents(found.current_total)


@settings(max_examples=100, deadline=None)
@given(random_figures())
def test_an_alert_prints_the_difference_of_the_usage_it_prints(found: AccountFigures) -> None:
    raised = evaluate_threshold("datadog", "012345678901", found, NOW)
    if raised is None:
        return
    shown = read(alert_card(news(ORDINARY, raised, figures=found)))
    excess = amounts_in(next(line for line in lines_of(shown) if line.startswith("Usage ")))[0]
    now, before = (
        amounts_in(line)[0] for line in lines_of(shown) if re.match(r"1–20 \w+: .* usage$", line)
    )
    assert excess == now - before == cents(raised.excess) == raised.excess
    listed = AnomalyLine(team_name="Checkout", anomaly=raised)
    page = read(anomaly_list([listed], 1, 1, 1, None, sample=False))
    assert money(excess, "USD") in page


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(-9, 999, allow_nan=False), min_size=1, max_size=31))
def test_the_weeks_of_a_history_add_up(days: list[float | None]) -> None:
    span = DaySpan(SPAN.last - timedelta(days=len(days) - 1), SPAN.last)
    series = makers.series([makers.NAN if day is None else day for day in days])
    found = examples.history(ORDINARY, span, series)
    assert found.span == SpanDays(first=span.first, last=span.last)
    shown = read(cost_history(found, "30 days"))
    if all(day is None for day in days):
        assert "No AWS cost data." in shown
        assert "$0.00" not in shown
        return
    *rows, total = table(shown, "Week | Cost")
    known = [amounts_in(row[1])[0] for row in rows if row[1] != "no data"]
    assert sum(known) == amounts_in(total[1])[0] == cents(found.total)
    for (_, before, _), (_, now, change) in pairwise(rows):
        if change:
            assert step(change) == amounts_in(now)[0] - amounts_in(before)[0]
    # The chart's numbers stand in the card inside, each day once and by its name.
    words = [line.partition("Daily costs > ")[2] for line in lines_of(shown)]
    told = [part for line in words for part in line.split(" · ") if re.search(r" \d", part)]
    amounts = ["no data" if one is None else money(D(repr(one)), "USD") for one in days]
    for part, day, amount in zip(told, span, amounts, strict=False):
        month = f" {day:%b}" if f" {day:%b} " in part else ""
        assert part == f"{day:%a} {day.day}{month} {amount}"
    assert len(told) >= len(days)


@settings(max_examples=25, deadline=None)
@given(st.lists(random_figures(), min_size=1, max_size=9))
def test_the_admins_preview_prints_the_emails_figures_and_adds_up(
    found: list[AccountFigures],
) -> None:
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    for i, one in enumerate(found):
        builder.add_team(examples.report(ORDINARY, one, team=examples.team(ORDINARY, i)))
    report = builder.build(None)
    shown = read(admin_preview(report, "viewer"))
    mail = render_admin(report)
    figure, change = lines_of(shown)[2:4]
    assert f"{figure}, {change}" in mail.text
    *rows, total = table(shown, "Team | Change")
    assert len(rows) <= 6
    for row in (*rows, total):
        now, before = amounts_in(row[2])
        assert step(row[1]) == now - before
    for column in (0, 1):
        assert sum(amounts_in(row[2])[column] for row in rows) == amounts_in(total[2])[column]
    assert amounts_in(total[2])[0] == amounts_in(figure)[0]
