"""Previews say what the mail of now would: how last week's went, and what was restated since."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.adapters.secrets import FernetBox
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.planned_changes import PlannedChanges
from services.costs import CostIngest
from services.domain import Actor, AlertMinimum, DeliveryState, SourceState, Team
from services.domain.errors import InvalidError
from services.reports.builder import ReportBuilder
from services.reports.previews import ReportPreviewer
from services.reports.restatements import Restatements
from services.settings import SmtpSettings
from services.teams.teams import Teams
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import APP_ID, NOW, delivery, frozen, run, series, table

THROUGH = NOW.date() - timedelta(days=3)
FIRST = THROUGH.replace(day=1) - timedelta(days=61)
ACCOUNT = "1" * 12


async def reports(store: MemoryStore, now: float = 10.0) -> tuple[ReportPreviewer, Team]:
    """Previews over stored costs of one team: ten dollars a day, and so many in this month."""
    audit = AuditTrail(store.audit_entries)
    box = FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False)
    config = Config(store.config, audit, box, SmtpSettings(host="mail.example.org"))
    teams = Teams(store.teams, audit, source="datadog")
    team = await teams.add(
        {"team_name": "Checkout", "aws_account_id": ACCOUNT, "team_email": "c@example.org"},
        Actor(interface="cli"),
        NOW,
    )
    before = (THROUGH.replace(day=1) - FIRST).days
    amounts = [10.0] * before + [now] * THROUGH.day
    costs = table(FIRST, series(amounts, account=ACCOUNT))
    await store.costs.save_totals(
        "datadog", "m", table(FIRST, series(amounts, ACCOUNT, "", None)), NOW
    )
    await store.costs.save_details("datadog", "m", costs, [ACCOUNT], NOW)
    state = SourceState(
        source="datadog",
        metric="m",
        data_through=THROUGH,
        expected_through=THROUGH,
        refreshed_at=NOW,
    )
    await store.costs.save_state(state)
    reports = ReportBuilder(
        costs=store.costs,
        teams=teams,
        anomalies=store.anomalies,
        planned_changes=PlannedChanges(store.planned_changes, audit),
        alert_minimums=store.alert_minimums,
        source=FakeCosts([]).description,
        complete_after_hours=48,
        app_id=APP_ID,
    )
    made = ReportPreviewer(
        reports=reports,
        costs=CostIngest(FakeCosts([]), store.costs, 48),
        teams=teams,
        config=config,
        restatements=Restatements(store.runs, store.costs),
        runs=store.runs,
        ledger=store.deliveries,
        source="datadog",
    )
    return made, team


async def last_week(store: MemoryStore, team: Team, reported: str) -> None:
    """A run of a week ago, which reported this of fourteen days."""
    earlier = run("w", period="2026-W47", planned=True, created_at=NOW - timedelta(days=7))
    await store.runs.begin(earlier)
    preview = {
        "currency": "USD",
        "current_total": reported,
        "window": {"current": {"from": "2026-11-01", "to": "2026-11-14"}},
    }
    await store.runs.freeze(
        [frozen("w|t", run_id=earlier.ledger_id, team_id=team.id, preview=preview)]
    )
    await store.deliveries.plan(
        [
            delivery("a", run_id=earlier.ledger_id, state=DeliveryState.SENT),
            delivery(
                "b",
                run_id=earlier.ledger_id,
                state=DeliveryState.FAILED,
                recipient="b@example.org",
                error="550 mailbox full",
            ),
        ]
    )


async def test_a_preview_says_what_was_reported_and_is_not_so_any_more() -> None:
    store = MemoryStore()
    made, team = await reports(store)
    await last_week(store, team, "100.00")
    report = await made.team_report(team, NOW)
    assert report.restatement is not None
    assert (report.restatement.reported, report.restatement.now) == (Decimal(100), Decimal(140))
    words = "1–14 Nov is now $140.00; on 17 Nov we reported $100.00 (+40.0%)."
    assert words in (await made.rendered_team(report)).text.replace("\n", " ")
    admins = await made.admin_report(NOW)
    assert [name for name, _ in admins.restated] == ["Checkout"]
    assert f"Checkout: {words}" in (await made.rendered_admin(admins)).text.replace("\n", " ")


async def test_the_admins_preview_says_how_the_last_emails_went() -> None:
    store = MemoryStore()
    made, team = await reports(store)
    await last_week(store, team, "140.00")
    admins = await made.admin_report(NOW)
    assert admins.restated == ()
    text = (await made.rendered_admin(admins)).text
    assert "Week of 16 Nov: 1 sent, 1 failed" in text
    assert "b@example.org: 550 mailbox full" in text


async def test_without_an_earlier_run_there_is_nothing_to_look_back_on() -> None:
    made, _ = await reports(MemoryStore())
    assert (await made.admin_report(NOW)).deliveries is None


@pytest.mark.parametrize(("amount", "crossed"), [("105", True), ("105.01", False)])
async def test_growth_below_the_accounts_floor_crosses_no_threshold(
    amount: str, crossed: bool
) -> None:
    store = MemoryStore()
    made, team = await reports(store, now=15.0)
    floor = AlertMinimum(
        account_id=ACCOUNT, source="datadog", amount=Decimal(amount), by="Ana", at=NOW, entry="e"
    )
    await store.alert_minimums.replace("datadog", ACCOUNT, floor, None)
    report = await made.team_report(team, NOW)
    assert (report.figures.breach is not None) is crossed
    assert bool(report.anomalies) is crossed


async def test_a_month_that_is_over_is_compared_in_full_with_the_one_before() -> None:
    made, team = await reports(MemoryStore())
    window = (await made.team_report(team, NOW, "2026-10")).figures.window
    assert (window.current.first, window.current.last) == (date(2026, 10, 1), date(2026, 10, 31))
    assert (window.previous.first, window.previous.last) == (date(2026, 9, 1), date(2026, 9, 30))


async def test_the_present_month_is_the_present_report_and_a_later_one_has_not_begun() -> None:
    made, team = await reports(MemoryStore())
    now = await made.team_report(team, NOW)
    assert (await made.team_report(team, NOW, "2026-11")).figures == now.figures
    with pytest.raises(InvalidError, match=r"2026-12 has not begun\. .*is 2026-11"):
        await made.team_report(team, NOW, "2026-12")
    with pytest.raises(InvalidError, match="is not a period"):
        await made.team_report(team, NOW, "2026-13")
