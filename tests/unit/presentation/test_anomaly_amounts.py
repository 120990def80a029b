"""Amounts beside a driver are the driver's; the account's stand beside only under that name."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_list
from services.analysis.figures import account_figures
from services.domain import (
    WHOLE_ACCOUNT,
    Anomaly,
    AnomalyContent,
    AnomalyLine,
    DaySpan,
    TeamReport,
)
from services.mailing.rendering import render_admin, render_team
from services.presentation import team_view
from services.reports.admin import AdminReportBuilder
from services.reports.preview_json import team_preview
from tests.cards.reading import read
from tests.makers import NOW, series, team
from tests.unit.basis import basis_of

SPAN = DaySpan(date(2026, 10, 1), date(2026, 11, 20))
OWN, OWN_ACTUAL, OWN_EXPECTED = "$9,100.20", "$19,270.55", "$10,170.35"
ACCOUNT, ACCOUNT_ACTUAL, ACCOUNT_EXPECTED = "$10,025.68", "$26,735.46", "$16,709.78"
"""Excess, actual and expected of rds and of its account: 19,270.55 − 9,100.20 = 10,170.35."""


def rise(**more: Any) -> Anomaly:
    """rds and S3 rose."""
    values = {
        "id": "a",
        "kind": "shift",
        "source": "datadog",
        "account_id": f"{1:012d}",
        "service": "rds",
        "start": date(2026, 11, 5),
        "last": date(2026, 11, 20),
        "excess": Decimal("10025.68"),
        "usage": Decimal("26735.46"),
        "driver_usage": Decimal("19270.55"),
        "shares": (("rds", Decimal("9100.20")), ("s3", Decimal("925.48"))),
        "raised_at": NOW,
        "updated_at": NOW,
    }
    return Anomaly(**{**values, **more})


def report_on(anomaly: Anomaly) -> TeamReport:
    figures = account_figures(
        SPAN, [series([500.0] * 51, service="rds")], "USD", SPAN.last, 20, 25
    )
    return TeamReport(
        team=team(1, team_name="Checkout"),
        figures=figures,
        anomalies=(anomaly,),
        expected_through=SPAN.last,
        source_title="Datadog",
        period="2026-W48",
        made_at=NOW,
    )


def test_the_email_names_whose_each_amount_is() -> None:
    view = team_view(report_on(rise()), app_id=None)
    (box,) = view.anomalies
    assert view.subject == "Checkout: RDS $9,100 over expected since 5 Nov"
    assert box.what == f"RDS: {OWN} more than expected since Thu 5 Nov."
    assert box.lines[0] == (
        f"Actual {OWN_ACTUAL}, expected {OWN_EXPECTED}. Whole account: {ACCOUNT} more than "
        f"expected (actual {ACCOUNT_ACTUAL}, expected {ACCOUNT_EXPECTED}). "
        "By service: RDS 91%, S3 9%."
    )


def test_an_anomaly_of_one_service_does_not_repeat_itself() -> None:
    alone = rise(excess=Decimal("9100.20"), shares=(("rds", Decimal("9100.20")),))
    (box,) = team_view(report_on(alone), app_id=None).anomalies
    assert box.lines[0] == f"Actual {OWN_ACTUAL}, expected {OWN_EXPECTED}."


def test_shares_that_exceed_the_whole_are_left_out() -> None:
    """S3 fell meanwhile, so the account rose by less than rds did."""
    (box,) = team_view(report_on(rise(excess=Decimal(8000))), app_id=None).anomalies
    assert "By service" not in box.lines[0]
    assert "Whole account: $8,000.00 more than expected" in box.lines[0]


def test_an_anomaly_recorded_before_the_drivers_usage_says_what_is_known() -> None:
    view = team_view(report_on(rise(driver_usage=None)), app_id=None)
    (box,) = view.anomalies
    assert box.what == f"RDS: {OWN} more than expected since Thu 5 Nov."
    assert box.lines[0].startswith(
        f"Whole account: {ACCOUNT} more than expected (actual {ACCOUNT_ACTUAL}, "
    )
    assert OWN_ACTUAL not in repr(view)


def test_an_anomaly_without_anything_of_its_driver_is_the_accounts() -> None:
    view = team_view(report_on(rise(driver_usage=None, shares=())), app_id=None)
    (box,) = view.anomalies
    assert view.subject == "Checkout: account $10,026 over expected since 5 Nov"
    assert box.what == (
        f"Whole account: {ACCOUNT} more than expected since Thu 5 Nov; RDS rose most."
    )
    assert box.lines[0] == f"Actual {ACCOUNT_ACTUAL}, expected {ACCOUNT_EXPECTED}."


def test_an_anomaly_of_all_services_is_the_accounts_under_that_name() -> None:
    view = team_view(report_on(rise(service=WHOLE_ACCOUNT, shares=())), app_id=None)
    (box,) = view.anomalies
    assert box.what == f"{WHOLE_ACCOUNT}: {ACCOUNT} more than expected since Thu 5 Nov."
    assert box.lines[0] == f"Actual {ACCOUNT_ACTUAL}, expected {ACCOUNT_EXPECTED}."


def test_the_alert_card_shows_the_drivers_amounts_and_the_accounts_under_its_name() -> None:
    content = AnomalyContent(anomaly=rise(), team=team(1, team_name="Checkout"))
    words = read(alert_card(content))
    assert f"{OWN} more than expected since Thu 5 Nov" in words
    assert f"{OWN_ACTUAL}, expected {OWN_EXPECTED}, 5–20 Nov" in words
    assert (
        f"Whole account: {ACCOUNT} more than expected (actual {ACCOUNT_ACTUAL}, expected "
        f"{ACCOUNT_EXPECTED})."
    ) in words
    ended = rise(status="ended", end=date(2026, 11, 20))
    assert f"ENDED after 16 days, {OWN}" in read(
        alert_card(content.model_copy(update={"anomaly": ended}))
    )
    grown = content.model_copy(update={"grown_from": Decimal(4000)})
    assert f"GROWN, whole account from $4,000.00 to {ACCOUNT}" in read(alert_card(grown))


@pytest.mark.parametrize(
    ("anomaly", "driver", "amount", "account"),
    [
        (rise(), "RDS", OWN, f"account {ACCOUNT}"),
        (rise(excess=Decimal("9100.20")), "RDS", OWN, ""),
        (rise(shares=()), "account; RDS rose most", ACCOUNT, ""),
        (
            rise(kind="threshold", usage=None, driver_usage=None, shares=()),
            *("account; RDS rose most", ACCOUNT, ""),
        ),
    ],
)
def test_a_table_of_drivers_has_amounts_of_the_drivers(
    anomaly: Anomaly, driver: str, amount: str, account: str
) -> None:
    builder = AdminReportBuilder(basis_of(SPAN.last), {})
    builder.add_team(report_on(anomaly))
    text = render_admin(builder.build(None)).text
    assert f"Checkout: {driver}\n    {amount}  " in text
    assert (f"; {account}\n" in text) if account else "; account $" not in text
    line = AnomalyLine(team_name="Checkout", anomaly=anomaly)
    words = read(anomaly_list([line], 1, 1, 1, None, sample=False))
    assert driver in words
    assert amount in words
    assert not account or account in words


def test_the_preview_gives_the_amounts_of_service_and_account_apart() -> None:
    def fields(anomaly: Anomaly) -> Any:
        report = report_on(anomaly)
        found: Any = team_preview(report, render_team(report, app_id=None))["anomalies"]
        return {name: found[0][name] for name in ("excess", "actual", "expected", "account")}

    account = {"excess": "10025.68", "actual": "26735.46", "expected": "16709.78"}
    own = {"excess": "9100.20", "actual": "19270.55", "expected": "10170.35"}
    assert fields(rise()) == {**own, "account": account}
    assert fields(rise(shares=())) == {**account, "account": account}
    crossed = rise(kind="threshold", shares=(), usage=None, driver_usage=None)
    known = {"excess": "10025.68", "actual": None, "expected": None}
    assert fields(crossed) == {**known, "account": known}
