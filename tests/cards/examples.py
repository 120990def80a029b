"""Every card in every state, by name: for the oracles, the golden texts and the gallery.

The same collection is made with different texts from outside: ordinary ones, such as try to be
markup, and the largest that can come.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from bot.commands import help_lines
from bot.handlers.team_files import csv_parts
from cards import general
from cards.alert_buttons import Audience
from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_digest, anomaly_list
from cards.audit_trail import AuditLine, audit_trail
from cards.conversations import alert_conversations, alerts_on
from cards.costs import cost_explanation, cost_history
from cards.elements import Element
from cards.field_names import setting_errors
from cards.planned_changes import planned_change_added
from cards.previews import admin_preview, email_text, team_preview
from cards.recipients import recipients_card
from cards.roles import admin_list, whoami_card
from cards.runs import run_details, run_progress, run_result, run_trouble, send_question
from cards.schedule import schedule_card, schedule_saved
from cards.status import StatusFacts, status_card
from cards.team_import import import_done, import_form, import_question, team_export
from cards.teams import remove_question, team_card, team_form, team_list, team_removed, team_stored
from cards.thresholds import thresholds_card, what_if_card
from services.analysis.figures import account_figures
from services.analysis.history import daily, day_amounts, largest_services, total, weeks
from services.domain import (
    AccountFigures,
    Actor,
    AdminEntry,
    AdminReport,
    AlertMinimum,
    AlertMinimumOffer,
    AlertRecord,
    Anomaly,
    AnomalyContent,
    AnomalyLine,
    AnomalyStatus,
    AuditEntry,
    Category,
    Conversation,
    CostHistory,
    CostSeries,
    DaySpan,
    Delivery,
    DeliveryRecap,
    DeliveryState,
    DigestContent,
    Forecast,
    HistoryProgress,
    MonthForecast,
    Person,
    PlannedChange,
    Resolution,
    Restatement,
    Run,
    RunContent,
    RunKind,
    RunState,
    SpanDays,
    StoredConfig,
    Team,
    TeamReport,
    TrackRecord,
    WhatIf,
    WhatIfEvent,
)
from services.domain.schedule import next_slots
from services.mailing.rendering import render_admin, render_team
from services.reports.admin import AdminReportBuilder
from services.reports.basis import AdminOutlook
from services.teams import Namesakes
from tests import makers
from tests.makers import APP_ID
from tests.unit.basis import basis_of

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
SPAN = DaySpan(date(2026, 10, 1), date(2026, 11, 20))
OCTOBER = 31


@dataclass(frozen=True, slots=True)
class Texts:
    """What comes from outside."""

    names: tuple[str, ...]
    services: tuple[str, ...]
    mails: tuple[str, ...]
    person: str
    reason: str
    """Of people."""
    error: str
    """Of outside systems."""
    typed: str
    scale: int = 1
    """How many times as many of everything as on an ordinary day."""
    ordinary: bool = False

    def says(self, words: str) -> str:
        """What an outside system or a check says: these words, or such as put a card to the test."""
        return words if self.ordinary else self.error

    def name(self, i: int = 0) -> str:
        return self.names[i % len(self.names)]

    @property
    def mail(self) -> str:
        return self.mails[0]

    def service(self, i: int = 0) -> str:
        return self.services[i % len(self.services)]


REFUSED = "Datadog refused the key (403). No costs were read. Check the keys, then write status."
MARKUP = (
    "<team> & <b>Co</b> *a* **b** _c_ [x](http://evil.example) `d` &nbsp; {{DATE(2026-11-20T00:00:00Z)}}",
    "1. <at>Ana</at> \u202eoverride\u202c http://evil.example <!-- c -->",
    "# ~~x~~ | ![i](data:x) \\*e\\* ]] )- q",
    "- <https://evil.example> www.evil.example ===m===",
)
ORDINARY = Texts(
    names=("Checkout", "Payments", "Search", "Data Platform", "Mobile iOS"),
    services=("EC2", "Bedrock", "RDS", "S3", "CloudFront", "Lambda", "EKS", "DynamoDB", "SQS"),
    mails=(
        "checkout@example.org",
        "payments@example.org",
        "search@example.org",
        "data-platform@example.org",
        "mobile@example.org",
    ),
    person="Ana Ruiz",
    reason="load test until Friday",
    error="550 5.2.2 mailbox full",
    typed="check",
    ordinary=True,
)
HOSTILE = Texts(
    names=MARKUP,
    services=MARKUP,
    mails=("a_b_*c*+<x>@example.org",),
    person="<at>Kim</at> [Ito](http://evil.example)",
    reason="<script>alert(1)</script> see [this](http://evil.example) *now* {{TIME(2026-11-20T00:00:00Z)}}",
    error="<script>alert(1)</script> see [this](http://evil.example) *now* {{TIME(2026-11-20T00:00:00Z)}}",
    typed="**<b>**",
)
LONG = "Zürich–Oerlikon Überwachungsplattform für Rechnungen №"
LARGEST = Texts(
    names=(f"{LONG} 12345", "界" * 60, "W" * 60, "a_b" * 20),
    services=tuple(
        f"Amazon Elastic Compute Cloud – Dedicated Hosts, Zone {i} …" for i in range(60)
    ),
    mails=(f"{'finanzen-und-abrechnung' * 2}@abteilung.{'x' * 40}.example.org",),
    person="Dr. Maximiliane Freifrau von und zu Hohenstein-Württemberg",
    reason="Der Server antwortet nicht; die Verbindung wurde getrennt (№ 4711). " * 5,
    error="Der Server antwortet nicht; die Verbindung wurde getrennt (№ 4711). " * 5,
    typed="Überwachungsplattform",
    scale=25,
)


# Costs


def _series(
    service: str, level: float, grown: float = 1.0, category: Category = Category.USAGE
) -> CostSeries:
    """So much a day with its week, and from the 17th of November on so many times as much."""
    amounts = [
        level
        * (1 + 0.04 * math.sin(i * 0.9))
        * (0.8 if day.weekday() > 4 else 1)
        * (grown if day >= date(2026, 11, 17) else 1)
        for i, day in enumerate(SPAN)
    ]
    return makers.series(amounts, service=service, category=category)


def _new(service: str, level: float) -> CostSeries:
    amounts = [level if day >= date(2026, 11, 3) else math.nan for day in SPAN]
    return makers.series(amounts, service=service)


def figures(*series: CostSeries, span: DaySpan = SPAN) -> AccountFigures:
    return account_figures(span, series, "USD", span.last, 20.0, 25.0)


def up(texts: Texts) -> AccountFigures:
    """Grown past the threshold, with credits, tax and many services."""
    others = [_series(texts.service(i), 11.7 / i, 1.02) for i in range(2, 9 * texts.scale)]
    return figures(
        _series(texts.service(0), 271.31, 3.1),
        _new(texts.service(1), 56.67),
        *others,
        _series("Credits", -17.5, category=Category.CREDIT),
        _series("Tax", 7.5, category=Category.TAX),
    )


def down(texts: Texts) -> AccountFigures:
    return figures(_series(texts.service(0), 190.2, 0.02), _series(texts.service(1), 10.4))


def quiet(texts: Texts) -> AccountFigures:
    return figures(*(_series(texts.service(i), 40.4 / (i + 1)) for i in range(6)))


def fresh(texts: Texts) -> AccountFigures:
    return figures(_new(texts.service(0), 61.1))


def silent() -> AccountFigures:
    amounts = [40.0 if day < date(2026, 11, 9) else math.nan for day in SPAN]
    return figures(makers.series(amounts))


def closed_months(texts: Texts) -> AccountFigures:
    span = DaySpan(date(2026, 9, 1), date(2026, 11, 2))
    amounts = [9.5 if day < date(2026, 10, 1) else 12.75 for day in span]
    return figures(makers.series(amounts, service=texts.service(0)), span=span)


def history(texts: Texts, span: DaySpan, *series: CostSeries) -> CostHistory:
    totals = daily(span, series)
    return CostHistory(
        team=team(texts),
        span=SpanDays(first=span.first, last=span.last),
        currency="USD",
        data_through=span.last,
        days=day_amounts(span, totals),
        services=largest_services(span, series),
        weeks=weeks(span, totals),
        total=total(span, totals),
        metric="net amortized",
        sample=True,
    )


def _cut(series: CostSeries, span: DaySpan, *, gap: bool = False) -> CostSeries:
    begin = SPAN.index(span.first)
    amounts = list(series.amounts[begin : begin + len(span)])
    if gap:
        amounts[7:14] = [math.nan] * 7
    return makers.series(amounts, service=series.service)


# Teams, reports, anomalies, runs


def addresses(texts: Texts, number: int) -> tuple[str, ...]:
    """Different ones, as the same is never stored twice."""
    return tuple(f"lead{i or ''}.{texts.mail}" for i in range(number))


def team(texts: Texts, i: int = 0, **more: Any) -> Team:
    values = {
        "team_name": texts.name(i)[:60],
        "aws_account_id": f"{12345678901 + i:012d}",
        "team_email": texts.mails[i % len(texts.mails)],
        "admin_emails": addresses(texts, min(texts.scale * 2, 10)),
    }
    return makers.team(i, **{**values, **more})


def report(texts: Texts, found: AccountFigures, **more: Any) -> TeamReport:
    values: dict[str, Any] = {
        "team": team(texts),
        "figures": found,
        "expected_through": found.data_through,
        "source_title": "Datadog",
        "metric": "net amortized",
        "period": "2026-W48",
        "made_at": NOW,
    }
    return TeamReport(**{**values, **more})


def anomaly(texts: Texts, i: int = 0, **more: Any) -> Anomaly:
    values: dict[str, Any] = {
        "id": f"spike-{i}",
        "kind": "spike",
        "source": "datadog",
        "account_id": f"{12345678901 + i:012d}",
        "service": texts.service(i),
        "start": date(2026, 11, 17),
        "excess": Decimal("2262.90") / (i + 1),
        "raised_at": NOW - timedelta(days=4),
        "updated_at": NOW,
    }
    values |= more
    if values["kind"] != "threshold":  # of its driver alone, unless a test says otherwise
        alone = ((values["service"], values["excess"]),)
        values = {"shares": alone, "driver_usage": values.get("usage"), **values}
    return Anomaly(**values)


def answered(texts: Texts, status: str, **more: Any) -> Anomaly:
    answer = Resolution(by=texts.person, by_id="a", at=NOW, **more)
    return anomaly(texts, status=status, answer=answer)


def threshold_anomaly(found: AccountFigures, texts: Texts, **more: Any) -> Anomaly:
    assert found.breach is not None
    values = {
        "id": "threshold-datadog-012345678901-2026-11",
        "kind": "threshold",
        "start": date(2026, 11, 1),
        "excess": found.breach.excess,
    }
    return anomaly(texts, **{**values, **more})


def news(texts: Texts, about: Anomaly, **more: Any) -> AnomalyContent:
    values: dict[str, Any] = {"anomaly": about, "team": team(texts), "figures": up(texts)}
    return AnomalyContent(**{**values, **more})


def lines(texts: Texts, number: int) -> list[AnomalyLine]:
    states = ("open", "open", "snoozed", "expected", "not_an_anomaly", "accepted", "ended")
    return [
        AnomalyLine(
            team_name=texts.name(i),
            anomaly=anomaly(texts, i, status=states[i % 7]),
            above_threshold=i == 1,
        )
        for i in range(number)
    ]


def record() -> TrackRecord:
    """How six forecasts came out."""
    months = [
        MonthForecast(
            Forecast(
                month=f"2026-{n:02}",
                amount=Decimal(9800 + 40 * n),
                low=Decimal(9400),
                high=Decimal(10300),
            ),
            Decimal(10000 + (800 if n == 7 else 0)),
        )
        for n in range(10, 4, -1)
    ]
    return TrackRecord(tuple(months))


def outlook() -> AdminOutlook:
    """What the admins' report says beyond the window."""
    statuses: tuple[tuple[AnomalyStatus, int], ...] = (
        *(("open", 1), ("expected", 9), ("accepted", 3), ("not_an_anomaly", 2), ("too_small", 2)),
    )
    return AdminOutlook(
        forecast=Forecast(
            month="2026-11",
            amount=Decimal(612300),
            low=Decimal(598100),
            high=Decimal(627900),
        ),
        forecast_record=record(),
        alert_record=AlertRecord(days=90, statuses=statuses, median_days=Decimal(3)),
    )


@cache
def admin_report(texts: Texts, *, calm: bool = False) -> AdminReport:
    builder = AdminReportBuilder(basis_of(SPAN.last), {"9" * 12: texts.name(1)})
    kinds = [quiet(texts)] if calm else [up(texts), down(texts), quiet(texts), fresh(texts)]
    for i in range(6 if calm else 12 * min(texts.scale, 10)):
        found = kinds[i % len(kinds)]
        raised = (anomaly(texts, i),) if i % 4 == 0 and not calm else ()
        builder.add_team(report(texts, found, team=team(texts, i), anomalies=raised))
    if calm:
        return builder.build(None)
    builder.add_team(report(texts, silent(), team=team(texts, 999)))
    builder.add_unmapped("9" * 12, quiet(texts))
    failed = ((texts.mail, texts.error),)
    return builder.build(DeliveryRecap(period="2026-W47", sent=83, failed=failed), outlook())


def run(texts: Texts, **more: Any) -> Run:
    values = {
        "requested_by": Actor(interface="chat", name=texts.person),
        "created_at": NOW,
        "not_after": NOW + timedelta(days=3),
        "planned": True,
    }
    return makers.run(**{**values, **more})


def failed(texts: Texts, number: int) -> list[Delivery]:
    return [
        makers.delivery(
            f"d{i}",
            recipient=texts.mails[i % len(texts.mails)],
            state=DeliveryState.FAILED,
            error=texts.error,
        )
        for i in range(number)
    ]


def entry(texts: Texts, i: int, action: str, **more: Any) -> AuditEntry:
    values = {
        "id": f"e{i}",
        "at": NOW - timedelta(hours=i),
        "actor": Actor(interface="chat", name=texts.person),
        "action": action,
        "subject": "t1",
    }
    return AuditEntry(**{**values, **more})


def history_lines(texts: Texts) -> list[AuditLine]:
    entries = [
        (
            entry(
                texts,
                1,
                "config.change",
                before={"anomaly_threshold": 20.0, "global_admin_emails": []},
                after={"anomaly_threshold": 25, "global_admin_emails": list(addresses(texts, 9))},
            ),
            "Settings",
        ),
        (entry(texts, 2, "team.add", after={"team_name": texts.name()}), texts.name()),
        (
            entry(
                texts,
                3,
                "team.change",
                before={"team_name": texts.name(1), "anomaly_threshold": None},
                after={"team_name": texts.name(2), "anomaly_threshold": 35.5},
            ),
            texts.name(1),
        ),
        (entry(texts, 4, "team.remove", undone_at=NOW), texts.name(2)),
        (
            entry(texts, 5, "anomaly.not_an_anomaly", after={"service": texts.service()}),
            texts.name(),
        ),
        (
            entry(
                texts,
                6,
                "plan.add",
                after={"plan": "+30.0% 3–20 Nov 2026"},
                actor=Actor(interface="rest", name=texts.person),
            ),
            texts.name(),
        ),
        (entry(texts, 7, "role.grant", actor=Actor(interface="scheduler")), texts.person),
        (entry(texts, 8, "alerts.on"), texts.name(3)),
        (
            entry(
                texts,
                9,
                "floor.change",
                before={"floor": None},
                after={"floor": "60", "by": texts.person, "at": NOW.isoformat()},
            ),
            texts.name(1),
        ),
    ]
    return [
        AuditLine(one, subject, one.action.startswith(("team", "config")))
        for one, subject in entries
    ]


def conversation(texts: Texts, i: int = 0, **more: Any) -> Conversation:
    values: dict[str, Any] = {
        "id": f"19:{i}@thread.tacv2",
        "kind": "channel",
        "service_url": "https://smba.trafficmanager.net/teams",
        "tenant_id": "t",
        "bot_id": "28:b",
        "title": texts.name(i),
        "alerts_since": datetime(2026, 11, 2, tzinfo=UTC),
        "alerts_by": texts.person,
        "updated_at": NOW,
    }
    return Conversation(**{**values, **more})


# The collection

Named = Iterator[tuple[str, Element]]


def areas(texts: Texts = ORDINARY) -> dict[str, dict[str, Element]]:
    """Every card by name, by what it is about."""
    return {
        "general": dict(_general(texts)),
        "teams": dict(_teams(texts)),
        "costs": dict(_costs(texts)),
        "alerts": dict(_alerts(texts)),
        "answers": dict(_answers(texts)),
        "lists": dict(_lists(texts)),
        "previews": dict(_reports(texts)),
        "sending": dict(_sending(texts)),
        "settings": dict(_settings(texts)),
        "thresholds": dict(_thresholds(texts)),
    }


@cache
def every(texts: Texts = ORDINARY) -> dict[str, Element]:
    """Every card by name."""
    found: dict[str, Element] = {}
    for area in areas(texts).values():
        assert not found.keys() & area.keys()
        found.update(area)
    return found


def _general(texts: Texts) -> Named:
    yield "welcome in a chat", general.welcome("personal", "sample data", sample=True)
    yield "welcome in a channel", general.welcome("channel", "Datadog", sample=False)
    yield "help of a viewer", general.help_card(help_lines("viewer"), "viewer", sample=True)
    yield "help of an admin", general.help_card(help_lines("admin"), "admin", sample=False)
    yield "unknown command", general.unknown_command(texts.typed, "teams")
    yield "unknown, nothing close", general.unknown_command(texts.typed, None)
    yield "unknown, names a team", general.unknown_command(texts.typed, None, team(texts))
    yield "nothing said", general.unknown_command("", None)
    yield "denied", general.permission_denied("change thresholds", [texts.person, "Kim Ito"])
    yield "denied, nobody is an admin", general.permission_denied("change thresholds", [])
    yield (
        "denied, many admins",
        general.permission_denied("change thresholds", [texts.person] * 40),
    )
    yield "error", general.error(texts.says(REFUSED))
    yield "error in a command", general.error(texts.says(REFUSED), ("recipients", "help"))
    yield "working", general.working("Reading costs…")
    yield "closed", general.closed(f"Canceled by {texts.person}. Nothing was changed.")
    some = [
        (f"{one.team_name}, {one.aws_account_id}", "explain", {"team": one.id, "period": "x"})
        for one in (team(texts, i) for i in range(84 * texts.scale))
    ]
    yield "which of none", general.team_choice(texts.typed, [])
    yield "which, no name", general.team_choice("", [])
    yield "which of three", general.team_choice(texts.typed, some[:3])
    yield "which of many", general.team_choice(texts.typed, some)


def _teams(texts: Texts) -> Named:
    found = [team(texts, i) for i in range(12)]
    yield "no teams", team_list([], 0, 1, 1, "", "admin", sample=False)
    yield "no team fits", team_list([], 0, 1, 1, texts.typed, "viewer", sample=False)
    yield (
        "teams of one name",
        team_list(
            found[:3],
            3,
            1,
            1,
            "",
            "admin",
            sample=False,
            shared_names=[Namesakes(found[0].team_name, tuple(t.aws_account_id for t in found))],
        ),
    )
    yield "teams of a viewer", team_list(found[:3], 3, 1, 1, "", "viewer", sample=True)
    yield (
        "teams in the middle",
        team_list(found, 84 * texts.scale, 2, 7 * texts.scale, texts.typed, "admin", True),
    )
    plan = PlannedChange(
        id="p",
        account_id="1",
        percent=Decimal(30),
        first=date(2026, 11, 3),
        last=date(2026, 11, 20),
        reason=texts.reason,
        by=texts.person,
        at=NOW,
    )
    raised = (anomaly(texts), anomaly(texts, 1))
    yield "team up", team_card(report(texts, up(texts), anomalies=raised), "admin")
    yield "team quiet, for a viewer", team_card(report(texts, quiet(texts)), "viewer")
    yield "team silent", team_card(report(texts, silent(), sample=True), "admin")
    late = {"expected_through": SPAN.last + timedelta(days=4), "sample": True}
    yield "team late", team_card(report(texts, down(texts), **late), "viewer")
    yield "planned change", planned_change_added(plan, team(texts))
    values = {
        "name": texts.name()[:60],
        "account": "12345",
        "mail": texts.mail,
        "admins": f"{texts.typed}, {texts.mail}",
        "threshold": "-1",
    }
    wrong = [
        ("aws_account_id", "has 5 digits, needs 12"),
        ("admin_emails", f"“{texts.typed}” is no mail address"),
        ("anomaly_threshold", "must be above 0"),
    ]
    yield "form for a new team", team_form({}, [], None, 20.0)
    yield "form with problems", team_form(values, wrong, "t1", 20.0)
    yield "team stored", team_stored(team(texts), "was added", texts.person, "e1", 20.0)
    own = team(texts, anomaly_threshold=12.5)
    yield (
        "team left as it is",
        team_stored(own, "was left as it is", texts.person, None, 20),
    )
    yield "remove?", remove_question(team(texts))
    yield "team removed", team_removed(team(texts), texts.person, "e1")
    pasted = f"team_name,aws_account_id\n{texts.name()},{texts.mail}\n" * 5 * texts.scale**2
    yield "import form", import_form("", "")
    yield (
        "import form, wrong",
        import_form(pasted, f"The header lacks {texts.says('team_email')}."),
    )
    typed = "1234" if texts.ordinary else texts.typed
    problems = [(14 + i, "aws_account_id", f"{typed} has 4 digits, needs 12") for i in range(12)]
    changes = [
        f"{texts.name(i)}: mail {texts.mails[i % len(texts.mails)]}"
        for i in range(5 * texts.scale)
    ]
    yield "import?", import_question(3, 2, 79, problems[:1], changes, "pending")
    yield (
        "import with many errors",
        import_question(0, 0, 79, problems, [], "pending"),
    )
    unread = f"Only {texts.name()} was read."
    yield "import of two files", import_question(3, 0, 0, [], changes, "pending", unread)
    yield "import done", import_done(3, 2, 79, 1, texts.person)
    parts = csv_parts([team(texts, i) for i in range(20 * texts.scale)])
    yield "export", team_export(parts[0], 20 * texts.scale, 1, len(parts))
    yield (
        "export, personal chat",
        team_export(parts[0], 20 * texts.scale, 1, len(parts), as_file=True),
    )


def _costs(texts: Texts) -> Named:
    month, thirty = (
        DaySpan(first, SPAN.last) for first in (date(2026, 11, 1), date(2026, 10, 22))
    )
    named = [_series(texts.service(0), 271.31, 3.1), _series(texts.service(2), 84.2)]
    yield (
        "costs of a month",
        cost_history(history(texts, month, *(_cut(one, month) for one in named)), "month"),
    )
    gaps = [_cut(one, thirty, gap=True) for one in named]
    yield "costs with gaps", cost_history(history(texts, thirty, *gaps), "30 days")
    yield "costs, none", cost_history(history(texts, month), "month")
    yield "explain up", cost_explanation(report(texts, up(texts)))
    yield (
        "explain down, late",
        cost_explanation(
            report(texts, down(texts), expected_through=SPAN.last + timedelta(days=4), sample=True)
        ),
    )
    yield "explain new spend", cost_explanation(report(texts, fresh(texts)))
    yield "explain closed months", cost_explanation(report(texts, closed_months(texts)))
    yield "explain silent", cost_explanation(report(texts, silent()))
    yield (
        "explain, no change",
        cost_explanation(
            report(texts, figures(makers.series([5.0] * len(SPAN), service=texts.service())))
        ),
    )


def _alerts(texts: Texts) -> Named:
    grown = up(texts)
    crossed = threshold_anomaly(grown, texts)
    yield "alert", alert_card(news(texts, anomaly(texts), sample=True))
    yield "alert above threshold", alert_card(news(texts, crossed))
    detected = anomaly(
        texts,
        usage=Decimal("3812.904"),
        driver_usage=Decimal("2900.104"),
        last=date(2026, 11, 20),
        shares=tuple((texts.service(i), Decimal(1500) / 3**i) for i in range(4)),
    )
    yield "alert with all", alert_card(news(texts, detected))
    yield (
        "alert with all, within",
        alert_card(news(texts, detected, figures=quiet(texts))),
    )
    yield (
        "alert grown",
        alert_card(news(texts, anomaly(texts), grown_from=Decimal("1004.5"), sample=True)),
    )
    new_spend = fresh(texts)
    yield (
        "alert of new spend",
        alert_card(news(texts, threshold_anomaly(new_spend, texts), figures=new_spend)),
    )
    past = threshold_anomaly(grown, texts, start=date(2026, 10, 1))
    yield (
        "alert without team and costs",
        alert_card(news(texts, past, team=None, figures=None)),
    )
    over = anomaly(texts, status="ended", end=date(2026, 11, 20))
    yield "alert ended", alert_card(news(texts, over))
    yield "alert open again", alert_card(news(texts, anomaly(texts), has_reopened=True))


def _answers(texts: Texts) -> Named:
    """What people have said of an alert."""
    states: list[tuple[str, dict[str, Any]]] = [
        ("expected", {"reason": texts.reason, "until": date(2026, 12, 28)}),
        ("not_an_anomaly", {"until": date(2027, 2, 21)}),
        ("too_small", {}),
        ("snoozed", {"until": date(2026, 11, 30)}),
        ("accepted", {}),
    ]
    for status, more in states:
        yield (
            f"alert {status}",
            alert_card(news(texts, answered(texts, status, **more))),
        )
    yield from _quiet(texts)
    plan = Resolution(
        by=texts.person, by_id="plan", at=NOW, reason=texts.reason, until=date(2026, 11, 20)
    )
    yield (
        "alert planned",
        alert_card(
            news(texts, threshold_anomaly(up(texts), texts, status="expected", answer=plan))
        ),
    )
    yield (
        "alert answered by somebody unknown",
        alert_card(news(texts, anomaly(texts, status="accepted"))),
    )


def _lists(texts: Texts) -> Named:
    """Many anomalies at once, and runs that did not go out."""
    ten = lines(texts, 10)
    yield "anomalies", anomaly_list(ten, 23, 1, 3, None, sample=True)
    yield (
        "anomalies in the middle",
        anomaly_list(ten, 23, 2, 3, ("t1", texts.name()), sample=False),
    )
    yield "anomalies at the end", anomaly_list(ten[:3], 23, 3, 3, None, sample=False)
    yield "one anomaly", anomaly_list(ten[:1], 1, 1, 1, None, sample=False)
    yield (
        "no anomalies",
        anomaly_list([], 0, 1, 1, ("t1", texts.name()), sample=False),
    )
    many = tuple(lines(texts, 13 * texts.scale))
    yield "digest", anomaly_digest(DigestContent(lines=many, sample=True))
    yield "digest of one event", anomaly_digest(DigestContent(lines=many, together=True))
    reasons = tuple(
        (texts.mails[i % len(texts.mails)], texts.error) for i in range(2 * texts.scale)
    )
    states_of_runs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("with failed emails", {"state": RunState.DONE}, {"sent": 84, "failed": reasons}),
        ("that went out after all", {"state": RunState.DONE}, {}),
        (
            "that waits",
            {"last_error": texts.says("421 4.3.2 too many connections")},
            {"sent": 3, "waiting": 83},
        ),
        ("that was not made", {"state": RunState.FAILED, "last_error": texts.says(REFUSED)}, {}),
        ("that is tried again", {"kind": RunKind.DAILY}, {}),
    ]
    for name, of_run, of_news in states_of_runs:
        yield f"run {name}", run_trouble(RunContent(run=run(texts, **of_run), **of_news))


def _quiet(texts: Texts) -> Named:
    """What is kept quiet from now on, and for whom the buttons are."""
    small = answered(texts, "too_small")
    excess = Decimal("52.10")
    small = small.model_copy(update={"excess": excess, "shares": ((small.service, excess),)})
    offer = AlertMinimumOffer(current=Decimal(25), amount=Decimal(60), hidden=3, alerts=5)
    floor = AlertMinimum(
        account_id=small.account_id,
        source="datadog",
        amount=Decimal(60),
        by=texts.person,
        at=NOW,
        entry="e1",
    )
    yield "alert too small, with an offer", alert_card(news(texts, small, offer=offer))
    yield "alert too small, minimum raised", alert_card(news(texts, small, minimum=floor))
    by_itself: list[tuple[str, str, dict[str, Any]]] = [
        ("below the minimum", "too_small", {"by_id": "floor", "floor": Decimal(60)}),
        (
            "like an earlier one",
            "expected",
            {"by_id": "like", "like": date(2026, 10, 20), "until": date(2026, 12, 28)},
        ),
    ]
    for name, status, more in by_itself:
        answer = Resolution(**{"by": texts.person, "by_id": "a", "at": NOW, **more})
        kept = floor if status == "too_small" else None
        about = anomaly(texts, status=status, answer=answer)
        about = small.model_copy(update={"answer": answer}) if kept else about
        yield f"alert {name}", alert_card(news(texts, about, minimum=kept))
    level = answered(texts, "accepted").model_copy(
        update={
            "usage": Decimal("6000.00"),
            "driver_usage": Decimal("5560.00"),
            "last": date(2026, 11, 20),
        }
    )
    yield "alert accepted, with its level", alert_card(news(texts, level))
    may: tuple[Audience, ...] = ("admin", "elsewhere", "member", "nobody")
    for who in may:
        yield f"alert for {who}", alert_card(news(texts, anomaly(texts)), who)
        yield (
            f"alert answered, for {who}",
            alert_card(news(texts, small, offer=offer), who),
        )


def _reports(texts: Texts) -> Named:
    grown = up(texts)
    crossed = (threshold_anomaly(grown, texts),)
    raised = tuple(anomaly(texts, i) for i in range(3))
    restated = Restatement(
        label="September",
        reported_on=date(2026, 10, 3),
        reported=Decimal("39800.00"),
        now=Decimal("41230.10"),
        percent=Decimal("3.59"),
    )
    plan = PlannedChange(
        id="p",
        account_id="1",
        percent=Decimal(30),
        first=date(2026, 11, 3),
        last=date(2026, 11, 20),
        reason=texts.reason[:120],
        by=texts.person,
        at=NOW,
    )
    whole = report(
        texts,
        grown,
        anomalies=raised,
        restatement=restated,
        planned_change=plan,
        sample=True,
        expected_through=SPAN.last + timedelta(days=4),
    )
    yield "preview up", team_preview(report(texts, grown, anomalies=crossed), "admin")
    yield "preview with all", team_preview(whole, "admin")
    yield (
        "preview quiet, for a viewer",
        team_preview(report(texts, quiet(texts)), "viewer"),
    )
    yield "preview down", team_preview(report(texts, down(texts)), "viewer")
    yield "preview new spend", team_preview(report(texts, fresh(texts)), "viewer")
    yield "preview silent", team_preview(report(texts, silent()), "admin")
    yield (
        "preview closed months",
        team_preview(report(texts, closed_months(texts)), "admin"),
    )
    yield "admin preview", admin_preview(admin_report(texts), "admin")
    yield "admin preview, calm", admin_preview(admin_report(texts, calm=True), "admin")
    mail = render_team(whole, app_id=APP_ID)
    yield "email of a team", email_text(mail, addresses(texts, 12))
    yield "email of the admins", email_text(render_admin(admin_report(texts)), [])


def _sending(texts: Texts) -> Named:
    data = {"team": "t1", "period": "2026-W48", "value": "1"}
    yield (
        "send, but to no admins?",
        send_question("2026-W48", 3, 0, 0, texts.name(), "smtp", data, no_admins=True),
    )
    yield (
        "send one?",
        send_question(
            "2026-W48", 3, 0, 0, texts.name(), "smtp", data, addresses=addresses(texts, 3)
        ),
    )
    weekly = {**data, "team": "weekly"}
    yield (
        "send all?",
        send_question("2026-W48", 84, 2, 0, "84 teams", "outbox", weekly, sample=True),
    )
    counts = {DeliveryState.SENT: 31, DeliveryState.PENDING: 53, DeliveryState.FAILED: 2}
    yield "reading costs", run_progress(run(texts, planned=False), {}, texts.person)
    history = HistoryProgress(months_read=4, months=13, read_at=NOW)
    yield (
        "reading the history",
        run_progress(run(texts, planned=False), {}, texts.person, history),
    )
    sample = run(texts, source="sample", last_error=texts.says("421 4.3.2 too many connections"))
    yield "progress", run_progress(sample, counts, texts.person)
    over = run(texts, state=RunState.DONE, finished_at=NOW)
    sent = {DeliveryState.SENT: 86}
    yield "all sent", run_result(over, sent, [], texts.person)
    outbox = over.model_copy(update={"transport": "outbox", "source": "sample"})
    yield "all in the outbox", run_result(outbox, sent, [], texts.person)
    some = {DeliveryState.SENT: 85, DeliveryState.FAILED: 1}
    yield "one failed", run_result(over, some, failed(texts, 1), texts.person)
    all_failed = {DeliveryState.FAILED: 86 * texts.scale}
    yield (
        "all failed",
        run_result(over, all_failed, failed(texts, 86 * texts.scale), texts.person),
    )
    why = texts.says(REFUSED)
    broken = run(texts, state=RunState.FAILED, last_error=why, planned=False)
    yield "nothing sent", run_result(broken, {}, [], texts.person)
    yield "details of a run", run_details(broken, all_failed, failed(texts, 30))


def _settings(texts: Texts) -> Named:
    config = StoredConfig(schedule_timezone="Europe/Berlin")
    slots = next_slots(config, NOW)
    yield "schedule", schedule_card(config, slots, "admin")
    yield "schedule for a viewer", schedule_card(config, slots, "viewer")
    yield "schedule saved", schedule_saved(config, slots, None, texts.person, "e1")
    yield (
        "schedule saved after its new time",
        schedule_saved(config, slots, "2026-W48", texts.person, "e1"),
    )
    why = setting_errors(
        [("schedule_timezone", texts.says("must be an IANA time zone such as Europe/Berlin"))]
    )
    not_taken = [f"Nothing was changed: {one}." for one in why]
    typed = ("friday", "7", "Mars/Olympus" if texts.ordinary else texts.name())
    yield (
        "schedule not taken",
        schedule_card(config, slots, "admin", typed, not_taken),
    )
    yield (
        "recipients not taken",
        recipients_card(
            config,
            "admin",
            texts.says("checkout@example"),
            [texts.says("Nothing was changed: “checkout@example” is no mail address.")],
        ),
    )
    for words, number in (("no", 0), ("some", 3), ("many", 60 * texts.scale)):
        stored = config.model_copy(update={"global_admin_emails": addresses(texts, number)})
        yield f"{words} recipients", recipients_card(stored, "admin")
    yield (
        "recipients for a viewer",
        recipients_card(
            config.model_copy(update={"global_admin_emails": addresses(texts, 40)}), "viewer"
        ),
    )
    yield (
        "recipients saved",
        general.setting_saved(f"The admins' report goes to {texts.mail}.", "Ana", "e"),
    )
    here = conversation(texts)
    yield "alerts come here", alerts_on(here)
    others = [conversation(texts, i) for i in range(1, 3 * texts.scale)]
    gone = conversation(texts, 99, state="uninstalled")
    yield "alerts go nowhere", alert_conversations([], here, "admin")
    yield (
        "alerts go to many",
        alert_conversations([here, gone, *others], here, "admin"),
    )
    person = Person(
        object_id="1b2c3d4e-0000-4000-8000-000000000001", tenant_id="", name=texts.person
    )
    yield "whoami", whoami_card(person, "admin")
    granted = [
        AdminEntry(
            object_id=f"{i:036d}", tenant_id="t", name=texts.person, since=NOW, by="Kim Ito"
        )
        for i in range(3 * texts.scale)
    ]
    yield (
        "admins",
        admin_list(granted, ["3b1d6a52-0000-4000-8000-0000000000ff"], local_for_all=False),
    )
    yield "everybody is an admin", admin_list([], [], local_for_all=True)
    facts: dict[str, Any] = {
        "problems": [],
        "checked_at": "23 Nov 14:02:07 UTC",
        "source": "Datadog",
        "metric": "aws.cost.net.amortized",
        "data_through": "Fri 20 Nov (UTC)",
        "last_run": "Week of 23 Nov, 85 of 86 sent, done, 23 Nov 08:00 UTC",
        "next_run": "Mon 30 Nov 09:00 Europe/Berlin",
        "email": "smtp",
        "teams": 84,
        "anomalies": 23,
        "alerts_to": 1,
        "costs_read": "last read 23 Nov 08:00 UTC",
        "email_tried": "last sent 23 Nov 08:00 UTC",
    }
    yield "status", status_card(StatusFacts(**facts), "viewer")
    started = {
        "is_checked": False,
        "costs_read": "not read yet",
        "email_tried": "not tried yet",
        "history": "4 of 13 months read",
    }
    yield "status after the start", status_card(StatusFacts(**{**facts, **started}), "viewer")
    sample = {"source": "sample data", "metric": "sample", "sample": True, "email": "outbox"}
    yield (
        "status of the sample",
        status_card(StatusFacts(**{**facts, **sample}), "admin"),
    )
    ill = {
        "problems": ["1 email of the week of 23 Nov failed.", texts.says(REFUSED)] * texts.scale,
        "unknown_categories": ["support", "marketplace"]
        if texts.ordinary
        else [texts.service(i) for i in range(6)],
        "retry": run(texts),
        "failed": 1,
    }
    yield (
        "status with problems",
        status_card(StatusFacts(**{**facts, **ill}), "admin"),
    )
    changed = history_lines(texts)
    yield "history", audit_trail(changed, 2, True, "", "")
    yield (
        "history of a team",
        audit_trail(changed[1:2], 1, False, f" of {texts.name()}", "t1"),
    )
    yield "no history", audit_trail([], 1, False, f" of {texts.name()}", "t1")


def _thresholds(texts: Texts) -> Named:
    config = StoredConfig()
    own = [team(texts, i, anomaly_threshold=12.5 + i) for i in range(2 * texts.scale)]
    yield "thresholds", thresholds_card(config, own, "USD", "admin")
    yield "thresholds for a viewer", thresholds_card(config, [], "CHF", "viewer")
    events = tuple(
        WhatIfEvent(
            team_name=texts.name(i),
            aws_account_id="012345678901",
            service=texts.service(i),
            day=date(2026, 9, 3),
            excess=Decimal("848.016") / (i + 1),
        )
        for i in range(4 * texts.scale)
    )
    found = WhatIf(
        span=SpanDays(first=date(2026, 8, 23), last=date(2026, 11, 20)),
        currency="USD",
        threshold=20.0,
        candidate=25.0,
        min_increase=25.0,
        candidate_min_increase=25.0,
        flagged=17,
        candidate_flagged=11,
        missed=events,
    )
    yield "what if, higher", what_if_card(found, None, "admin", sample=True)
    lower = {"candidate": 20.0, "candidate_min_increase": 10.5, "missed": (), "added": events}
    yield (
        "what if, a smaller increase",
        what_if_card(found.model_copy(update=lower), None, "viewer", sample=False),
    )
    one = found.model_copy(update={"missed": events[:1]})
    yield (
        "what if for a team",
        what_if_card(one, team(texts), "admin", sample=False),
    )
    words = f"Threshold for {texts.name()}: 25%."
    yield "threshold saved", general.setting_saved(words, texts.person, "e1")
