"""The first run of a fresh database: the history first, then detection, then reports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.alerts.pending import PendingAlerts
from services.domain import (
    Anomaly,
    AnomalyStatus,
    CostTable,
    DaySpan,
    FrozenReport,
    RunKind,
    RunState,
)
from services.domain.errors import CostSourceError
from services.reports.admin_outlooks import alert_record
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import NOW
from tests.servers.datadog import Cost
from tests.workers import ACCOUNTS, Workers

RISEN, STEADY, NEW, ENDED = ACCOUNTS
THROUGH = date(2026, 11, 21)
"""The last complete day at NOW."""
DAYS = DaySpan(date(2025, 6, 1), THROUGH)
SINCE, USUAL, RISE = date(2026, 10, 30), 100.0, 60.0
LEARNED = 33
DAY = timedelta(days=1)


def amount(account: str, day: date) -> float:
    """The same every day, but for what this account is here for."""
    if account == RISEN and day >= SINCE:
        return USUAL + RISE
    if account == ENDED and date(2026, 11, 4) <= day <= date(2026, 11, 16):
        return USUAL + RISE
    return 1.0 if account == NEW else USUAL  # too little to cross a threshold


def lines(days: DaySpan = DAYS) -> list[Cost]:
    return [
        Cost(day, amount(account, day), tags(account))
        for account in ACCOUNTS
        for day in days
        if account != NEW or day > THROUGH - LEARNED * DAY
    ]


def tags(account: str) -> dict[str, str]:
    return {"aws_member_account_id": account, "aws_product": "ec2", "chargecategory": "usage"}


@pytest.fixture
async def world() -> Workers:
    fresh = Workers(costs=FakeCosts(lines()))
    await fresh.add_teams(4)
    return fresh


@dataclass
class SlowCosts(FakeCosts):
    """Time passes before each month of the history."""

    on_wait: Callable[[], None] = lambda: None

    async def wait_for_rate_limit(self) -> None:
        self.on_wait()


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def memory(world: Workers) -> MemoryStore:
    assert isinstance(world.store, MemoryStore)
    return world.store


async def anomalies(world: Workers) -> dict[str, Anomaly]:
    """What was detected, by account."""
    newest = await world.store.anomalies.newest("datadog")
    return {anomaly.account_id: anomaly for anomaly in newest if anomaly.kind != "threshold"}


async def weekly(world: Workers) -> dict[str, FrozenReport]:
    """A weekly run; its reports by the team's account, and the admins' under their name."""
    run = await world.asked()
    await world.services().worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.DONE
    accounts = {team.id: team.aws_account_id for team in await world.services().teams.list()}
    return {
        accounts.get(report.team_id or "", report.kind): report
        for report in memory(world).runs.reports.values()
    }


async def detect_as_the_daily_run(world: Workers) -> None:
    run = await world.asked(kind=RunKind.DAILY)
    await world.services().worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.DONE


def fail_before(world: Workers, first: date) -> None:
    """The source answers for no day before this one."""

    def spoil(kind: str, table: CostTable) -> CostTable:
        if table.span.first < first:
            raise CostSourceError("away", permanent=False)
        return table

    world.costs.spoil = spoil


async def test_the_first_report_says_what_the_daily_run_finds(world: Workers) -> None:
    reports = await weekly(world)

    days = (THROUGH - SINCE).days + 1
    found = (await anomalies(world))[RISEN]
    assert (found.start, found.excess) == (SINCE, Decimal("1380.00"))
    assert float(found.excess) == days * RISE
    assert "since 30 Oct" in reports[RISEN].rendered.subject
    assert "no unusual change" in reports[STEADY].rendered.subject

    before = await anomalies(world)
    world.now += timedelta(minutes=1)
    await detect_as_the_daily_run(world)
    after = await anomalies(world)
    assert after.keys() == before.keys()
    for account, anomaly in after.items():
        assert (
            anomaly.model_copy(update={"updated_at": before[account].updated_at})
            == before[account]
        )


async def test_the_history_is_read_in_months_that_somebody_can_watch(world: Workers) -> None:
    steps: list[tuple[str, int, int]] = []
    run = await world.asked()
    await world.services().worker.work(
        run.id, progress=lambda what, done, total: steps.append((what, done, total))
    )
    read = [(done, total) for what, done, total in steps if what == "cost history"]
    assert read == [*((n, 13) for n in range(14)), (13, 13)]
    assert min(span.first for kind, span, _ in world.costs.asked if kind == "by_service") == date(
        2025, 9, 1
    )


async def test_a_short_history_is_learned_and_not_called_usual(world: Workers) -> None:
    reports = await weekly(world)
    rendered = reports[NEW].rendered
    assert rendered.subject.endswith("learning, 33 of 35 days")
    for text in (rendered.subject, rendered.preheader, rendered.text, rendered.html):
        assert "unusual" not in text.casefold()
    assert "Learning, 33 of 35 days. Only large jumps alert." in rendered.text


async def test_what_ended_before_the_first_start_is_reported_with_its_days(
    world: Workers,
) -> None:
    reports = await weekly(world)
    found = (await anomalies(world))[ENDED]
    assert (found.start, found.end) == (date(2026, 11, 4), date(2026, 11, 16))
    assert found.found_at_install
    text = in_one_line(reports[ENDED].rendered.text)
    assert "4–16 Nov" in text
    assert "arrived late" not in text
    assert "Found when the agent was installed." in text
    pending = PendingAlerts(world.store, world.services().teams, "datadog")
    assert ENDED not in {anomaly.account_id for anomaly in await pending.candidates(world.now)}


async def test_a_crossed_threshold_is_dated_by_its_window(world: Workers) -> None:
    reports = await weekly(world)
    newest = await world.store.anomalies.newest("datadog")
    breach = next(a for a in newest if a.kind == "threshold" and a.account_id == ENDED)
    assert (breach.start, breach.last) == (date(2026, 11, 1), THROUGH)
    # 13 days at $60 more than the $100 of each of the same 21 days of October.
    assert breach.excess == Decimal("780.00")
    admin = reports["admin"].rendered
    assert "1–21 Nov, above threshold" in admin.text
    for text in (admin.text, admin.html, reports[ENDED].rendered.text):
        assert "since 1 Nov" not in in_one_line(text)


async def test_what_began_before_the_installation_is_no_answer_that_is_missing(
    world: Workers,
) -> None:
    reports = await weekly(world)
    assert all(anomaly.found_at_install for anomaly in (await anomalies(world)).values())
    team_text = in_one_line(reports[RISEN].rendered.text)
    assert "Found when the agent was installed." in team_text
    assert "No one has answered" not in team_text
    admin_text = in_one_line(reports["admin"].rendered.text)
    assert "unanswered" not in admin_text
    assert "median time to alert" not in admin_text
    assert "found when the agent was installed" in admin_text


@pytest.mark.parametrize("status", ["open", "ended", "expected"])
def test_only_what_began_since_the_installation_is_in_the_record(status: AnomalyStatus) -> None:
    def one(account: str, start: date, *, found_at_install: bool) -> Anomaly:
        return Anomaly(
            id=account,
            kind="shift",
            source="datadog",
            account_id=account,
            service="EC2",
            start=start,
            excess=Decimal(100),
            status=status,
            raised_at=NOW,
            updated_at=NOW,
            found_at_install=found_at_install,
        )

    record = alert_record(
        [
            one("a", NOW.date() - 30 * DAY, found_at_install=True),
            one("b", NOW.date() - 4 * DAY, found_at_install=False),
        ]
    )
    assert record.statuses == ((status, 1),)
    assert record.median_days == Decimal(4)
    assert record.found_at_install == 1


async def test_without_the_history_nobody_is_alerted_and_reports_say_why(world: Workers) -> None:
    fail_before(world, date(2026, 10, 1))
    reports = await weekly(world)

    assert "learning, 0 of 13 months" in reports[STEADY].rendered.subject
    assert "unusual" not in reports[STEADY].rendered.text.casefold()
    pending = PendingAlerts(world.store, world.services().teams, "datadog")
    assert await pending.candidates(world.now) == []


async def test_what_was_detected_without_the_history_is_detected_again_with_it(
    world: Workers,
) -> None:
    fail_before(world, date(2026, 10, 1))
    await weekly(world)
    await detect_as_the_daily_run(world)
    world.costs.spoil = lambda kind, table: table
    world.now += timedelta(minutes=5)

    await world.tick(world.services())

    found = (await anomalies(world))[RISEN]
    assert (found.start, found.excess) == (SINCE, Decimal("1380.00"))
    pending = PendingAlerts(world.store, world.services().teams, "datadog")
    assert [a.account_id for a in await pending.candidates(world.now)] == [RISEN]


async def test_what_had_ended_is_reported_after_it_was_detected_again(world: Workers) -> None:
    fail_before(world, date(2026, 10, 1))
    await detect_as_the_daily_run(world)
    found = (await anomalies(world))[ENDED]
    # As it may be estimated without the history.
    await world.store.anomalies.update(
        found.model_copy(update={"excess": Decimal(9), "updated_at": NOW + timedelta(minutes=1)})
    )
    world.costs.spoil = lambda kind, table: table
    world.now += timedelta(minutes=5)
    await world.tick(world.services())

    reports = await weekly(world)

    text = in_one_line(reports[ENDED].rendered.text)
    # 13 days at $60 more than usual.
    assert "$780.00 more than expected, 4–16 Nov." in text
    assert "Ended after 13 days. Found when the agent was installed." in text


async def test_a_history_that_never_comes_holds_alerts_for_a_day_only(world: Workers) -> None:
    fail_before(world, date(2026, 10, 1))
    await detect_as_the_daily_run(world)
    state = await world.store.costs.state("datadog")
    assert state.awaits_history(world.now)
    assert not state.awaits_history(world.now + timedelta(hours=24))


async def test_the_report_goes_out_when_the_history_takes_too_long(world: Workers) -> None:
    def pass_time() -> None:
        world.now += timedelta(minutes=15)

    world.costs = SlowCosts(lines(), on_wait=pass_time)
    reports = await weekly(world)
    assert "learning, 2 of 13 months" in reports[STEADY].rendered.subject


async def test_an_anomaly_of_an_earlier_version_is_dated_anew_and_keeps_its_id(
    world: Workers,
) -> None:
    """As it was detected from two months, and then the history arrived."""
    await detect_as_the_daily_run(world)
    found = (await anomalies(world))[RISEN]
    store = world.store.anomalies
    await store.update(found.model_copy(update={"start": SINCE + 5 * DAY, "excess": Decimal(9)}))
    world.now += timedelta(days=1)
    await weekly(world)
    assert (await anomalies(world))[RISEN].start == SINCE
    assert (await anomalies(world))[RISEN].id == found.id
