"""Runs of periods that are over: they say what was so then, and change nothing that is so now."""

from datetime import date
from decimal import Decimal

import pytest

from services.domain import Anomaly, DaySpan, Run, RunKind, RunState
from services.domain.errors import CostSourceError
from tests.fakes.costs import FakeCosts
from tests.makers import NOW
from tests.servers.datadog import Cost
from tests.workers import ACCOUNTS, ACTOR, Workers

SPAN = DaySpan(date(2026, 5, 1), date(2026, 11, 24))


def costs() -> list[Cost]:
    """Ten dollars a day for each account; thirty in September for the first."""
    return [
        Cost(
            day,
            30.0 if account == ACCOUNTS[0] and day.month == 9 else 10.0,
            {
                "aws_member_account_id": account,
                "aws_product": "AmazonEC2",
                "chargecategory": "usage",
            },
        )
        for account in ACCOUNTS
        for day in SPAN
    ]


def november(account: str) -> Anomaly:
    return Anomaly(
        id=f"november {account}",
        kind="shift",
        source="datadog",
        account_id=account,
        service="AmazonRDS",
        start=date(2026, 11, 5),
        last=date(2026, 11, 21),
        excess=Decimal("1234.50"),
        raised_at=NOW,
        updated_at=NOW,
    )


@pytest.fixture
async def world() -> Workers:
    found = Workers(costs=FakeCosts(costs()))
    await found.add_teams(2)
    return found


async def worked(world: Workers, period: str | None) -> Run:
    made = world.services()
    run = await made.runs.request(RunKind.WEEKLY, ACTOR, world.now, period=period)
    await made.worker.work(run.id)
    return await world.run(run.id)


async def admin_text(world: Workers, run: Run) -> str:
    found = await world.store.runs.frozen(f"{run.ledger_id}|admin")
    assert found is not None
    return found.rendered.text


async def test_an_earlier_period_lists_what_was_so_then_and_records_nothing(
    world: Workers,
) -> None:
    await world.store.anomalies.raise_once(november(ACCOUNTS[1]))
    run = await worked(world, "2026-W39")
    text = await admin_text(world, run)
    assert run.state is RunState.DONE
    assert "ANOMALIES (1 OPEN)" in text
    assert "1–25 Sep, above threshold" in text
    assert "$1,234.50" not in text
    stored = await world.store.anomalies.open_of("datadog")
    assert [one.id for one in stored] == [november(ACCOUNTS[1]).id]


async def test_a_period_without_any_costs_is_refused_and_emails_nothing(world: Workers) -> None:
    with pytest.raises(CostSourceError, match="There are no costs from 2024"):
        await worked(world, "2024-W10")
    (run,) = await world.store.runs.list_runs("datadog", kind=RunKind.WEEKLY, limit=2)
    assert run.state is not RunState.DONE
    assert "Choose a later period" in str(run.last_error)
    assert not world.transport.by_recipient


async def test_anomalies_of_accounts_without_a_team_are_in_the_admins_report(
    world: Workers,
) -> None:
    # Of a threshold, as detection ends what it does not find itself.
    breach = november(ACCOUNTS[3]).model_copy(update={"kind": "threshold"})
    await world.store.anomalies.raise_once(breach)
    text = await admin_text(world, await worked(world, None))
    assert "ANOMALIES (1 OPEN)" in text
    assert f"{ACCOUNTS[3]}, no team" in text
    assert "$1,234.50" in text
