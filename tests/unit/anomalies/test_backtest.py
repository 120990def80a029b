"""The backtest: what would have been told, from stored history as it was known on each day."""

import json
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.backtest import json_line, show
from services.adapters.secrets import FernetBox
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.backtest import Backtest, Backtester, BacktestLine
from services.costs import CostIngest
from services.domain import UNATTRIBUTED, Category, CostSeries, CostTable, DaySpan, SourceState
from services.domain.errors import InvalidError
from services.settings import SmtpSettings
from services.teams.teams import Teams
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import NAN, NOW, team
from tests.servers.datadog import Cost
from tests.unit.usage import FIRST, Usage, add, usage

JANUARY = date(2026, 1, 1)
LAST = date(2026, 11, 21)
"""The newest complete day at NOW."""
DAYS = (LAST - FIRST).days + 1
ACCOUNT, OTHER = "0" * 11 + "1", "0" * 11 + "2"
SPIKE = date(2026, 9, 10)
NOBODY = FakeCosts([Cost(FIRST, 0.0, {"chargecategory": "usage"})])


def backtests(store: MemoryStore, source: FakeCosts = NOBODY) -> Backtester:
    audit = AuditTrail(store.audit_entries)
    box = FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False)
    return Backtester(
        costs=CostIngest(source, store.costs, 48),
        store=store.costs,
        teams=Teams(store.teams, audit, source=source.description.name),
        config=Config(store.config, audit, box, SmtpSettings()),
        complete_after_hours=48,
    )


def steady(seed: int = 1, level: float = 400.0) -> Usage:
    return usage(level, days=DAYS, seed=seed)


def spiked(amount: float = 500.0, seed: int = 1) -> Usage:
    return add(steady(seed), "RDS", [(SPIKE - FIRST).days], amount)


def as_table(accounts: dict[str, Usage], more: Sequence[CostSeries] = ()) -> CostTable:
    before = array("d", [NAN]) * (FIRST - JANUARY).days
    series = [
        CostSeries(account, service, Category.USAGE, before + row)
        for account, services in accounts.items()
        for service, row in services.items()
    ]
    late = [CostSeries(x.account_id, x.service, x.category, before + x.amounts) for x in more]
    return CostTable(DaySpan(JANUARY, LAST), "USD", [*series, *late])


async def stored(
    accounts: dict[str, Usage],
    at: datetime = NOW,
    store: MemoryStore | None = None,
    more: Sequence[CostSeries] = (),
) -> MemoryStore:
    """A store that has read all of it at an instant."""
    store = store or MemoryStore()
    table = as_table(accounts, more)
    totals: dict[str, CostSeries] = {}
    for one in table.series:
        totals.setdefault(one.account_id, CostSeries(one.account_id, "", None, one.amounts))
    by_account = CostTable(table.span, "USD", list(totals.values()))
    await store.costs.save_totals("datadog", "m", by_account, at)
    await store.costs.save_details("datadog", "m", table, list(totals), at)
    await store.costs.save_state(
        SourceState(
            source="datadog",
            metric="m",
            data_through=LAST,
            expected_through=LAST,
            oldest_month=f"{FIRST:%Y-%m}",
        )
    )
    return store


def lines_of(found: Backtest) -> list[dict[str, object]]:
    return [json.loads(json_line(line)) for line in found.lines]


async def test_an_alert_is_one_line_with_the_days_the_money_and_the_service() -> None:
    store = await stored({ACCOUNT: spiked(), OTHER: steady(2)})

    (line,) = lines_of(await backtests(store).run(NOW))

    assert abs(float(str(line.pop("excess"))) - 500) < 50
    assert line == {
        "account": ACCOUNT,
        "service": "RDS",
        "kind": "spike",
        "start": "2026-09-10",
        "end": "2026-09-10",
        "notified_on": "2026-09-13",
        "driver": "RDS",
    }


async def test_an_alert_that_still_lasts_has_no_end() -> None:
    amounts = add(steady(), "EC2", range(DAYS - 8, DAYS), 300.0)
    (line,) = lines_of(await backtests(await stored({ACCOUNT: amounts})).run(NOW))
    assert (line["kind"], line["end"]) == ("shift", None)


async def test_an_amount_that_was_restated_is_raised_on_the_day_on_which_it_was_known() -> None:
    seen_late = datetime(2026, 9, 20, 1, tzinfo=UTC)
    store = await stored({ACCOUNT: steady()}, at=datetime(2026, 9, 13, 1, tzinfo=UTC))
    await stored({ACCOUNT: spiked()}, at=seen_late, store=store)

    (line,) = lines_of(await backtests(store).run(NOW))
    early = await backtests(store).run(NOW, last=date(2026, 9, 16))

    assert (line["start"], line["notified_on"]) == ("2026-09-10", "2026-09-20")
    assert early.lines == ()


async def test_an_alert_of_an_amount_that_was_taken_back_is_still_in_the_past() -> None:
    store = await stored({ACCOUNT: spiked()}, at=datetime(2026, 9, 13, 1, tzinfo=UTC))
    await stored({ACCOUNT: steady()}, at=datetime(2026, 9, 25, tzinfo=UTC), store=store)
    (line,) = lines_of(await backtests(store).run(NOW))
    assert line["notified_on"] == "2026-09-13"
    assert abs(float(str(line["excess"]))) < 50


async def test_only_days_from_and_to_are_judged_and_what_is_normal_is_known_by_then() -> None:
    late = add(spiked(), "EC2", [DAYS - 12], 700.0)
    found = backtests(await stored({ACCOUNT: late}))
    assert len((await found.run(NOW)).lines) == 2
    assert len((await found.run(NOW, first=SPIKE)).lines) == 2
    assert len((await found.run(NOW, first=SPIKE + timedelta(days=1))).lines) == 1
    assert len((await found.run(NOW, last=SPIKE)).lines) == 1
    assert (await found.run(NOW, first=SPIKE, last=SPIKE)).span == DaySpan(SPIKE, SPIKE)


async def test_credits_tax_and_fees_are_no_usage() -> None:
    row = array("d", [0.0]) * DAYS
    row[(SPIKE - FIRST).days] = 900.0
    more = [
        CostSeries(ACCOUNT, "Support", category, row)
        for category in Category
        if category is not Category.USAGE
    ]
    found = await backtests(await stored({ACCOUNT: steady()}, more=more)).run(NOW)
    assert found.lines == ()


async def test_breaches_of_the_threshold_come_only_when_requested() -> None:
    level = usage(400.0, lambda _: 1.0, days=DAYS)
    amounts = add(level, "EC2", range((date(2026, 10, 1) - FIRST).days, DAYS), 130.0)
    store = await stored({ACCOUNT: amounts, OTHER: amounts})
    await store.teams.add(team(2, aws_account_id=OTHER, anomaly_threshold=90.0))
    found = backtests(store)

    kinds = {line["kind"] for line in lines_of(await found.run(NOW))}
    stored_one = lines_of(await found.run(NOW, with_threshold=True))
    other_one = lines_of(await found.run(NOW, with_threshold=True, percent=95.0))

    assert "threshold" not in kinds
    (breach,) = [line for line in stored_one if line["kind"] == "threshold"]
    assert (breach["account"], breach["service"], breach["start"]) == (
        ACCOUNT,
        "EC2",
        "2026-10-01",
    )
    assert (breach["notified_on"], breach["end"]) == ("2026-10-10", "2026-11-06")
    assert [line for line in other_one if line["kind"] == "threshold"] == []


async def test_accounts_without_a_team_are_replayed_and_costs_without_an_account_are_not() -> None:
    store = await stored({OTHER: spiked(), UNATTRIBUTED: spiked(seed=3)})
    await store.teams.add(team(1, aws_account_id=ACCOUNT))
    found = await backtests(store).run(NOW)
    assert [(line.account_id, line.team_name) for line in found.lines] == [(OTHER, "")]
    assert found.accounts == 2


async def test_history_that_is_not_stored_is_read_as_far_as_the_source_keeps_it() -> None:
    amounts = spiked()
    lines = [
        Cost(
            FIRST + timedelta(days=i),
            x,
            {"aws_member_account_id": ACCOUNT, "aws_product": service, "chargecategory": "usage"},
        )
        for service, row in amounts.items()
        for i, x in enumerate(row)
    ]
    source, store = FakeCosts(lines, oldest=date(2026, 4, 1)), MemoryStore()

    (line,) = lines_of(await backtests(store, source).run(NOW))
    asked = len(source.asked)
    await backtests(store, source).run(NOW)

    assert line["start"] == "2026-09-10"
    assert len(source.asked) == asked
    assert (await store.costs.state("datadog")).oldest_month == "2026-04"


def usage_lines(account: str, amounts: Usage, until: date = LAST) -> list[Cost]:
    tags = {"aws_member_account_id": account, "chargecategory": "usage"}
    return [
        Cost(FIRST + timedelta(days=i), x, tags | {"aws_product": service})
        for service, row in amounts.items()
        for i, x in enumerate(row)
        if FIRST + timedelta(days=i) <= until
    ]


CLOSED = date(2026, 7, 20)


def closed_source(closed: Sequence[str], max_days: int | None = None) -> FakeCosts:
    """One account that goes on, and some with a spike that were closed in July."""
    early = add(steady(2), "RDS", [(date(2026, 6, 10) - FIRST).days], 900.0)
    lines = usage_lines(ACCOUNT, steady())
    for account in closed:
        lines += usage_lines(account, early, until=CLOSED)
    return FakeCosts(lines, max_days=max_days)


@pytest.mark.parametrize("max_days", [None, 10])
async def test_an_account_that_was_closed_since_is_replayed_and_read_once(
    max_days: int | None,
) -> None:
    source, store = closed_source([OTHER], max_days), MemoryStore()

    found = await backtests(store, source).run(NOW)
    asked = list(source.asked)
    again = await backtests(store, source).run(NOW)

    assert [(line.account_id, line.start) for line in found.lines] == [(OTHER, date(2026, 6, 10))]
    assert found.accounts == 2
    assert again == found
    assert source.asked == asked
    services = [
        (span, one) for kind, span, part in asked if kind == "by_service" for one in part or ()
    ]
    assert len(services) == len(set(services))


async def test_calls_grow_with_months_and_parts_and_not_with_closed_accounts() -> None:
    calls = []
    for number in (1, 20):
        source = closed_source([f"{n:012d}" for n in range(5, 5 + number)])
        found = await backtests(MemoryStore(), source).run(NOW)
        assert found.accounts == number + 1
        calls.append(len(source.asked))
    assert calls[0] == calls[1]


def grown_source() -> FakeCosts:
    """An account above its threshold from early October on, until early November."""
    level = usage(400.0, lambda _: 1.0, days=DAYS)
    grown = add(level, "EC2", range((date(2026, 10, 1) - FIRST).days, DAYS), 130.0)
    return FakeCosts(usage_lines(ACCOUNT, grown))


def small(days: int) -> list[Cost]:
    return [
        Cost(
            FIRST + timedelta(days=i),
            10.0,
            {"aws_member_account_id": ACCOUNT, "aws_product": "s3", "chargecategory": "usage"},
        )
        for i in range(days)
    ]


async def test_days_that_have_become_complete_since_are_read_first() -> None:
    source, store = FakeCosts(small(DAYS + 10)), MemoryStore()
    assert (await backtests(store, source).run(NOW)).span.last == LAST
    later = await backtests(store, source).run(NOW + timedelta(days=4))
    assert later.span.last == LAST + timedelta(days=4)


@pytest.mark.parametrize("closed", [True, False])
async def test_from_a_day_on_the_lines_are_those_of_a_replay_of_all(closed: bool) -> None:
    """Also on a store that holds nothing yet, and for breaches that began before that day."""
    source = closed_source([OTHER]) if closed else grown_source()
    all_of_it = await backtests(MemoryStore(), source).run(NOW, with_threshold=True, percent=20)
    asked = list(source.asked)
    for first in (date(2026, 6, 10), date(2026, 10, 7), date(2026, 11, 1)):
        found = await backtests(MemoryStore(), source).run(
            NOW, first=first, with_threshold=True, percent=20
        )
        since = first + timedelta(days=3)
        assert source.asked == asked * 2
        del source.asked[len(asked) :]
        assert found.lines == tuple(x for x in all_of_it.lines if x.notified_on >= since)
    assert all_of_it.lines


async def test_days_that_cannot_be_judged_are_refused_with_the_reason() -> None:
    found = backtests(await stored({ACCOUNT: steady()}))
    with pytest.raises(InvalidError, match="Swap them"):
        await found.run(NOW, first=LAST, last=FIRST)
    with pytest.raises(InvalidError, match="complete through 2026-11-21"):
        await found.run(NOW, first=LAST + timedelta(days=1))
    with pytest.raises(InvalidError, match="no costs before"):
        await found.run(NOW, last=date(2025, 1, 1))


async def test_accounts_that_move_together_are_one_group_and_a_line_each() -> None:
    accounts = {
        f"{n:012d}": add(steady(n, level=300.0 + 50 * n), "EC2", range(250, 262), 400.0)
        for n in range(6)
    }
    found = await backtests(await stored(accounts)).run(NOW)
    assert len(found.lines) == 6
    assert [len(group.events) for group in found.groups] == [6]


async def test_a_backtest_stores_no_anomaly() -> None:
    store = await stored({ACCOUNT: spiked()})
    await backtests(store).run(NOW)
    assert await store.anomalies.newest("datadog") == []


async def test_the_summary_says_how_many_for_how_many_accounts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = await stored({ACCOUNT: spiked()})
    await store.teams.add(team(1, aws_account_id=ACCOUNT, team_name="[b]Check\u202eout"))
    found = await backtests(store).run(NOW)
    assert found.per_account_month == 1 / (Decimal(DAYS) / Decimal("30.4375"))

    show(found)

    text = capsys.readouterr().out
    assert "Notified   1 alert (1 spike), 0.09 per account and month" in text
    assert f"{ACCOUNT} [b]Checkout" in text
    assert "2026-09-10 to 2026-09-10" in text


def test_the_excess_of_a_backtest_is_the_sum_of_its_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three lines of $1.004 print as $1.00 each, and as $3.00 together."""
    line = BacktestLine(
        account_id=ACCOUNT,
        team_name="",
        kind="spike",
        service="RDS",
        start=FIRST,
        end=FIRST,
        notified_on=FIRST,
        excess=Decimal("1.004"),
    )
    show(
        Backtest(
            span=DaySpan(FIRST, LAST),
            currency="USD",
            accounts=1,
            account_days=DAYS,
            lines=(line,) * 3,
            groups=(),
            sample=False,
        )
    )
    assert "Excess     $3.00\n" in capsys.readouterr().out


async def test_a_beginning_before_all_history_is_the_beginning_of_history() -> None:
    store = await stored({ACCOUNT: spiked()})
    await store.teams.add(team(1, aws_account_id=ACCOUNT))
    found = await backtests(store).run(NOW, first=date(1, 1, 1))
    assert found.span == (await backtests(store).run(NOW)).span
