"""A name that the API has taken is neutral wherever it goes: card, HTML, text, CSV, log, headers."""

import csv
import io
import json
import logging
import unicodedata
from email import message_from_bytes
from email.policy import compat32, default
from functools import cache

import structlog
from hypothesis import HealthCheck, assume, given, settings
from pydantic import TypeAdapter, ValidationError

from api.requests.fields import NameField
from bot.handlers.team_files import csv_parts
from cards.alerts import alert_card
from cards.teams import team_stored
from services.adapters.logs import Masking
from services.domain import RenderedReport
from services.domain.formatting import FORMULA_STARTS, LRM, neutral
from services.mailing.mime import build_message
from services.mailing.rendering import render_admin, render_team
from services.reports.admin import AdminReportBuilder
from services.teams.csv_import import parse_csv
from tests.api.texts import ANY_TEXT
from tests.cards.examples import ORDINARY, anomaly, news, team
from tests.cards.markdown import seen, texts_of_blocks
from tests.cards.reading import read
from tests.makers import APP_ID, NOW
from tests.unit.basis import basis_of
from tests.unit.mailing.test_emails import (
    SPAN,
    Texts,
    figures,
    grown,
    team_report,
    threshold_anomaly,
)

IN_ITS_OWN_TIME = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""Most of what strangers send is refused as a name; what is left is enough."""
NAME = TypeAdapter[str](NameField)
FOUND = figures(grown(10, 2))
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def taken(typed: str) -> str:
    """The name as it is stored; the example is none when the API refuses it."""
    try:
        return NAME.validate_python(typed)
    except ValidationError as error:
        assert error.errors()[0]["msg"]
        assume(False)
        raise AssertionError("not reached") from error


def mail(name: str) -> RenderedReport:
    report = team_report(
        FOUND, team=team(ORDINARY, team_name=name), anomalies=(threshold_anomaly(),)
    )
    return render_team(report, app_id=APP_ID)


def admin_mail(name: str) -> RenderedReport:
    builder = AdminReportBuilder(basis_of(SPAN.last), {"9" * 12: name})
    named = team(ORDINARY, team_name=name)
    builder.add_team(team_report(FOUND, team=named, anomalies=(threshold_anomaly(),)))
    builder.add_unmapped("9" * 12, figures(grown(3, 1)))
    return render_admin(builder.build(None))


@cache
def structure(kind: str) -> list[str]:
    """The tags of a mail with an ordinary name."""
    return [tag for tag, _ in Texts((mail if kind == "team" else admin_mail)("Name").html).tags]


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_html_has_the_same_elements_whatever_the_name(typed: str) -> None:
    name = taken(typed)
    for kind, rendered in (("team", mail(name)), ("admin", admin_mail(name))):
        shown = Texts(rendered.html)
        assert [tag for tag, _ in shown.tags] == structure(kind)
        assert not any(attr.startswith("on") for _, attrs in shown.tags for attr in attrs)
        assert neutral(name, 60) in shown.text.replace(LRM, "")


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_text_and_subject_are_visible_lines(typed: str) -> None:
    name = taken(typed)
    for rendered in (mail(name), admin_mail(name)):
        for text in (rendered.subject, rendered.preheader, rendered.text.replace("\n", "")):
            shown = text.replace(LRM, "")
            assert not {unicodedata.category(c) for c in shown} & UNSEEN
    begin = "".join(neutral(name, 30).rstrip("…").split())
    text = mail(name).text.replace(LRM, "")
    assert begin in "".join(text.split())  # lines end where they must


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_mail_headers_are_the_same_and_no_more_whatever_the_name(typed: str) -> None:
    rendered = mail(taken(typed))
    raw = build_message(
        message_id="<1.2@example.org>",
        date=NOW,
        sender="costs@example.org",
        recipient="r@example.org",
        rendered=rendered,
    )
    for policy in (default, compat32):
        message = message_from_bytes(raw, policy=policy)
        assert message.keys() == message_from_bytes(_ordinary()).keys()
    subject = str(message_from_bytes(raw, policy=default)["Subject"])
    # Folding a long line may add a space where there is one.
    assert subject.split() == rendered.subject.replace("=?", "= ?").split()


@cache
def _ordinary() -> bytes:
    return build_message(
        message_id="<1.2@example.org>",
        date=NOW,
        sender="costs@example.org",
        recipient="r@example.org",
        rendered=mail("Name"),
    )


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_cards_show_the_name_and_obey_nothing(typed: str) -> None:
    name = taken(typed)
    named = team(ORDINARY, team_name=name)
    stored = team_stored(named, "was added", name, None, 20.0)
    alert = alert_card(news(ORDINARY, anomaly(ORDINARY)).model_copy(update={"team": named}))
    for card in (stored, alert):
        for block in texts_of_blocks(card):
            assert seen(block) == {block}
        text = json.dumps(card, ensure_ascii=False)
        assert not {unicodedata.category(c) for c in text} & (UNSEEN - {"Cf"})
        assert "\u202e" not in text
    assert neutral(name, 60) in read(stored)


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_no_cell_of_a_csv_is_a_formula_and_an_export_can_be_imported(typed: str) -> None:
    name = taken(typed)
    (attached,) = admin_mail(name).attachments
    rows = list(csv.reader(io.StringIO(attached.content.decode("utf-8-sig"), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == 3
    # Amounts may begin with a minus; what came from outside begins with none of these.
    assert not any(cell.startswith(FORMULA_STARTS) for row in rows for cell in row[:2])

    exported = "".join(csv_parts([team(ORDINARY, team_name=name)]))
    ((row,), problems) = parse_csv(exported.encode())
    assert problems == []
    assert row.values["team_name"] == name


@IN_ITS_OWN_TIME
@given(ANY_TEXT)
def test_a_line_of_the_log_stays_one_line_of_visible_characters(typed: str) -> None:
    masking = Masking([], keep_lines=False)
    event = masking(logging.getLogger(), "info", {"event": "x", "name": typed, "list": [typed]})
    line = str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "info", event))
    assert len(line.splitlines()) == 1
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Zl", "Zp"}
    assert not {"\u202e", "\u200b", "\u2066", "\ufeff"} & set(line)
    assert json.loads(line)["event"] == "x"
