"""What judging costs through the product's real path: stored in MongoDB, loaded, judged, recorded.

``python -m tests.bench.detection.real_path [--accounts 10000]`` prints CPU seconds of this process
(MongoDB's own are not in it), against parsing the JSON that the costs come in, in one run:

- the daily run's judging of one new day, of that many accounts × 10 services: first without,
  then with what was kept of the day before;
- a whole ``backtest`` of 84 accounts × 15 services × 400 days.
"""

import argparse
import asyncio
import gc
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from services.adapters.embedded import start_embedded
from services.adapters.secrets import FernetBox
from services.adapters.store import MongoStore
from services.anomalies import Anomalies
from services.audit import Audit
from services.backtests import Backtests
from services.config import Config
from services.costs import Costs
from services.detections import Detections
from services.judging import REPLAYED, Judgement, Judging, Outcome
from services.model import (
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    KeptWatch,
    SourceState,
    UsageHistory,
)
from services.plans import Plans
from services.settings import SmtpSettings
from services.teams import Teams
from tests.bench.detection.cost import FIRST, TEMPLATES, answer, cpu, rows_of, usage_of
from tests.fakes.costs import FakeCosts

AT_ONCE = 500
FLOOR = 25.0
COMPARED = 51
"""Days that the daily run reads again on the 20th of a month: this month and the one before."""


async def spent(work: Awaitable[object]) -> float:
    """CPU seconds of this process, all threads."""
    gc.collect()
    begin = time.process_time()
    await work
    return time.process_time() - begin


class Measured(Judging):
    """Counts what going on with kept watches takes, without reading and storing them."""

    spent = 0.0

    def _gone_on(
        self, kept: KeptWatch, usage: UsageHistory, day: Judgement
    ) -> tuple[Outcome, KeptWatch | None] | None:
        begin = time.thread_time()
        found = super()._gone_on(kept, usage, day)
        self.spent += time.thread_time() - begin
        return found


async def fill(store: MongoStore, accounts: int, services: int, days: int) -> list[str]:
    """Stores the history of some accounts; their ids."""
    made = [usage_of(seed, services, days) for seed in range(min(TEMPLATES, accounts))]
    span = DaySpan(FIRST, FIRST + timedelta(days=days - 1))
    at = datetime(span.last.year, span.last.month, span.last.day, tzinfo=UTC) + timedelta(days=3)
    names = [f"{n:012d}" for n in range(accounts)]
    for i in range(0, accounts, AT_ONCE):
        part = range(i, min(i + AT_ONCE, accounts))
        series = [
            CostSeries(names[n], service, Category.USAGE, row)
            for n in part
            for service, row in made[n % len(made)].items()
        ]
        table = CostTable(span, "USD", series)
        totals = [
            CostSeries(names[n], "", None, next(iter(made[n % len(made)].values()))) for n in part
        ]
        await store.costs.save_totals("datadog", "m", CostTable(span, "USD", totals), at)
        await store.costs.save_details("datadog", "m", table, [names[n] for n in part], at)
    await store.costs.save_state(
        SourceState(
            source="datadog",
            metric="m",
            data_through=span.last,
            expected_through=span.last,
            oldest_month=f"{FIRST:%Y-%m}",
        )
    )
    return names


def _parsed(body: bytes) -> float:
    """CPU seconds of parsing an answer."""
    return cpu(lambda: json.loads(body))


def show(title: str, rows: list[tuple[str, float]], unit: float) -> None:
    """A Markdown table: seconds, and as multiples of a unit."""
    print(f"\n{title}\n\n| | CPU s | × json.loads |\n|---|---:|---:|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / unit:.2f} |", flush=True)


async def one_day(store: MongoStore, accounts: int) -> None:
    """The judging of the daily run, a day after the last one."""
    services, days = 10, REPLAYED.days + 1
    made = [usage_of(seed, services, days) for seed in range(min(TEMPLATES, accounts))]
    pairs = [(f"{n:012d}", made[n % len(made)]) for n in range(accounts)]
    new_day, compared = (_parsed(answer(pairs, days - n, days)) for n in (1, COMPARED))
    names = await fill(store, accounts, services, days)
    judging = Measured(costs=store.costs, watches=store.watches, source="datadog")
    detections = Detections(
        judging=judging,
        costs=store.costs,
        store=store.anomalies,
        anomalies=Anomalies(store.anomalies),
        plans=Plans(store.plans, Audit(store.audit)),
        floors=store.floors,
        source="datadog",
        complete_after_hours=48,
    )
    through = FIRST + timedelta(days=days - 1)
    now = datetime(through.year, through.month, through.day, 9, tzinfo=UTC) + timedelta(days=3)
    before = await spent(
        detections.judge(
            names,
            through - timedelta(days=1),
            "USD",
            now - timedelta(days=1),
            since=None,
            floor=FLOOR,
        )
    )
    today = await spent(
        detections.judge(
            names, through, "USD", now, since=through - timedelta(days=1), floor=FLOOR
        )
    )
    show(
        f"Daily run, {accounts:,} accounts × {services} services",
        [
            ("json.loads of the new day alone", new_day),
            (f"json.loads of the {COMPARED} days that a daily run reads", compared),
            ("first day, judged from all of the history", before),
            ("**one new day, judged**", judging.spent),
            ("the same with all reading, keeping and recording", today),
        ],
        new_day,
    )


async def whole_backtest(store: MongoStore) -> None:
    """``backtest`` over stored history."""
    accounts, services, days = 84, 15, 400
    made = [(f"{n:012d}", usage_of(n, services, days)) for n in range(accounts)]
    body = answer(made, 0, days)
    span = DaySpan(FIRST, FIRST + timedelta(days=days - 1))
    parsed, decoded = cpu(lambda: json.loads(body)), cpu(lambda: rows_of(body, span))
    await fill(store, accounts, services, days)
    audit = Audit(store.audit)
    box = FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False)
    source = FakeCosts([])
    backtests = Backtests(
        costs=Costs(source, store.costs, 48),
        store=store.costs,
        teams=Teams(store.teams, audit, source="datadog"),
        config=Config(store.config, audit, box, SmtpSettings()),
        complete_after_hours=48,
    )
    now = datetime(span.last.year, span.last.month, span.last.day, 9, tzinfo=UTC)
    seconds = await spent(backtests.run(now + timedelta(days=3)))
    rows = [("json.loads", parsed), ("our decoder", decoded), ("**backtest**", seconds)]
    show(f"Backtest, {accounts} accounts × {services} services × {days} days", rows, parsed)


async def measure(accounts: int) -> None:
    """Both, each on a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with start_embedded(Path(folder)) as mongo:
            for work in (whole_backtest, lambda store: one_day(store, accounts)):
                store = MongoStore(mongo.url, f"bench_{secrets.token_hex(6)}")
                await store.prepare()
                await work(store)
                await store.aclose()


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    asyncio.run(measure(parser.parse_args().accounts))


if __name__ == "__main__":
    main()
