"""What detection costs through the product's real path: stored in MongoDB, loaded, replayed, recorded.

``python -m tests.bench.detection.real_path [--accounts 84 1000 10000]`` prints CPU seconds of this
process (MongoDB's own are not in it) and how far its memory grew:

- the daily detection of so many accounts × 10 services, twice: the first one ever, and that of
  the day after;
- what a batch of histories takes, for several sizes of batches;
- a whole ``backtest`` of 84 accounts × 15 services × 400 days.
"""

import argparse
import asyncio
import gc
import json
import logging
import re
import secrets
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import structlog
from pydantic import SecretStr

from services.adapters.embedded_mongo.server import start_embedded
from services.adapters.secrets import FernetBox
from services.adapters.store import MongoStore
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.analysis.detection.rules import Rules
from services.anomalies.backtest import Backtester
from services.anomalies.daily_detection import DailyDetector
from services.anomalies.history_replay import HISTORY, ReplayDay, replay_batch
from services.anomalies.lifecycle import AnomalyLifecycle
from services.anomalies.planned_changes import PlannedChanges
from services.costs import CostIngest
from services.domain import UNATTRIBUTED, Category, CostSeries, CostTable, DaySpan, SourceState
from services.settings import SmtpSettings
from services.teams.teams import Teams
from tests.bench.detection.cost import FIRST, TEMPLATES, answer, cpu, rows_of, usage_of
from tests.fakes.costs import FakeCosts

AT_ONCE = 500
FLOOR = 25.0
SERVICES = 10
BATCHES = (25, 100, 250)


def resident_mebibytes(field: str) -> float:
    """Resident memory of this process on Linux: ``VmRSS`` now, ``VmHWM`` at its peak."""
    (line,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def forget_peak() -> None:
    """Makes the peak that of now (see proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


async def spent(work: Awaitable[object]) -> float:
    """CPU seconds of this process, all threads."""
    gc.collect()
    begin = time.process_time()
    await work
    return time.process_time() - begin


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
    # Costs without an account, none here: a backtest reads months again that lack them.
    await store.costs.save_details("datadog", "m", CostTable(span, "USD", []), [UNATTRIBUTED], at)
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


def show(title: str, rows: list[tuple[str, float]], unit: float) -> None:
    """A Markdown table: seconds, and as multiples of a unit."""
    print(f"\n{title}\n\n| | CPU s | × json.loads |\n|---|---:|---:|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / unit:.2f} |", flush=True)


def filled(url: str, database: str, accounts: int) -> list[str]:
    """Stores as much history as is replayed; for a process of its own, whose memory is not counted."""

    async def work() -> list[str]:
        store = MongoStore(url, database)
        names = await fill(store, accounts, SERVICES, HISTORY.days + 2)
        await store.aclose()
        return names

    return asyncio.run(work())


async def daily_detection(url: str, accounts: int) -> None:
    """The detection of the daily run on two days in a row."""
    database = f"bench_{secrets.token_hex(6)}"
    store = MongoStore(url, database)
    await store.prepare()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        names = await asyncio.get_running_loop().run_in_executor(
            pool, filled, url, database, accounts
        )
    detections = DailyDetector(
        costs=store.costs,
        store=store.anomalies,
        anomalies=AnomalyLifecycle(store.anomalies),
        planned_changes=PlannedChanges(store.planned_changes, AuditTrail(store.audit_entries)),
        alert_minimums=store.alert_minimums,
        source="datadog",
        complete_after_hours=48,
    )
    through = FIRST + HISTORY + timedelta(days=1)
    yesterday = through - timedelta(days=1)
    now = datetime(through.year, through.month, through.day, 9, tzinfo=UTC) + timedelta(days=3)
    gc.collect()
    forget_peak()
    memory = resident_mebibytes("VmRSS")
    first = await spent(
        detections.detect_day(
            names, yesterday, "USD", now - timedelta(days=1), since=None, alert_minimum=FLOOR
        )
    )
    second = await spent(
        detections.detect_day(names, through, "USD", now, since=yesterday, alert_minimum=FLOOR)
    )
    grown = resident_mebibytes("VmHWM") - memory
    raised = len(await store.anomalies.newest("datadog", limit=10 * accounts))
    await store.aclose()
    print(
        f"| {accounts:,} | {first:.2f} | {second:.2f} | {1000 * second / accounts:.1f} | "
        f"{raised:,} | {memory:.0f} | {grown:.0f} |",
        flush=True,
    )


async def batch_memory(store: MongoStore) -> None:
    """How much memory a batch takes at its peak, as Python allocates it."""
    names = await fill(store, max(BATCHES), SERVICES, HISTORY.days + 1)
    day = ReplayDay(FIRST + HISTORY, timedelta(days=3), Rules(alert_minimum=FLOOR))
    print(f"\nA batch of accounts × {SERVICES} services\n")
    print("| accounts | peak MiB | CPU s |\n|---:|---:|---:|")
    for size in BATCHES:
        seconds = await spent(replay_batch(store.costs, "datadog", names[:size], day, {}))
        tracemalloc.start()
        await replay_batch(store.costs, "datadog", names[:size], day, {})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"| {size} | {peak / 2**20:.1f} | {seconds:.2f} |", flush=True)


async def whole_backtest(store: MongoStore) -> None:
    """``backtest`` over stored history."""
    accounts, services, days = 84, 15, 400
    made = [(f"{n:012d}", usage_of(n, services, days)) for n in range(accounts)]
    body = answer(made, 0, days)
    span = DaySpan(FIRST, FIRST + timedelta(days=days - 1))
    parsed, decoded = cpu(lambda: json.loads(body)), cpu(lambda: rows_of(body, span))
    await fill(store, accounts, services, days)
    audit = AuditTrail(store.audit_entries)
    box = FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False)
    source = FakeCosts([])
    backtests = Backtester(
        costs=CostIngest(source, store.costs, 48),
        store=store.costs,
        teams=Teams(store.teams, audit, source="datadog"),
        config=Config(store.config, audit, box, SmtpSettings()),
        complete_after_hours=48,
    )
    now = datetime(span.last.year, span.last.month, span.last.day, 9, tzinfo=UTC)
    seconds = await spent(backtests.run(now + timedelta(days=3)))
    rows = [("json.loads", parsed), ("our decoder", decoded), ("**backtest**", seconds)]
    show(f"Backtest, {accounts} accounts × {services} services × {days} days", rows, parsed)


async def measure(accounts: Sequence[int]) -> None:
    """Prints the tables; each measurement has a database of its own."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        async with start_embedded(Path(folder)) as mongo:
            print(f"Daily detection, accounts × {SERVICES} services\n")
            print(
                "| accounts | first day, CPU s | next day, CPU s | ms an account | anomalies |",
                end="",
            )
            print(" MiB before | MiB more at the peak |\n|---:|---:|---:|---:|---:|---:|---:|")
            for number in accounts:
                await daily_detection(mongo.url, number)
            for work in (batch_memory, whole_backtest):
                store = MongoStore(mongo.url, f"bench_{secrets.token_hex(6)}")
                await store.prepare()
                await work(store)
                await store.aclose()


def main() -> None:
    """Reads how many accounts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[84, 1_000, 10_000])
    asyncio.run(measure(parser.parse_args().accounts))


if __name__ == "__main__":
    main()
