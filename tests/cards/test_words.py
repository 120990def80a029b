"""What single cards say, and what they leave out."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bot.handlers.team_files import MAX_EXPORT_BYTES, csv_parts
from cards import general
from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_list
from cards.costs import cost_explanation
from cards.daily_costs import daily_amounts
from cards.elements import (
    bold,
    card,
    execute,
    facts,
    heading,
    note,
    sentence,
    table,
    text,
    words_of,
)
from cards.previews import email_text
from cards.recipients import recipients_card
from cards.runs import run_result
from cards.team_import import import_form
from cards.teams import team_card, team_form
from cards.thresholds import what_if_card
from services.domain import (
    AlertMinimumOffer,
    DayAmount,
    DeliveryState,
    RenderedReport,
    RunState,
    SpanDays,
    StoredConfig,
    WhatIf,
)
from services.domain.formatting import LRM
from services.teams.csv_import import parse_csv
from tests import makers
from tests.cards import examples
from tests.cards.awkward import LEFTWARDS
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, every, news, team
from tests.cards.reading import read
from tests.cards.strict import walk


@pytest.mark.parametrize(
    ("shown", "page", "words"),
    [(10, 1, "1–10 of 23"), (10, 2, "11–20 of 23"), (3, 3, "21–23 of 23")],
)
def test_a_page_of_anomalies_says_which_of_all_it_shows(shown: int, page: int, words: str) -> None:
    lines = examples.lines(ORDINARY, shown)
    made = read(anomaly_list(lines, 23, page, 3, None, sample=False))
    assert words in made
    assert ("[Next]" in made) == (page < 3)
    assert ("[Back]" in made) == (page > 1)


def test_a_list_of_one_page_counts_no_places() -> None:
    made = read(anomaly_list(examples.lines(ORDINARY, 4), 4, 1, 1, None, sample=False))
    assert " of 4" not in made
    assert "4 anomalies" in made


def test_the_sample_source_is_named_once() -> None:
    assert "Source: sample data\n" in read(every()["status of the sample"])
    assert "Source: Datadog, aws.cost.net.amortized\n" in read(every()["status"])


def test_an_answered_alert_says_who_and_when_and_offers_the_way_back() -> None:
    for name in ("expected", "not_an_anomaly", "too_small", "snoozed", "accepted", "planned"):
        made = read(every()[f"alert {name}"])
        assert "Ana Ruiz" in made.split("\n")[0]
        assert "[Reopen] [Explain]" in made
        assert "[Expected]" not in made
    for name in ("expected", "not_an_anomaly", "too_small", "accepted"):
        assert "23 Nov 14:02 UTC" in read(every()[f"alert {name}"]).split("\n")[0]
    assert "or until it doubles" in read(every()["alert snoozed"])
    assert "load test until Friday" in read(every()["alert expected"])
    assert "[Reopen]" not in read(every()["alert ended"])


@pytest.mark.parametrize(
    ("hidden", "alerts", "words"),
    [(1, 1, "the last alert"), (1, 2, "1 of the last 2 alerts"), (2, 2, "2 of the last 2 alerts")],
)
def test_an_offered_alert_minimum_says_what_it_would_have_hidden(
    hidden: int, alerts: int, words: str
) -> None:
    small = examples.answered(ORDINARY, "too_small")
    offer = AlertMinimumOffer(
        current=Decimal(25), amount=Decimal(60), hidden=hidden, alerts=alerts
    )
    made = read(alert_card(news(ORDINARY, small, offer=offer)))
    assert f"It would have hidden {words} for this account." in made


def test_only_what_crossed_a_threshold_or_failed_is_red() -> None:
    calm = ("team quiet, for a viewer", "preview quiet, for a viewer", "explain up", "alert ended")
    for name in (*calm, "alert expected", "costs of a month", "team late", "what if, higher"):
        assert not [one for one in walk(every()[name]) if one.get("color") == "Attention"], name
    for name in ("team up", "preview up", "alert", "status with problems", "form with problems"):
        assert [one for one in walk(every()[name]) if one.get("color") == "Attention"], name


def test_missing_data_is_stated_and_no_zero_is_printed() -> None:
    for name in ("team silent", "preview silent", "explain silent", "costs, none"):
        assert "o AWS cost data" in read(every()[name])
        assert "$0.00" not in read(every()[name])
    for name in ("team silent", "preview silent", "explain silent"):
        assert "Cost 1–8 Nov: $320.00." in read(every()[name])


def test_a_form_keeps_what_was_typed() -> None:
    typed = {"name": HOSTILE.name(), "account": "1", "mail": "x", "admins": "y", "threshold": "z"}
    made = team_form(typed, [("team_email", "is no mail address")], None, 20.0)
    assert {one["id"]: one["value"] for one in walk(made) if one["type"] == "Input.Text"} == typed
    assert "Email is no mail address" in read(made)
    assert "[Save] [Cancel]" in read(made)


def test_pasted_text_is_kept_unless_the_card_could_not_be_sent() -> None:
    kept = import_form("x" * 9_000, "It is wrong.")
    assert "x" * 9_000 in read(kept)
    dropped = read(import_form("界" * 9_000, "It is wrong."))
    assert "too long to show here again" in dropped
    assert "界" not in dropped


def test_addresses_that_a_form_cannot_hold_are_not_lost_by_saving_it() -> None:
    many = StoredConfig(global_admin_emails=tuple(f"{i}@example.org" for i in range(400)))
    made = recipients_card(many, "admin")
    assert not [one for one in walk(made) if one["type"].startswith("Input.")]
    assert "and 370 more" in read(made)
    assert "recipients remove name@example.com" in read(made)


def test_every_part_of_an_export_can_be_imported() -> None:
    known = [
        team(texts, i, anomaly_threshold=12.345678 + i if i % 2 else None)
        for i in range(40)
        for texts in (ORDINARY, HOSTILE, LARGEST)
    ]
    parts = csv_parts(known)
    assert len(parts) > 1
    assert all(len(part.encode()) < MAX_EXPORT_BYTES + 2_000 for part in parts)
    rows = []
    for part in parts:
        found, problems = parse_csv(part.encode())
        assert problems == []
        rows += [one.values for one in found]
    for row, one in zip(rows, known, strict=True):
        assert row["team_name"] == one.team_name.strip()
        assert row["aws_account_id"] == one.aws_account_id
        assert row.get("anomaly_threshold") == one.anomaly_threshold


def test_a_button_saves_the_very_threshold_that_was_looked_at() -> None:
    what_if = WhatIf(
        span=SpanDays(first=date(2026, 8, 23), last=date(2026, 11, 20)),
        currency="EUR",
        threshold=20.0,
        candidate=12.345678,
        min_increase=25.0,
        candidate_min_increase=1234567.5,
        flagged=1,
        candidate_flagged=2,
    )
    made = what_if_card(what_if, None, "admin", sample=False)
    assert made["actions"][0]["data"] == {
        "verb": "threshold.save",
        "value": "12.345678",
        "min": "1234567.5",
    }
    assert "Threshold: 20% to 12.345678%, minimum increase €25.00 to €1,234,567.50" in read(made)


def test_a_run_that_sent_something_does_not_say_that_it_sent_nothing() -> None:
    broken = examples.run(ORDINARY, state=RunState.FAILED, last_error="Datadog is away.")
    assert "No email was sent. Datadog is away." in read(run_result(broken, {}, [], "Ana"))
    sent = {DeliveryState.SENT: 3, DeliveryState.FAILED: 1}
    assert "3 of 4 sent. Datadog is away." in read(run_result(broken, sent, [], "Ana"))


def test_a_month_that_is_past_is_named_and_not_compared_with_this_one() -> None:
    made = read(every()["alert without team and costs"])
    assert "Usage in October 2026: $3,326.14 above the month before" in made
    assert "No team owns this account" in made
    assert "[Explain]" not in made


def test_growth_just_past_a_threshold_does_not_read_as_if_it_were_within() -> None:
    def usage(before: float, now: float) -> str:
        days = [before / 20] * 20 + [0.0] * 11 + [now / 20] * 20
        found = examples.figures(makers.series(days, service="EC2"))
        return read(team_card(examples.report(ORDINARY, found), "viewer"))

    assert "Usage up by just over the 20% threshold" in usage(1000, 1200.3)
    assert "Usage up 20.1%, above the 20% threshold" in usage(1000, 1200.6)
    assert "threshold\n" not in usage(1000, 1199.9).replace("Threshold", "")


def test_the_menu_of_choices_is_cut_and_says_so() -> None:
    choices = [(f"Team {i}", "team", {"team": str(i)}) for i in range(120)]
    made = general.team_choice("team", choices)
    (listing,) = (one for one in walk(made) if one["type"] == "Input.ChoiceSet")
    assert len(listing["choices"]) == 50
    assert "“team” matches 120 teams:" in read(made)
    assert "and 70 more" in read(made)


def test_a_notification_says_the_headline_and_the_notices() -> None:
    late = every()["team late"]["fallbackText"]
    assert late.startswith("SAMPLE DATA. These are not your costs. Data is late:")
    assert late.endswith("Checkout")
    assert every()["alert"]["fallbackText"].endswith("Checkout 012345678901: EC2: $2,262.90")
    hostile = every(HOSTILE)["remove?"]["fallbackText"]
    assert hostile.startswith("Remove <team> & <b>Co</b> *a* **b** _c_ [x](http://evil")
    assert card([note("a"), heading("b"), text("c")])["fallbackText"] == "b"
    assert card([note("a"), text(bold("b"), "c")])["fallbackText"] == "a"
    assert card([], [execute("x", "help")])["fallbackText"] == ""


def test_columns_make_room_for_amounts_that_a_phone_would_break() -> None:
    def widths(amount: str) -> list[int]:
        columns = [("Service", 5, False), ("Change", 4, True), ("1–20 Nov", 4, True)]
        made = table(columns, [["EC2", (amount, "+1.0%"), ("$1.00", "was $1.00")]])
        return [column["width"] for column in made["columns"]]

    assert widths("+$1,234.56") == [18, 12, 12]
    assert widths("+$12,345,678.90") == [15, 15, 12]
    assert widths("+XYZ 123,456,789,012,345.67") == [8, 27, 12]


def test_only_amounts_widen_a_column_as_words_may_wrap() -> None:
    columns = [("Team: driver", 5, False), ("Excess", 4, True), ("Since, status", 4, True)]
    state = ("17 Nov", "not an anomaly, above threshold")
    made = table(columns, [[("Checkout", "EC2"), "$1.00", state]])
    assert [column["width"] for column in made["columns"]] == [18, 12, 12]


def test_addresses_and_names_are_copied_without_invisible_characters() -> None:
    address = "first&last.name@example.org"
    (row,) = facts([("Email", address)])["rows"]
    (run,) = row["cells"][1]["items"][0]["inlines"]
    assert run["text"] == address
    (fact,) = facts([("Setting", "DATADOG_SITE")])["facts"]
    assert fact["value"] == "DATADOG_SITE"
    (bold_run, _) = text(bold(address), " was removed by Ana.")["inlines"]
    assert bold_run["text"] == address
    name = LEFTWARDS.name()
    assert text(name)["text"] == name
    assert f"{name}{LRM} 22%" in text(f"{name} 22%")["text"]


def test_buttons_that_would_not_fit_a_phone_go_behind_the_menu() -> None:
    def in_sight(*titles: str) -> int:
        made = card([], [execute(title, "help") for title in titles])
        return [one.get("mode") for one in made["actions"]].count(None)

    assert in_sight("Expected", "Snooze", "Explain", "Too small") == 3
    assert in_sight("Expected", "Snooze 7 days", "Not an anomaly", "Too small") == 2
    assert in_sight("Not an anomaly", "Too small (admins)", "Too small (admins)") == 2
    assert in_sight("W" * 80, "Help") == 1


def test_a_name_that_a_button_would_cut_off_is_printed_above_it() -> None:
    long, short = "W" * 60, "Checkout, 012345678901"
    choices = [(name, "team", {"team": name}) for name in (long, short)]
    made = read(general.team_choice("x", choices))
    assert f"{long}\n[Choose this team]\n[{short}]" in made


def test_a_currency_stays_with_its_amount_which_can_be_copied_as_it_is() -> None:
    assert text("−CHF 1.00 on")["text"] == "−CHF\u00a01.00 on"
    assert text("−$1.00 (−1.0%)")["text"] == "−$1.00 (−1.0%)"
    assert words_of(text("−$1.00")) == "−$1.00"
    (run,) = text("a*b −€1.00")["inlines"]
    assert run["text"] == "a*b −€1.00"


def test_an_email_on_a_card_has_its_insets_and_only_the_line_ends_that_mean_something() -> None:
    mail = """\
Data is late: complete through 20 Nov, normally 24 Nov. Comparisons stop
there.

* Usage grew in many places at once, which is often a price that has gone
  up.
  Open.
EC2
    +$1.00  +1.0%
"""
    rendered = RenderedReport(subject="x", preheader="x", html="x", text=mail)
    shown = email_text(rendered, [])["body"][-1]["inlines"][0]["text"]
    assert shown.split("\n") == [
        "Data is late: complete through 20 Nov, normally 24 Nov. Comparisons stop there.",
        "",
        "* Usage grew in many places at once, which is often a price that has gone up.",
        "\u00a0\u00a0Open.",
        "EC2",
        "\u00a0\u00a0\u00a0\u00a0+$1.00\u00a0\u00a0+1.0%",
    ]


def test_a_reason_from_outside_ends_before_the_next_sentence_begins() -> None:
    waits = read(every()["run that waits"])
    assert "421 4.3.2 too many connections. No email has been sent" in waits
    assert sentence("Datadog is away.") == "Datadog is away."
    assert sentence("") == ""


def test_a_table_of_four_columns_is_refused() -> None:
    columns = [(name, 1, False) for name in "abcd"]
    with pytest.raises(ValueError, match="three columns"):
        table(columns, [["1", "2", "3", "4"]])


def test_the_chart_leaves_out_days_without_data() -> None:
    made = every()["costs with gaps"]
    (chart,) = (one for one in walk(made) if one["type"] == "Chart.Line")
    assert [len(one["values"]) for one in chart["data"]] == [23, 23, 23]
    assert "2026-10-30" not in str(chart)


def test_the_axis_of_a_chart_has_round_numbers_that_its_lines_fit_between() -> None:
    for name, made in every().items():
        for chart in (one for one in walk(made) if one["type"] == "Chart.Line"):
            amounts = [value["y"] for line in chart["data"] for value in line["values"]]
            low, high = chart["yMin"], chart["yMax"]
            assert low <= min([0, *amounts]), name
            assert max([0, *amounts]) <= high <= 2.5 * max([0.02, *map(abs, amounts)]), name
            assert chart["yAxisTitle"].endswith(" a day"), name
            # At most two digits that are not zero, at each of the four steps of the axis.
            steps = [low + (high - low) * i / 4 for i in range(5)]
            assert all(float(f"{step:.2g}") == pytest.approx(step) for step in steps), name


def test_every_amount_of_a_daily_list_has_its_day() -> None:
    days = [
        DayAmount(
            day=date(2026, 10, 28) + timedelta(days=i), amount=None if i == 1 else Decimal(i)
        )
        for i in range(9)
    ]
    assert daily_amounts(days, "USD") == [
        (
            "Wed 28 Oct $0.00 · Thu 29 no data · Fri 30 $2.00 · Sat 31 $3.00 · Sun 1 Nov $4.00 · "
            "Mon 2 $5.00 · Tue 3 $6.00"
        ),
        "Wed 4 Nov $7.00 · Thu 5 $8.00",
    ]


def test_no_card_has_a_week_as_a_code() -> None:
    for name, made in every().items():
        assert "2026-W" not in read(made).replace("2026-W47.", ""), name


def test_numbers_are_rounded_as_everywhere() -> None:
    excess = Decimal("0.005")
    made = alert_card(news(ORDINARY, examples.anomaly(ORDINARY, excess=excess)))
    assert "$0.01 more than expected since Tue 17 Nov" in read(made)
    assert "No change in total" in read(every()["explain, no change"])
    assert words_of(
        cost_explanation(examples.report(ORDINARY, examples.fresh(ORDINARY)))["body"][1]
    )
