"""The mails themselves: every figure is there, columns add up, nothing from outside is markup."""

import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from services.analysis.figures import account_figures
from services.domain import (
    AccountFigures,
    Anomaly,
    AnomalyLine,
    Category,
    CostSeries,
    DaySpan,
    DeliveryRecap,
    RenderedReport,
    Restatement,
    TeamReport,
)
from services.domain.formatting import cents, money
from services.mailing.rendering import render_admin, render_team
from services.reports.admin import AdminReportBuilder
from services.reports.preview_json import team_preview
from tests.makers import APP_ID, NAN, NOW, series, team
from tests.unit.basis import basis_of

SPAN = DaySpan(date(2026, 10, 1), date(2026, 11, 21))
NASTY = "<script>alert(1)</script> \"&' [x](http://evil) \u202e **b**"


class Texts(HTMLParser):
    """What a reader sees, cell by cell; and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._style:
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def steady(level: float, **more: Any) -> CostSeries:
    return series([level] * len(SPAN), **more)


def grown(level: float, factor: float, **more: Any) -> CostSeries:
    return series([level] * 31 + [level * factor] * 21, **more)


def figures(*found: CostSeries, through: date = SPAN.last) -> AccountFigures:
    return account_figures(SPAN, found, "USD", through, 20.0, 25.0)


def team_report(found: AccountFigures, **more: Any) -> TeamReport:
    values: dict[str, Any] = {
        "team": team(1, team_name="Checkout"),
        "figures": found,
        "expected_through": SPAN.last,
        "source_title": "Datadog",
        "metric": "net amortized",
        "period": "2026-W48",
        "made_at": NOW,
    }
    return TeamReport(**{**values, **more})


def threshold_anomaly(excess: str = "105.00", service: str = "EC2") -> Anomaly:
    return Anomaly(
        id="a",
        kind="threshold",
        source="datadog",
        account_id="1" * 12,
        service=service,
        start=date(2026, 11, 1),
        excess=Decimal(excess),
        raised_at=NOW,
        updated_at=NOW,
    )


def dollars(text: str) -> list[Decimal]:
    return [
        Decimal(found.replace("$", "").replace(",", "").replace("−", "-").replace("+", ""))
        for found in re.findall(r"[−+]?\$[\d,]+\.\d\d", text)
    ]


def columns_of(rendered: RenderedReport) -> tuple[list[list[Decimal]], list[Decimal]]:
    """(change, current, previous) of each row and of the total row of the plain text's table."""
    lines = rendered.text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.lower().startswith("what changed"))
    rows: list[list[Decimal]] = []
    for name, line in pairwise(lines[first + 1 :]):
        if len(amounts := dollars(line)) == 3:
            if name == "Total":
                return rows, amounts
            rows.append(amounts)
    raise AssertionError(rendered.text)


def test_the_columns_of_a_teams_email_add_up_to_what_it_prints() -> None:
    services = [grown(1.333 + i, 1 + i / 7, service=f"Service {i:02d}") for i in range(14)]
    found = figures(*services, steady(-0.37, service="Credits", category=Category.CREDIT))
    rendered = render_team(team_report(found), app_id=APP_ID)

    rows, total = columns_of(rendered)

    assert len(rows) == 11
    assert "5 other services" in rendered.text
    change, current, previous = (sum(row[i] for row in rows) for i in range(3))
    assert [change, current, previous] == total
    assert total[1:] == [cents(found.current_total), cents(found.previous_total)]
    html = Texts(rendered.html).text
    for row in rows:
        assert money(row[0], "USD") in html
        assert money(row[1], "USD") in html
        assert money(row[2], "USD") in html


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (figures(steady(10)), "no unusual change"),
        (figures(grown(10, 1.5)), "up $105"),
        (figures(grown(100, 0.5)), "down"),
        (figures(series([NAN] * 31 + [20.0] * 21)), "new spend $420"),
    ],
    ids=["quiet", "up", "down", "new"],
)
def test_the_subject_says_what_happened(found: AccountFigures, words: str) -> None:
    rendered = render_team(team_report(found), app_id=APP_ID)
    assert words in rendered.subject
    assert "Checkout" in rendered.subject
    assert len(rendered.subject) <= 150


def risen_week(before: float, last: float) -> CostSeries:
    """$100 a day in October, $120 in the first week of November, then these in the next two."""
    return series([100.0] * 31 + [120.0] * 7 + [before] * 7 + [last] * 7)


def test_a_large_rise_of_the_last_days_is_never_called_usual() -> None:
    rendered = render_team(team_report(figures(risen_week(76, 110))), app_id=None)
    # 7 × $110 = $770 after 7 × $76 = $532: $238 more, or 44.7%. The month is up by 2%.
    assert rendered.subject.endswith("up $238 (44.7%) in the last 7 days")
    assert "+44.7%" in rendered.text
    for text in (rendered.subject, rendered.preheader, rendered.text, rendered.html):
        assert "unusual" not in text.casefold()

    # 7 × $110 after 7 × $92: $126 more, or 19.6%, which is below the threshold of 20%.
    calm = render_team(team_report(figures(risen_week(92, 110))), app_id=None)
    assert "no unusual change" in calm.subject


def test_the_admins_are_not_told_that_nothing_is_unusual_while_a_team_rises() -> None:
    report = calm_report((1, figures(risen_week(76, 110))), (2, figures(steady(10))))
    rendered = render_admin(report)
    assert rendered.subject.endswith("1 team up in the last 7 days")
    assert "unusual" not in rendered.text.casefold()


def test_a_learned_account_is_not_judged_before_enough_is_known() -> None:
    report = team_report(figures(steady(10)), learning="12 of 35 days")
    learning = report.model_copy(
        update={"figures": report.figures.model_copy(update={"learning_day": 12})}
    )
    unchecked = report.model_copy(update={"learning": "", "has_detected": False})
    assert "learning, 12 of 35 days" in render_team(learning, app_id=None).subject
    for found in (learning, unchecked):
        rendered = render_team(found, app_id=None)
        assert "unusual" not in rendered.text.casefold() + rendered.subject.casefold()


def test_a_crossed_threshold_is_stated_in_words_and_money() -> None:
    report = team_report(figures(grown(10, 1.5)), anomalies=(threshold_anomaly(),))
    rendered = render_team(report, app_id=APP_ID)
    for text in (rendered.text, Texts(rendered.html).text):
        assert "Usage up 50.0%, above your 20% threshold" in text
        assert "$315.00" in text
        assert "+$105.00" in text
        assert "EC2 grew the most" in text


@pytest.mark.parametrize(("kind", "explained"), [("shift", True), ("threshold", False)])
def test_the_mark_of_days_with_an_open_event_is_explained_where_it_is_used(
    kind: str, explained: bool
) -> None:
    event = threshold_anomaly().model_copy(update={"kind": kind, "start": date(2026, 11, 20)})
    rendered = render_team(team_report(figures(grown(10, 1.5)), anomalies=(event,)), app_id=APP_ID)
    for text in (rendered.text, Texts(rendered.html).text):
        assert ("▲ $15.00" in text) == explained
        assert ("▲ marks days since an open anomaly began." in text) == explained


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (team_report(figures(steady(10)), sample=True), "sample"),
        (
            team_report(
                figures(steady(10), through=date(2026, 11, 18)),
            ),
            "18 Nov",
        ),
        (
            team_report(
                figures(steady(10)),
                restatement=Restatement(
                    label="October",
                    reported_on=date(2026, 11, 2),
                    reported=Decimal(100),
                    now=Decimal(103),
                    percent=Decimal(3),
                ),
            ),
            "October",
        ),
        (team_report(figures()), "no AWS cost data"),
    ],
    ids=["sample", "late", "restated", "silent"],
)
def test_a_state_is_stated(report: TeamReport, words: str) -> None:
    rendered = render_team(report, app_id=APP_ID)
    assert words.lower() in rendered.text.lower()
    assert words.lower() in Texts(rendered.html).text.lower()
    if report.sample:
        assert "SAMPLE" in rendered.subject


def test_text_from_outside_is_shown_and_never_obeyed() -> None:
    found = figures(grown(10, 2, service=NASTY))
    report = team_report(
        found,
        team=team(1, team_name=NASTY[:200]),
        anomalies=(threshold_anomaly(service=NASTY),),
    )
    rendered = render_team(report, app_id=APP_ID)
    seen = Texts(rendered.html)
    assert "script" not in {tag for tag, _ in seen.tags}
    assert not any(name.startswith("on") for _, attrs in seen.tags for name in attrs)
    assert "<script>alert(1)</script>" in seen.text
    assert "\u202e" not in rendered.html + rendered.text + rendered.subject
    assert "\n" not in rendered.subject


def test_emails_need_no_network_no_script_and_stand_without_their_style_block() -> None:
    rendered = render_team(team_report(figures(grown(10, 1.5))), app_id=APP_ID)
    seen = Texts(rendered.html)
    tags = {tag for tag, _ in seen.tags}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "form", "svg", "input", "button"})
    without_links = re.sub(r'<a [^>]*href="https://teams[^"]*"', "", rendered.html)
    assert "http" not in without_links.replace("http-equiv", "")
    assert "url(" not in rendered.html
    assert 'lang="en"' in rendered.html


def admin_report(teams: int, accounts: int = 0) -> Any:
    basis = basis_of(SPAN.last)
    builder = AdminReportBuilder(
        basis, {f"{9 * 10**11 + i}": f"acct-{i}" for i in range(accounts)}
    )
    for i in range(teams):
        found = figures(
            grown(1 + i / 3, 0.4 + (i % 17) / 8, service=f"Service {i % 30}"),
            steady(0.5, service="Tax", category=Category.TAX),
        )
        anomalies = (threshold_anomaly(),) if found.breach else ()
        name = "=cmd()" if i == 0 else f"Team with quite a long name {i:05d}"
        builder.add_team(team_report(found, team=team(i, team_name=name), anomalies=anomalies))
    for i in range(accounts):
        builder.add_unmapped(f"{9 * 10**11 + i}", figures(steady(2)))
    return builder.build(None)


def test_the_admins_csv_has_every_team_and_adds_up() -> None:
    report = admin_report(40, accounts=3)
    rendered = render_admin(report)
    (attached,) = rendered.attachments
    rows = list(csv.DictReader(io.StringIO(attached.content.decode("utf-8-sig"))))
    assert len([row for row in rows if row["team_name"] != "Rounding"]) == 43
    assert rows[0]["aws_account_id"].isdigit()
    assert {row["team_name"] for row in rows} >= {"'=cmd()"}
    for column, total in (("current", report.current_total), ("previous", report.previous_total)):
        assert sum(Decimal(row[column]) for row in rows) == cents(total)
    for row in rows:
        assert Decimal(row["current"]) - Decimal(row["previous"]) == Decimal(row["change"])


@pytest.mark.parametrize("teams", [84, 3_000])
def test_the_largest_emails_stay_below_90_kb(teams: int) -> None:
    rendered = render_admin(admin_report(teams, accounts=teams // 10))
    assert len(rendered.html.encode()) < 90_000
    assert len(rendered.text.encode()) < 90_000
    one = render_team(
        team_report(
            figures(*(grown(3 + i, 1.3, service=f"Service {i} {'x' * 80}") for i in range(300)))
        ),
        app_id=APP_ID,
    )
    assert len(one.html.encode()) < 90_000


def test_the_admins_email_lists_what_needs_a_look() -> None:
    report = admin_report(84, accounts=2)
    rendered = render_admin(report)
    seen = Texts(rendered.html).text
    assert money(report.current_total, "USD") in seen
    assert money(report.current_total, "USD") in rendered.text
    assert "acct-1" in seen
    assert "acct-1" in rendered.text
    above = [line for line in report.teams if line.above_threshold]
    assert str(len(above)) in rendered.subject
    assert isinstance(report.anomalies[0], AnomalyLine)


def calm_report(*teams: tuple[int, Any], unmapped: Any = None) -> Any:
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    for number, found in teams:
        builder.add_team(team_report(found, team=team(number), anomalies=()))
    if unmapped is not None:
        builder.add_unmapped("9" * 12, unmapped)
    return builder.build(None)


def test_nothing_is_called_usual_when_all_accounts_together_moved_too_far() -> None:
    calm = calm_report((1, figures(steady(10))), unmapped=figures(steady(10)))
    assert "nothing unusual" in render_admin(calm).subject

    found = calm_report((1, figures(steady(10))), unmapped=figures(grown(10, 3)))
    rendered = render_admin(found)
    assert rendered.subject.startswith("AWS costs: up $")
    assert "unusual" not in rendered.html + rendered.text

    lower = calm_report((1, figures(steady(10))), unmapped=figures(grown(10, 0.3)))
    assert render_admin(lower).subject.startswith("AWS costs: down $")

    first = calm_report((1, figures(grown(0, 1))), unmapped=figures(steady(0)))
    assert "nothing unusual" in render_admin(first).subject


def test_movers_have_moved_and_the_others_are_one_line() -> None:
    silent = figures()
    report = calm_report((1, figures(grown(10, 1.1))), (2, figures(steady(3))), (3, silent))
    movers = render_admin(report).text.partition("MOVERS")[2].partition("Total")[0]
    assert "Team 1" in movers
    assert "2 other teams" in movers
    assert "Team 2" not in movers
    assert "Team 3" not in movers

    still = calm_report((2, figures(steady(3))), (3, silent))
    movers = render_admin(still).text.partition("MOVERS")[2].partition("Total")[0]
    assert "2 teams" in movers
    assert "Team" not in movers


def test_a_closed_month_is_named_as_such() -> None:
    span = DaySpan(date(2026, 9, 1), date(2026, 11, 2))
    found = account_figures(span, [series([1.0] * len(span))], "USD", span.last, 20.0, 25.0)
    rendered = render_team(team_report(found, expected_through=span.last), app_id=APP_ID)
    assert "October" in rendered.text
    assert "September" in rendered.text
    assert (span.last - timedelta(days=1)).day == 1


def test_services_have_the_names_that_people_use_and_rest_has_the_sources() -> None:
    found = figures(
        grown(100.0, 3.0, service="rds"),
        grown(50.0, 3.0, service="AWSDataTransfer"),
        steady(5.0, service="amazon-thing"),
    )
    anomaly = threshold_anomaly(service="rds").model_copy(
        update={
            "kind": "shift",
            "shares": (("rds", Decimal(70)), ("AWSDataTransfer", Decimal(35))),
        }
    )
    report = team_report(found, anomalies=(anomaly,))
    rendered = render_team(report, app_id=APP_ID)
    assert rendered.subject.startswith("Checkout: RDS $70.00 over expected")
    assert "mostly RDS and Data Transfer" in Texts(rendered.html).text
    assert "RDS accounts for 67% of the increase" in rendered.text
    assert "By service: RDS 67%, Data Transfer 33%" in " ".join(rendered.text.split())
    assert "amazon-thing" in rendered.text
    assert not re.search(r"\brds\b|AWSDataTransfer|awsdatatransfer", rendered.text + rendered.html)
    services = team_preview(report, rendered)["services"]
    assert isinstance(services, list)
    assert [service["name"] for service in services] == ["rds", "AWSDataTransfer", "amazon-thing"]


def test_a_service_with_two_codes_has_two_lines_that_can_be_told_apart() -> None:
    both = (grown(200.0, 1.05, service="AmazonEC2"), grown(90.0, 1.1, service="ec2"))
    found = figures(*both, grown(10.0, 9.0, service="s3"))
    rendered = render_team(team_report(found), app_id=APP_ID)
    lines = rendered.text.splitlines()
    assert {"EC2 (AmazonEC2)", "EC2 (ec2)", "S3"} <= set(lines)
    assert lines.count("EC2") == 0
    rows, (change, current, previous) = columns_of(rendered)
    assert [sum(column) for column in zip(*rows, strict=True)] == [change, current, previous]


def test_people_read_the_week_by_its_first_day_and_only_admins_how_forecasts_did() -> None:
    report = team_report(figures(grown(10.0, 2.0)))
    rendered = render_team(report, app_id=APP_ID)
    for text in (rendered.subject, rendered.text, rendered.html):
        assert "2026-W" not in text
        assert not re.search(r"were off by|inside the range|within their range", text)
    assert "Report for the week of 23 Nov, created " in rendered.text
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    builder.add_team(report)
    admins = render_admin(builder.build(DeliveryRecap(period="2026-W47", sent=3)))
    for text in (admins.subject, admins.text, admins.html):
        assert "2026-W" not in text
    assert "Week of 16 Nov: 3 sent, 0 failed" in admins.text


def links_of(rendered: RenderedReport) -> list[str]:
    tags = Texts(rendered.html).tags
    return [str(attributes["href"]) for tag, attributes in tags if tag == "a"]


def test_a_teams_email_says_how_to_answer_in_teams_and_whom_to_ask() -> None:
    report = team_report(
        figures(grown(10.0, 2.0)),
        team=team(1, team_name="R&D Süd"),
        anomalies=(threshold_anomaly(),),
        contacts=("costs@example.org", "cfo@example.org"),
    )
    rendered = render_team(report, app_id=APP_ID)
    chat = f"https://teams.microsoft.com/l/chat/0/0?users=28:{APP_ID}&message="
    links = [f"{chat}anomalies%20R%26D%20S%C3%BCd", f"{chat}explain%20R%26D%20S%C3%BCd"]
    assert links_of(rendered) == links
    for text in (Texts(rendered.html).text, " ".join(rendered.text.split())):
        assert "To answer the 1 open anomaly (expected, not an anomaly, or snooze)" in text
        assert "In Teams, write: anomalies R&D Süd" in text
        assert "In Teams, write: explain R&D Süd" in text
        assert "Ask your AWS cost admins: costs@example.org and cfo@example.org." in text
    assert "https://" not in rendered.text  # the words are enough, and no address is broken off


def test_without_an_app_a_teams_email_has_the_words_to_write() -> None:
    rendered = render_team(team_report(figures(steady(10.0))), app_id=None)
    assert links_of(rendered) == []
    assert "https://" not in rendered.text
    assert "In Teams, write: explain Checkout" in rendered.text
    assert "To answer" not in rendered.text
    assert "Questions? Ask your AWS cost admins." in rendered.text


def test_a_team_without_data_has_nothing_to_explain_but_somebody_to_ask() -> None:
    silent = account_figures(SPAN, [], "USD", SPAN.last, 20.0, 25.0)
    report = team_report(silent, contacts=tuple(f"a{i}@example.org" for i in range(5)))
    rendered = render_team(report, app_id=APP_ID)
    assert links_of(rendered) == []
    words = "a0@example.org, a1@example.org, a2@example.org and 2 more."
    assert f"Ask your AWS cost admins: {words}" in " ".join(rendered.text.split())


def test_a_breach_of_two_closed_months_is_dated_by_its_month() -> None:
    """Data through 2 Nov compares October with September: nothing is open "this month"."""
    span = DaySpan(date(2026, 9, 1), date(2026, 11, 2))
    amounts = [10.0] * 30 + [20.0] * 33
    found = account_figures(span, [series(amounts)], "USD", span.last, 20.0, 25.0)
    report = team_report(found, anomalies=(threshold_anomaly("320.00"),))
    text = " ".join(render_team(report, app_id=None).text.split())
    # 31 × $20 − 30 × $10
    assert (
        "Usage is $320.00 above September; EC2 grew the most. Above the threshold in Oct" in text
    )
    assert "this month" not in text
