"""Detection replays accounts in batches: few queries, flat memory, off the event loop."""

import gc
import threading
from array import array
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import ceil, nan

from services.analysis.detection.rules import Rules
from services.anomalies.history_replay import ACCOUNTS_PER_BATCH, HISTORY, ReplayDay, replay_batch
from services.domain import Category, CostChange, DaySpan, SourceName, UsageHistory
from services.ports import UsageStore
from tests.makers import NOW
from tests.unit.anomalies.test_daily_detection import ACCOUNT, JUMP, Days, jump

DAY = timedelta(days=1)
REPLAY_DAY = ReplayDay(date(2026, 11, 21), 3 * DAY, Rules())


class CountingCosts:
    """Passes reads on; counts them, and the accounts whose history is still in memory then."""

    def __init__(self, costs: UsageStore) -> None:
        self._costs = costs
        self.batches: list[Sequence[str]] = []
        self.in_memory: list[int] = []
        self.spans: set[DaySpan] = set()

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        gc.collect()
        seen = {account for batch in self.batches for account in batch}
        self.in_memory.append(
            sum(type(o) is UsageHistory and o.account_id in seen for o in gc.get_objects())
        )
        self.batches.append(accounts)
        self.spans.add(span)
        return await self._costs.load_usage(source, accounts, span)


async def test_each_batch_is_one_query_and_leaves_memory_before_the_next_but_one() -> None:
    days = Days()
    number = 4 * ACCOUNTS_PER_BATCH + 1
    days.factors = {f"9{n:011d}": jump(JUMP, 0.6 if n % 3 else 0.0) for n in range(number)}
    await days.read(JUMP, NOW)
    costs = CountingCosts(days.store.costs)
    days.costs = costs
    await days.detect(JUMP)
    assert len(costs.batches) == ceil(number / ACCOUNTS_PER_BATCH)
    assert [account for batch in costs.batches for account in batch] == sorted(days.factors)
    assert costs.spans == {DaySpan(JUMP - HISTORY, JUMP)}
    # The worker thread may still hold the last batch for an instant.
    assert max(costs.in_memory) <= ACCOUNTS_PER_BATCH


class ThreadNoting(dict[str, "array[float]"]):
    """Notes which threads look at it."""

    threads: set[int]

    def __iter__(self) -> Iterator[str]:
        self.threads.add(threading.get_ident())
        return super().__iter__()


class OneAccount:
    """Costs of a single account."""

    def __init__(self, history: UsageHistory) -> None:
        self._history = history

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        return [self._history]


async def test_the_arithmetic_of_a_batch_leaves_the_event_loop_alone() -> None:
    usage = ThreadNoting(EC2=array("d", [300.0]) * len(REPLAY_DAY.span))
    usage.threads = set()
    costs = OneAccount(UsageHistory(ACCOUNT, REPLAY_DAY.span, usage, []))
    assert await replay_batch(costs, "datadog", [ACCOUNT], REPLAY_DAY, {}) == {ACCOUNT: []}
    assert usage.threads
    assert threading.get_ident() not in usage.threads


async def test_the_usage_of_an_event_is_what_is_known_now_of_its_days() -> None:
    last = REPLAY_DAY.through
    usage = {
        "EC2": array("d", [300.0]) * len(REPLAY_DAY.span),
        "S3": array("d", [50.0]) * len(REPLAY_DAY.span),
        "RDS": array("d", [nan]) * len(REPLAY_DAY.span),
    }
    for i in (-1, -2):
        usage["EC2"][i] = 900.0
    changes = [
        CostChange(ACCOUNT, service, Category.USAGE, last - days * DAY, NOW, amount)
        for service, days, amount in (
            ("EC2", 9, 1.0),
            ("S3", 1, nan),
            ("EC2", 0, 940.0),
            ("EC2", 0, 950.0),
            ("RDS", 0, 0.5),
        )
    ]
    costs = OneAccount(UsageHistory(ACCOUNT, REPLAY_DAY.span, usage, changes))
    replayed = await replay_batch(costs, "datadog", [ACCOUNT], REPLAY_DAY, {})
    (found,) = replayed[ACCOUNT]
    assert (found.event.start, found.event.last) == (last - DAY, last)
    assert found.usage == Decimal("1900.50")
