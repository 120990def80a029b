"""The mails in all their states, rendered as they are sent."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from services.domain import (
    AdminReport,
    DeliveryRecap,
    Explanation,
    PlannedChange,
    RenderedReport,
    Restatement,
    TeamReport,
)
from services.mailing.rendering import render_admin, render_notice, render_team
from services.reports.admin import AdminReportBuilder
from tests.cards.awkward import LEFTWARDS, less_than_nothing, millions, of_all_teams
from tests.cards.examples import (
    HOSTILE,
    LARGEST,
    ORDINARY,
    SPAN,
    Texts,
    admin_report,
    anomaly,
    closed_months,
    down,
    fresh,
    outlook,
    quiet,
    report,
    silent,
    team,
    up,
)
from tests.makers import APP_ID, NOW
from tests.unit.basis import basis_of

TEAMS = 84


def restated(label: str = "September") -> Restatement:
    return Restatement(
        label=label,
        reported_on=date(2026, 10, 3),
        reported=Decimal("39800.00"),
        now=Decimal("41230.10"),
        percent=Decimal("3.59"),
    )


def whole(texts: Texts) -> TeamReport:
    """A team's report with everything that one can have."""
    figures = up(texts)
    first = anomaly(
        texts,
        usage=Decimal("3812.904"),
        driver_usage=Decimal("3479.204"),
        last=date(2026, 11, 20),
        shares=((texts.service(0), Decimal("2059.20")), (texts.service(1), Decimal("203.70"))),
        group="one price",
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
    return report(
        texts,
        figures,
        anomalies=(first, anomaly(texts, 1)),
        ended=(
            anomaly(texts, 2, status="ended", end=date(2026, 11, 18), last=date(2026, 11, 18)),
        ),
        restatement=restated(),
        planned_change=plan,
        sample=True,
        expected_through=SPAN.last + timedelta(days=4),
    )


def admins(texts: Texts, *, teams: int = TEAMS) -> AdminReport:
    """The consolidated report with everything that one can have."""
    builder = AdminReportBuilder(
        basis_of(SPAN.last), {f"{9 * 10**11 + i}": texts.name(i) for i in range(12)}
    )
    kinds = [up(texts), down(texts), quiet(texts), fresh(texts)]
    for i in range(teams):
        raised = (anomaly(texts, i),) if i % 6 == 0 else ()
        moved = restated() if i in {1, 2} else None
        found = silent() if i in {7, 8} else kinds[i % 4]
        builder.add_team(
            report(texts, found, team=team(texts, i), anomalies=raised, restatement=moved)
        )
    for i in range(12):
        builder.add_unmapped(f"{9 * 10**11 + i}", quiet(texts))
    made = builder.build(
        DeliveryRecap(period="2026-W47", sent=83, failed=((texts.mail, texts.error),) * 3, open=1),
        outlook(),
    )
    return made.model_copy(
        update={
            "notes": ("Unknown charge categories counted as usage: support.",),
            "sample": True,
            "expected_through": SPAN.last + timedelta(days=4),
        }
    )


def masked(texts: Texts) -> TeamReport:
    """Nothing moved in total, as much went up as went down."""
    figures = quiet(texts)
    why = figures.explanation
    assert why is not None
    line = why.lines[0]
    lines = (
        replace(line, previous=Decimal(100), current=Decimal(900)),
        replace(line, name=texts.service(2), previous=Decimal(900), current=Decimal(110)),
    )
    return report(
        texts,
        figures.model_copy(
            update={"explanation": Explanation(Decimal(1000), Decimal(1010), lines)}
        ),
    )


def every() -> dict[str, RenderedReport]:
    """All states by name."""
    lines = ["Teams did not confirm an alert in the channel Cost alerts.", "Write anomalies."]
    calm = admin_report(ORDINARY, calm=True)
    return {
        "team with all": render_team(whole(ORDINARY), app_id=APP_ID),
        "team up": render_team(
            report(ORDINARY, up(ORDINARY), anomalies=(anomaly(ORDINARY),)), app_id=APP_ID
        ),
        "team quiet": render_team(report(ORDINARY, quiet(ORDINARY)), app_id=APP_ID),
        "team masked": render_team(masked(ORDINARY), app_id=APP_ID),
        "team down": render_team(report(ORDINARY, down(ORDINARY)), app_id=APP_ID),
        "team new spend": render_team(report(ORDINARY, fresh(ORDINARY)), app_id=APP_ID),
        "team closed months": render_team(
            report(ORDINARY, closed_months(ORDINARY)), app_id=APP_ID
        ),
        "team silent": render_team(report(ORDINARY, silent()), app_id=APP_ID),
        "team hostile": render_team(whole(HOSTILE), app_id=APP_ID),
        "team largest": render_team(whole(LARGEST), app_id=APP_ID),
        "team millions": render_team(report(ORDINARY, millions(ORDINARY)), app_id=APP_ID),
        "team francs": render_team(report(ORDINARY, millions(ORDINARY, "CHF")), app_id=APP_ID),
        "team right to left": render_team(report(LEFTWARDS, millions(LEFTWARDS)), app_id=APP_ID),
        "team less than nothing": render_team(
            report(ORDINARY, less_than_nothing(ORDINARY)), app_id=APP_ID
        ),
        "admins millions": render_admin(of_all_teams(ORDINARY)),
        "admins": render_admin(admins(ORDINARY)),
        "admins calm": render_admin(calm),
        "admins hostile": render_admin(admins(HOSTILE)),
        "admins largest": render_admin(admins(LARGEST)),
        "notice": render_notice("AWS costs: an alert may not have arrived", lines),
    }
