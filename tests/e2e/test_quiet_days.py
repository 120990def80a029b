"""What is no anomaly, through the daily run: read, stored in MongoDB, judged, day after day."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from services.adapters.store import MongoStore
from services.domain import Anomaly, DaySpan, RunKind, RunState
from tests.fakes.costs import FakeCosts
from tests.servers.datadog import Cost
from tests.unit.usage import usage
from tests.workers import ACTOR, Workers

FIRST, LAST = date(2026, 7, 1), date(2026, 11, 6)
SPAN = DaySpan(FIRST, LAST)
JUDGED = DaySpan(date(2026, 10, 24), date(2026, 11, 3))
"""Days of costs: the clock goes back on two of them, and a month begins."""
ODD = date(2026, 10, 28)
"""The day that is missing, partial, or restated."""

Change = Callable[[date, float], float]
"""(day, amount of a service) → its amount as it finally is."""


def plain(day: date, amount: float) -> float:
    return amount


def weekend(day: date, amount: float) -> float:
    return amount * (0.3 if day.weekday() >= 5 else 1.0)


def by_length_of_month(day: date, amount: float) -> float:
    return amount * 30 / calendar.monthrange(day.year, day.month)[1]


def with_clock(day: date, amount: float) -> float:
    return amount * (25 / 24 if day in {date(2026, 10, 25), date(2026, 11, 1)} else 1.0)


def from_november_a_little_dearer(day: date, amount: float) -> float:
    return amount * (1.04 if day >= date(2026, 11, 1) else 1.0)


CHANGES: dict[str, Change] = {
    "weekend": weekend,
    "length of month": by_length_of_month,
    "clock": with_clock,
    "price": from_november_a_little_dearer,
    "new": lambda day, amount: amount if day >= date(2026, 10, 10) else 0.0,
    "closed": lambda day, amount: amount if day <= date(2026, 10, 25) else 0.0,
    **dict.fromkeys(("fee", "purchase", "credit", "missing", "partial", "restated"), plain),
}
ACCOUNTS = {name: f"{n:012d}" for n, name in enumerate(CHANGES, start=1)}
SEEN = {"missing": 0.0, "partial": 0.4, "restated": 1.08}
"""What the odd day first looked like, as a share."""


def cost(name: str, day: date, service: str, amount: float, charge: str = "usage") -> Cost:
    tags = {
        "aws_member_account_id": ACCOUNTS[name],
        "aws_product": service,
        "chargecategory": charge,
    }
    return Cost(day, amount, tags)


def charges(name: str, day: date) -> list[Cost]:
    """What an account is charged beside its services."""
    found = []
    if name == "fee" and day.day == 1:
        found.append(cost(name, day, "Support", 900.0))
    if name == "purchase" and day == ODD:
        found.append(cost(name, day, "EC2", 9000.0, "purchase"))
    if name == "credit" and day in {ODD, date(2026, 11, 1)}:
        found.append(cost(name, day, "EC2", -2500.0, "credit"))
        found.append(cost(name, day, "RDS", -400.0, "adjustment"))
    if day.day == 1:
        found.append(cost(name, day, "Tax", 1300.0, "tax"))
    return found


def lines(now: datetime, everywhere: float = 1.0) -> list[Cost]:
    """All costs as the source tells them at an instant."""
    found = []
    for seed, (name, change) in enumerate(CHANGES.items()):
        rows = usage(days=len(SPAN), seed=seed, first=FIRST)
        for i, day in enumerate(SPAN):
            early = day == ODD and now.date() < ODD + timedelta(days=5)
            seen = SEEN.get(name, 1.0) if early else 1.0
            raised = everywhere if day >= ODD else 1.0
            for service, row in rows.items():
                factor = raised if service == "EC2" else 1.0
                amount = change(day, row[i]) * seen * factor
                if amount:
                    found.append(cost(name, day, service, amount))
            found += charges(name, day)
    return [one for one in found if one.day <= now.date()]


async def judged_daily(store: MongoStore, days: DaySpan, everywhere: float = 1.0) -> list[Anomaly]:
    """The daily runs of these days of costs; what detection has raised."""
    workers = Workers(store=store, costs=FakeCosts([]), timing=Workers().timing)
    made = workers.services()
    for name, account in ACCOUNTS.items():
        row = {"team_name": name, "aws_account_id": account, "team_email": "t@example.org"}
        await made.teams.add(row, ACTOR, workers.now)
    for day in days:
        workers.now = datetime.combine(day + timedelta(days=3), time(6), UTC)
        workers.costs.costs = lines(workers.now, everywhere)
        await workers.tick(made)
        (run,) = await store.runs.list_runs("datadog", kind=RunKind.DAILY, period=day.isoformat())
        assert (run.state, run.last_error) == (RunState.DONE, None)
        assert run.summary is not None
        assert run.summary.data_through == day
    newest = await store.anomalies.newest("datadog")
    return [one for one in newest if one.kind != "threshold"]


async def test_nuisances_raise_nothing_day_by_day(store: MongoStore, *, is_long: bool) -> None:
    days = JUDGED if is_long else DaySpan(ODD - timedelta(days=1), date(2026, 11, 1))
    assert await judged_daily(store, days) == []


async def test_a_price_that_rises_in_all_accounts_is_one_group(store: MongoStore) -> None:
    days = DaySpan(ODD - timedelta(days=1), ODD + timedelta(days=2))
    found = await judged_daily(store, days, everywhere=1.6)
    accounts = [one.account_id for one in found]
    there = set(ACCOUNTS.values()) - {ACCOUNTS["closed"], ACCOUNTS["new"]}
    assert there <= set(accounts)
    assert len(accounts) == len(set(accounts))
    groups = {one.group for one in found if one.account_id in there}
    assert len(groups) == 1
    assert "" not in groups
    assert {one.service for one in found} == {"EC2"}
