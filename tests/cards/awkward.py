"""Cards with figures and names that are hard to set: millions, less than nothing, another currency,
names from right to left.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache

from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_list
from cards.audit_trail import audit_trail
from cards.costs import cost_explanation
from cards.elements import Element
from cards.previews import admin_preview, team_preview
from cards.teams import team_card, team_list
from services.analysis.figures import account_figures
from services.domain import (
    AccountFigures,
    AdminReport,
    AnomalyLine,
    Category,
    CostSeries,
    DeliveryRecap,
)
from services.reports.admin import AdminReportBuilder
from tests import makers
from tests.cards.examples import (
    ORDINARY,
    SPAN,
    Named,
    Texts,
    anomaly,
    history_lines,
    news,
    outlook,
    report,
    team,
    threshold_anomaly,
)
from tests.unit.basis import basis_of

LEFTWARDS = replace(
    ORDINARY,
    names=("מערכת תשלומים", "فريق الدفع والفوترة", "Checkout (قسم الدفع)", "Data פלטפורמה 12"),
    services=("EC2", "خدمة الحوسبة", "RDS", "S3", "CloudFront", "Lambda", "EKS", "SQS", "SNS"),
    person="יעל כהן",
    reason="בדיקת עומס עד יום שישי",
)


def _grown(service: str, before: float, now: float, category: Category) -> CostSeries:
    amounts = [before if day < date(2026, 11, 1) else now for day in SPAN]
    return makers.series(amounts, service=service, category=category)


def _figures(currency: str, *series: CostSeries) -> AccountFigures:
    return account_figures(SPAN, series, currency, SPAN.last, 20.0, 25.0)


def millions(texts: Texts, currency: str = "USD") -> AccountFigures:
    """So much that every figure has seven digits before its point."""
    sizes = [
        (257_408.93, 618_906.53),
        (0.0, 61_020.0),
        *[(9_999.5 / i, 9_870.1 / i) for i in (1, 2)],
    ]
    usage = [_grown(texts.service(i), *size, Category.USAGE) for i, size in enumerate(sizes)]
    credit = _grown("Credits", -16_446.4, -16_572.8, Category.CREDIT)
    return _figures(currency, *usage, credit)


def tens_of_millions(texts: Texts, currency: str) -> AccountFigures:
    """The longest amounts that a phone must show whole, above zero and below."""
    usage = _grown(texts.service(0), 18_797.0, 617_283.945, Category.USAGE)
    credit = _grown("Credits", -399_731.28, -1_234_567.89, Category.CREDIT)
    return _figures(currency, usage, credit)


def less_than_nothing(texts: Texts) -> AccountFigures:
    """Credits that are worth more than what was used."""
    usage = _grown(texts.service(0), 18_797.0, 19_339.6, Category.USAGE)
    return _figures("USD", usage, _grown("Credits", -84_563.5, -94_166.9, Category.CREDIT))


@cache
def every_awkward() -> dict[str, Element]:
    """All of them by name."""
    found = dict(_figured(ORDINARY, "millions"))
    found.update(_figured(LEFTWARDS, "right to left"))
    francs = report(ORDINARY, millions(ORDINARY, "CHF"))
    found["francs: preview"] = team_preview(francs, "viewer")
    found["francs: explain"] = cost_explanation(francs)
    for currency in ("USD", "CHF"):
        whole = report(ORDINARY, tens_of_millions(ORDINARY, currency))
        found[f"tens of millions: preview, {currency}"] = team_preview(whole, "viewer")
        found[f"tens of millions: explain, {currency}"] = cost_explanation(whole)
    below = report(ORDINARY, less_than_nothing(ORDINARY))
    found["less than nothing: preview"] = team_preview(below, "viewer")
    found["less than nothing: team"] = team_card(below, "viewer")
    found["less than nothing: explain"] = cost_explanation(below)
    found["right to left: teams"] = team_list(
        [team(LEFTWARDS, i) for i in range(4)], 4, 1, 1, "", "viewer", sample=False
    )
    found["right to left: history"] = audit_trail(
        history_lines(LEFTWARDS), 1, more=False, whose="", team_id=""
    )
    found["millions: admin preview"] = admin_preview(of_all_teams(ORDINARY), "admin")
    return found


def _figured(texts: Texts, name: str) -> Named:
    figures = millions(texts)
    event = anomaly(
        texts,
        excess=Decimal(2262900),
        usage=Decimal("3812904.50"),
        driver_usage=Decimal("2900104.50"),
        last=date(2026, 11, 20),
        shares=tuple((texts.service(i), Decimal(1500000) / 3**i) for i in range(3)),
    )
    raised = (threshold_anomaly(figures, texts), event)
    whole = report(texts, figures, anomalies=(event,))
    yield f"{name}: preview", team_preview(whole, "admin")
    yield f"{name}: explain", cost_explanation(whole)
    for kind, one in zip(("threshold", "event"), raised, strict=True):
        yield f"{name}: alert, {kind}", alert_card(news(texts, one, figures=figures))
    lines = [
        AnomalyLine(team_name=texts.name(i), anomaly=event.model_copy(update={"id": str(i)}))
        for i in range(3)
    ]
    yield (
        f"{name}: anomalies",
        anomaly_list(lines, 3, 1, 1, None, sample=False),
    )


def of_all_teams(texts: Texts) -> AdminReport:
    """The consolidated report of eight teams that spend millions, or less than nothing."""
    builder = AdminReportBuilder(basis_of(SPAN.last), {"9" * 12: texts.name(1)})
    for i in range(8):
        figures = less_than_nothing(texts) if i % 2 else millions(texts)
        builder.add_team(report(texts, figures, team=team(texts, i)))
    builder.add_unmapped("9" * 12, millions(texts))
    recap = DeliveryRecap(period="2026-W47", sent=83, failed=())
    return builder.build(recap, outlook())
