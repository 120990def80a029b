"""The same money stands once in what people read: a crossed threshold that an open detected event
stands for is a mark on the event.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.administration.audit_trail import AuditTrail
from services.anomalies.listing import AnomalyList
from services.domain import Anomaly, DigestContent, Resolution
from services.teams.teams import Teams
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import NOW
from tests.servers.datadog import Cost
from tests.unit.anomalies.test_daily_detection import JUMP, channel, jump, now_of
from tests.unit.reports.test_other_periods import SPAN, admin_text, worked
from tests.unit.reports.test_previews import ACCOUNT, THROUGH, reports
from tests.workers import ACCOUNTS, Workers

OTHER = "2" * 12
MONTH = THROUGH.replace(day=1)
SAID = Resolution(by="Ana", by_id="a", at=NOW)


def event(**more: Any) -> Anomaly:
    values: dict[str, Any] = {
        "id": "event",
        "kind": "shift",
        "source": "datadog",
        "account_id": ACCOUNT,
        "service": "RDS",
        "start": MONTH,
        "last": THROUGH,
        "excess": Decimal(100),
        "shares": (("RDS", Decimal(100)),),
        "raised_at": NOW,
        "updated_at": NOW,
    }
    return Anomaly(**{**values, **more})


def breach(**more: Any) -> Anomaly:
    values = {
        "id": f"threshold-datadog-{ACCOUNT}-{MONTH:%Y-%m}",
        "kind": "threshold",
        "last": None,
    }
    return event(**{**values, "excess": Decimal(105), **more})


async def stored(*anomalies: Anomaly) -> MemoryStore:
    store = MemoryStore()
    for anomaly in anomalies:
        assert await store.anomalies.raise_once(anomaly)
    return store


def listing(store: MemoryStore) -> AnomalyList:
    teams = Teams(store.teams, AuditTrail(store.audit_entries), source="datadog")
    return AnomalyList(store.anomalies, teams, "datadog")


@pytest.mark.parametrize("recorded", [True, False])
async def test_emails_and_cards_count_and_list_the_event_with_its_mark(recorded: bool) -> None:
    store = await stored(event(), *([breach()] if recorded else []))
    made, team = await reports(store, now=15.0)
    report = await made.team_report(team, NOW)
    assert [anomaly.id for anomaly in report.anomalies] == ["event"]
    text = (await made.rendered_team(report)).text
    assert "NEEDS ATTENTION (1 OPEN ANOMALY)" in text
    assert "above the threshold. No one has answered yet." in text.replace("\n", " ")
    assert "Usage up 50.0%, above" in text  # the mark of the headline
    admins = (await made.rendered_admin(await made.admin_report(NOW))).text
    assert "ANOMALIES (1 OPEN)" in admins
    assert "over expected, above threshold" in admins


async def test_the_weekly_emails_list_it_once_and_what_is_recorded_stays() -> None:
    tags = {
        "aws_member_account_id": ACCOUNTS[0],
        "aws_product": "AmazonEC2",
        "chargecategory": "usage",
    }
    costs = [Cost(day, 300.0 if day.month == 11 else 100.0, tags) for day in SPAN]
    world = Workers(costs=FakeCosts(costs))
    (team,) = await world.add_teams(1)
    run = await worked(world, None)
    text = await admin_text(world, run)
    assert "ANOMALIES (1 OPEN)" in text
    assert "over expected, above threshold" in text
    mail = await world.store.runs.frozen(f"{run.ledger_id}|{team.id}")
    assert mail is not None
    assert "NEEDS ATTENTION (1 OPEN ANOMALY)" in mail.rendered.text
    assert run.summary is not None
    assert run.summary.anomalies == 1
    kinds = [one.kind for one in await world.store.anomalies.open_of("datadog")]
    assert sorted(kinds) == ["shift", "threshold"]


async def test_an_event_of_the_month_before_stands_for_no_threshold_of_this_one() -> None:
    before = MONTH - timedelta(days=1)
    store = await stored(event(start=before, last=before), breach())
    made, team = await reports(store, now=15.0)
    report = await made.team_report(team, NOW)
    assert sorted(anomaly.id for anomaly in report.anomalies) == ["event", breach().id]
    text = (await made.rendered_team(report)).text.replace("\n", " ")
    assert ", above the threshold" not in text
    lines = await listing(store).list()
    assert [line.above_threshold for line in lines] == [False, False]


async def test_an_answered_event_stands_for_nothing_in_lists() -> None:
    store = await stored(event(status="expected", answer=SAID), breach())
    made, team = await reports(store, now=15.0)
    assert [anomaly.id for anomaly in (await made.team_report(team, NOW)).anomalies] == [
        breach().id
    ]
    lines = await listing(store).list()
    assert [line.anomaly.id for line in lines] == [breach().id, "event"]
    assert not any(line.above_threshold for line in lines)


async def test_the_list_marks_the_event_and_a_page_of_all_keeps_both() -> None:
    others = (event(id="other", account_id=OTHER, excess=Decimal(1)), breach(id="own"))
    past = breach(id="past", status="ended", end=date(2026, 10, 31))
    store = await stored(event(), *others, past)
    lines = await listing(store).list()
    assert [(line.anomaly.id, line.above_threshold) for line in lines] == [
        ("event", True),
        ("other", False),
        ("past", False),
    ]
    found = await listing(store).page()
    assert sorted(one.id for one, _ in found) == ["event", "other", "own", "past"]


async def test_a_message_of_several_marks_those_that_stand_for_a_threshold() -> None:
    world, days = await channel()
    days.factors = {f"{i:012d}": jump(JUMP, 0.6) for i in range(1, 13)}
    await days.read_and_detect(JUMP - timedelta(days=1))
    await days.read_and_detect(JUMP)
    crossed = breach(account_id=f"{3:012d}", start=JUMP.replace(day=1), raised_at=now_of(JUMP))
    await world.store.anomalies.raise_once(crossed)
    await world.tick()
    ((_, news),) = world.notifier.posts
    assert isinstance(news, DigestContent)
    assert len(news.lines) == 12
    marked = [line.anomaly.account_id for line in news.lines if line.above_threshold]
    assert marked == [crossed.account_id]
