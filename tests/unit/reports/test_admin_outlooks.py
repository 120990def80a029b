"""What reports say beyond the window: why, where the month ends, how it was told before."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.administration.audit_trail import AuditTrail
from services.analysis.drivers import explained
from services.anomalies.planned_changes import PlannedChanges
from services.domain import (
    AccountFigures,
    Anomaly,
    AnomalyStatus,
    Category,
    DaySpan,
    Forecast,
    Month,
    MonthForecast,
    TrackRecord,
)
from services.mailing.rendering import render_admin, render_team
from services.presentation.explanations import reasons
from services.presentation.phrases import month_end_line, record_line
from services.reports.admin import AdminReportBuilder
from services.reports.admin_outlooks import alert_record
from services.reports.basis import Basis
from services.reports.builder import ReportBuilder
from services.teams import Teams
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import APP_ID, NAN, NOW, series, table, team
from tests.unit.basis import basis_of
from tests.unit.usage import weekly

THROUGH = date(2026, 11, 20)
SPAN = DaySpan(date(2026, 1, 1), THROUGH)
ACCOUNTS = [f"{n:012d}" for n in range(1, 4)]


def usage(level: float, day: date) -> float:
    return level * weekly(day) * (1.3 if day.month == 9 else 1.0)


@pytest.fixture
async def store() -> MemoryStore:
    """Three accounts: two since January, one since October."""
    found = MemoryStore()
    rows = [
        series(
            [usage(100.0 * n, day) if n < 3 or day >= date(2026, 10, 1) else NAN for day in SPAN],
            account=account,
        )
        for n, account in enumerate(ACCOUNTS, start=1)
    ]
    costs = table(SPAN.first, *rows)
    await found.costs.save_totals("datadog", "m", costs, NOW)
    await found.costs.save_details("datadog", "m", costs, ACCOUNTS, NOW)
    return found


def reports(store: MemoryStore) -> ReportBuilder:
    return ReportBuilder(
        costs=store.costs,
        teams=Teams(store.teams, AuditTrail(store.audit_entries), source="datadog"),
        anomalies=store.anomalies,
        planned_changes=PlannedChanges(store.planned_changes, AuditTrail(store.audit_entries)),
        alert_minimums=store.alert_minimums,
        source=FakeCosts([]).description,
        complete_after_hours=48,
        app_id=APP_ID,
    )


async def figures(store: MemoryStore, basis: Basis, *, forecasts: bool) -> list[AccountFigures]:
    found = await reports(store).figures(basis, ACCOUNTS, {}, forecasts=forecasts)
    return [found[account] for account in ACCOUNTS]


async def test_a_report_says_how_its_forecasts_came_out_before(store: MemoryStore) -> None:
    outlook = await reports(store).outlook(basis_of(THROUGH))

    assert outlook.forecast_record is not None
    months = outlook.forecast_record.months
    assert [month.forecast.month for month in months] == [
        *("2026-10", "2026-09", "2026-08", "2026-07", "2026-06", "2026-05"),
    ]
    may = sum(usage(100.0 * n, day) for n in (1, 2) for day in SPAN if day.month == 5)
    assert float(months[-1].actual) == pytest.approx(may)


async def test_the_daily_run_reads_no_more_than_it_compares(store: MemoryStore) -> None:
    for_reports = await figures(store, basis_of(THROUGH), forecasts=True)
    for_the_day = await figures(store, basis_of(THROUGH), forecasts=False)
    for a, b in zip(for_reports, for_the_day, strict=True):
        assert a.forecast is not None
        assert a.model_copy(update={"forecast": None}) == b.model_copy(update={"forecast": None})


async def test_all_accounts_together_have_a_forecast_and_a_record(store: MemoryStore) -> None:
    basis = basis_of(THROUGH)
    found = await figures(store, basis, forecasts=True)
    outlook = await reports(store).outlook(basis)

    assert outlook.forecast is not None
    each = [one.forecast.amount for one in found if one.forecast is not None]
    assert float(outlook.forecast.amount) == pytest.approx(float(sum(each)), rel=0.01)
    assert outlook.forecast_record is not None
    assert len(outlook.forecast_record.months) == 6
    october = sum(usage(100.0 * n, day) for n in (1, 2, 3) for day in SPAN if day.month == 10)
    assert float(outlook.forecast_record.months[0].actual) == pytest.approx(october)


async def test_the_report_of_all_accounts_carries_all_of_it(store: MemoryStore) -> None:
    basis = basis_of(THROUGH)
    builder = AdminReportBuilder(basis, {})
    for n, one in enumerate(await figures(store, basis, forecasts=True), start=1):
        builder.add_team(await reports(store).team_report(basis, team(n), one, []))
    report = builder.build(None, outlook := await reports(store).outlook(basis))

    assert report.explanation is not None
    assert report.explanation.previous == report.previous_total
    assert report.explanation.current == report.current_total
    assert [line.name for line in report.explanation.lines] == ["EC2"]
    assert (report.forecast, report.forecast_record) == (
        outlook.forecast,
        outlook.forecast_record,
    )
    assert report.alert_record is not None
    assert report.alert_record.total == 0


def anomaly(number: int, status: AnomalyStatus, days: int, **more: Any) -> Anomaly:
    values: dict[str, Any] = {
        "id": f"a{number}",
        "kind": "shift",
        "source": "datadog",
        "account_id": ACCOUNTS[0],
        "service": "EC2",
        "start": (NOW - timedelta(days=days)).date(),
        "excess": Decimal(100),
        "status": status,
        "raised_at": NOW,
        "updated_at": NOW,
    }
    return Anomaly(**{**values, **more})


def test_what_became_of_alerts_is_counted_and_how_long_the_detected_ones_took() -> None:
    found = alert_record(
        [
            anomaly(1, "ended", 3),
            anomaly(2, "expected", 4),
            anomaly(3, "expected", 9),
            anomaly(4, "open", 22, kind="threshold"),
        ]
    )
    assert found.statuses == (("open", 1), ("expected", 2), ("ended", 1))
    assert (found.total, found.median_days) == (4, Decimal(4))
    assert alert_record([]).median_days is None


async def test_alerts_of_more_than_ninety_days_ago_do_not_count(store: MemoryStore) -> None:
    old = NOW - timedelta(days=91)
    await store.anomalies.raise_once(anomaly(1, "expected", 95, raised_at=old))
    await store.anomalies.raise_once(anomaly(2, "too_small", 3))
    outlook = await reports(store).outlook(basis_of(THROUGH))
    assert outlook.alert_record is not None
    assert outlook.alert_record.statuses == (("too_small", 1),)


def said(*lines: tuple[str, Category, int, int]) -> list[str]:
    return reasons(
        explained((of, name, Decimal(was), Decimal(now)) for name, of, was, now in lines), "USD"
    )


def test_an_explanation_names_the_largest_line_one_off_charges_and_what_cancels() -> None:
    usage = Category.USAGE
    assert said(("EC2", usage, 100, 192), ("S3", usage, 10, 18), ("RDS", usage, 5, 5)) == [
        "EC2 accounts for 92% of the increase."
    ]
    assert said(("EC2", usage, 100, 40), ("Support", Category.FEE, 0, 30)) == [
        "The largest fall is EC2, −$60.00.",
        "Usage −$60.00; credits, refunds, tax and fees +$30.00.",
        "The total hides larger changes: $30.00 up, $60.00 down.",
    ]
    assert said(("Support", Category.FEE, 0, 80)) == [
        "New fees account for 100% of the increase.",
        "Usage unchanged; credits, refunds, tax and fees +$80.00.",
    ]
    assert said(("EC2", usage, 10, 910), ("RDS", usage, 900, 0)) == [
        "The total hides larger changes: $900.00 up, $900.00 down."
    ]
    assert said(("EC2", usage, 10, 10)) == []
    # A dollar up and one down, or a dollar of tax, are no news beside a thousand.
    assert said(("S3", usage, 10, 12), ("RDS", usage, 9, 8), ("EC2", usage, 999, 999)) == [
        "The largest rise is S3, +$2.00."
    ]
    assert said(("EC2", usage, 100, 192), ("Tax", Category.TAX, 10, 11)) == [
        "EC2 accounts for 99% of the increase."
    ]


def test_half_a_cent_hides_nothing() -> None:
    """From $0.0140 to $0.0185 a cent is printed, which is all of what rose ($0.0095)."""
    lines = [
        (Category.USAGE, "EC2", Decimal(0), Decimal("0.0095")),
        (Category.USAGE, "S3", Decimal("0.0050"), Decimal(0)),
        (Category.USAGE, "RDS", Decimal("0.0090"), Decimal("0.0090")),
    ]
    assert not [sentence for sentence in reasons(explained(lines), "USD") if "hides" in sentence]


def month(number: int, forecast: int, actual: int) -> MonthForecast:
    made = Forecast(
        month=f"2026-{number:02d}",
        amount=Decimal(forecast),
        low=Decimal(forecast - 10),
        high=Decimal(forecast + 10),
    )
    return MonthForecast(made, Decimal(actual))


def test_the_record_of_forecasts_is_a_line() -> None:
    november = Month(2026, 11)
    three = TrackRecord((month(10, 105, 100), month(9, 98, 100), month(8, 150, 100)))
    assert record_line(three, november) == (
        "Forecasts made on this day in the last 3 months were off by 5.0% (median); "
        "2 of 3 were within their range."
    )
    assert record_line(TrackRecord((month(10, 105, 100),)), november) == (
        "The forecast made on this day last month was off by 5.0% and within its range."
    )
    assert record_line(TrackRecord(()), november) == ""


def test_months_without_a_forecast_are_not_counted_as_forecast() -> None:
    january = Month(2027, 1)
    gaps = TrackRecord((month(11, 105, 100), month(8, 98, 100)))
    assert record_line(gaps, january) == (
        "Forecasts made on this day in the last 5 months were off by 3.5% (median); "
        "2 of 2 were within their range."
    )
    assert record_line(TrackRecord((month(8, 120, 100),)), january) == (
        "The forecast made on this day in August was off by 20.0% and outside its range."
    )


NO_RANGE = "The cost history is too short or too irregular for a reliable month-end forecast."


def said_of_the_month(forecast: Forecast | None, spent: str, day: int = 18) -> str:
    return month_end_line(forecast, Decimal(spent), date(2026, 11, day), "USD")


def test_without_an_honest_range_the_report_says_what_is_spent_and_forecasts_nothing() -> None:
    assert said_of_the_month(None, "906.12") == (f"Spent so far in November: $906.12. {NO_RANGE}")
    assert said_of_the_month(None, "906.12", day=30) == ""
    assert month_end_line(None, None, date(2026, 11, 18), "USD") == ""


def test_the_printed_range_never_begins_below_what_is_spent() -> None:
    def between(low: str, high: str) -> Forecast:
        middle = (Decimal(low) + Decimal(high)) / 2
        return Forecast(month="2026-11", amount=middle, low=Decimal(low), high=Decimal(high))

    assert said_of_the_month(between("1418.40", "1419.40"), "1418.40") == (
        "Month-end forecast: $1,418.90 (80% range $1,418.40 to $1,419.40)"
    )
    assert said_of_the_month(between("1419.40", "1519.40"), "1418.40") == (
        "Month-end forecast: $1,469 (80% range $1,419 to $1,519)"
    )
    # Credits still to come may bring the month below what is spent by now.
    assert said_of_the_month(between("1410.40", "1420.40"), "1418.40") == (
        "Month-end forecast: $1,415 (80% range $1,410 to $1,420)"
    )


async def test_only_the_admins_email_shows_the_record_below_the_forecast(
    store: MemoryStore,
) -> None:
    basis = basis_of(THROUGH)
    (first, *_) = await figures(store, basis, forecasts=True)
    report = await reports(store).team_report(basis, team(1), first, [])
    builder = AdminReportBuilder(basis, {})
    builder.add_team(report)
    admins = render_admin(builder.build(None, await reports(store).outlook(basis)))
    teams = render_team(report, app_id=APP_ID)
    for email in (admins, teams):
        assert "Month-end forecast: $" in email.html
        assert "Month-end forecast: $" in email.text
    record = "Forecasts made on this day in the last 6 months were off by"
    assert record in " ".join(admins.text.split())
    assert record in admins.html
    assert record not in " ".join(teams.text.split())
    assert record not in teams.html
