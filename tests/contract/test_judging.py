"""Going on from kept watches tells the same as replaying history, whatever happens in between."""

import math
import random
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from services.analysis.detection.replay import Detected
from services.analysis.detection.rules import Rules
from services.judging import Judgement, Judging, Outcome
from services.model import (
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    Month,
    SourceName,
    UsageHistory,
)
from services.ports import CostStore, Store
from tests.bench.detection.worlds import World, make_world
from tests.fakes.store import MemoryWatches

DAY = timedelta(days=1)
LAG = 3 * DAY
READ_AGAIN = 50 * DAY
JUDGED = 45
Events = dict[tuple[str, date], Detected]


@dataclass
class Known:
    """A world as the source shows it: late amounts as they were until they were corrected."""

    world: World
    late: dict[tuple[str, str, date], list[tuple[date, float]]] = field(default_factory=dict)
    """(account, service, day) → from when on which amount was shown before the final one."""
    reads: int = 0

    def __post_init__(self) -> None:
        for one in self.world.late:
            self.show(one.account, one.service, one.day, one.seen, one.corrected)

    def show(self, account: str, service: str, day: date, amount: float, until: date) -> None:
        """Shows another amount of a day until a day."""
        self.late.setdefault((account, service, day), []).append((until, amount))

    def amount(self, account: str, service: str, day: date, today: date) -> float:
        for until, amount in self.late.get((account, service, day), ()):
            if today < until:
                return amount
        return self.world.usage[account][service][self.world.span.index(day)]

    async def read(self, costs: CostStore, span: DaySpan, today: date, *accounts: str) -> None:
        """Stores what the source shows of some days, as a refresh does."""
        names = list(accounts or self.world.usage)
        series = [
            CostSeries(
                account,
                service,
                Category.USAGE,
                array("d", (self.amount(account, service, day, today) for day in span)),
            )
            for account in names
            for service in self.world.usage[account]
        ]
        series = [one for one in series if not all(map(math.isnan, one.amounts))]
        self.reads += 1
        at = datetime(today.year, today.month, today.day, 9, tzinfo=UTC)
        at += self.reads * timedelta(seconds=1)
        await costs.save_details("datadog", "m", CostTable(span, "USD", series), names, at)


class Counted:
    """Costs of a store; how many accounts were read for a replay."""

    def __init__(self, costs: CostStore) -> None:
        self._costs = costs
        self.replayed = 0

    async def writes(
        self, source: SourceName, accounts: Sequence[str], first: Month, last: Month
    ) -> dict[str, int]:
        return await self._costs.writes(source, accounts, first, last)

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        self.replayed += len(accounts) if len(span) > 100 else 0
        return await self._costs.load_usage(source, accounts, span)


class Story:
    """Days of some accounts, judged from kept watches and, beside it, from history."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.chance = random.Random(f"story {seed}")
        self.known = Known(make_world(seed, accounts=4, days=210))
        self.accounts = sorted(self.known.world.usage)
        self.rules = Rules()
        self.accepted: dict[str, set[date]] = {account: set() for account in self.accounts}
        self.told: Events = {}
        """All that was told so far, as it stood when it was told last."""
        self.unread = ""
        self.counted = Counted(store.costs)
        self.judged = 0
        """Accounts, each day."""

    @property
    def span(self) -> DaySpan:
        return self.known.world.span

    def judging(self, *, fresh: bool) -> Judging:
        return Judging(
            costs=self.store.costs if fresh else self.counted,
            watches=MemoryWatches() if fresh else self.store.watches,
            source="datadog",
        )

    async def judge(
        self, through: date, maker: str, standing: Collection[str], *, fresh: bool
    ) -> list[Outcome]:
        day = Judgement(
            through=through,
            known_after=LAG,
            rules=self.rules,
            accepted=self.accepted,
            standing=standing,
            maker=maker,
            now=datetime(through.year, through.month, through.day, 9, tzinfo=UTC) + LAG,
        )
        return await self.judging(fresh=fresh).judge(self.accounts, day)

    async def day(self, through: date) -> None:
        """Judges a day both ways, which must agree about everything that was told up to now."""
        maker = f"{through} {self.chance.random()}"
        standing = {account for (account, _), one in self.told.items() if one.end is None}
        outcomes = await self.judge(through, maker, standing, fresh=False)
        recorded = {one.account_id for one in outcomes if one.moved} | standing
        if self.chance.random() < 0.1:
            return  # it is stopped before anything is recorded
        await self.judging(fresh=False).settle(sorted(recorded), maker)
        self.told = {
            key: one
            for key, one in self.told.items()
            if one.end is not None or key[0] not in recorded
        } | _events(outcomes)
        replayed = _events(await self.judge(through, "beside", self.accounts, fresh=True))
        assert {key: self.told.get(key) for key in replayed} == replayed
        assert {key for key, one in self.told.items() if one.end is None} <= set(replayed)
        self.judged += len(self.accounts)

    async def read(self, through: date) -> None:
        """Reads the last weeks of all accounts."""
        span = DaySpan(max(through - READ_AGAIN, self.span.first), through)
        accounts = [account for account in self.accounts if account != self.unread]
        await self.known.read(self.store.costs, span, through + LAG, *accounts)
        self.unread = ""

    async def disturb(self, today: date) -> None:
        """Something that a kept watch must not outlive, now and then."""
        chance, account = self.chance, self.chance.choice(self.accounts)
        service = chance.choice(sorted(self.known.world.usage[account]))
        what = chance.randrange(12)
        newest = today - LAG
        if what == 0:  # a day long judged is restated, in the last months or before
            day = newest - chance.randrange(1, 100) * DAY
            self.known.show(account, service, day, chance.uniform(0, 900), date.max)
            first = day.replace(day=1)
            await self.known.read(self.store.costs, DaySpan(first, day), today, account)
        elif what == 1:  # somebody accepts what there is
            self.accepted[account].add(newest + chance.randrange(-2, 3) * DAY)
        elif what == 2:  # or takes it back
            self.accepted[account].clear()
        elif what == 3:  # another smallest increase
            self.rules = Rules(floor=chance.choice((25.0, 60.0)))
        elif what == 5:  # an account is not read tomorrow
            self.unread = account
        elif what == 4:  # restated after today's judging, on the same day
            day = newest - chance.randrange(3) * DAY
            self.known.show(account, service, day, chance.uniform(0, 900), date.max)
            await self.known.read(self.store.costs, DaySpan(day, day), today, account)


def _events(outcomes: list[Outcome]) -> Events:
    return {(one.account_id, event.judged): event for one in outcomes for event in one.events}


@pytest.mark.parametrize("seed", range(1, 4))
async def test_kept_watches_tell_what_a_replay_tells(any_store: Store, seed: int) -> None:
    story = Story(any_store, seed)
    begin = story.span.last - JUDGED * DAY
    late = story.accounts[0]
    for account in story.accounts:
        first = begin - 30 * DAY if account == late else story.span.first
        await story.known.read(any_store.costs, DaySpan(first, begin), begin + LAG, account)
    through, is_whole = begin, False
    while through < story.span.last:
        through += story.chance.choice((*[1] * 9, 12)) * DAY
        through = min(through, story.span.last)
        await story.read(through)
        if not is_whole and through > begin + 30 * DAY:  # the history of an account is read later
            whole, is_whole = DaySpan(story.span.first, begin), True
            await story.known.read(any_store.costs, whole, through + LAG, late)
        await story.day(through)
        await story.disturb(through + LAG)
        if story.chance.random() < 0.1:
            await story.day(through)
    assert story.counted.replayed < 0.5 * story.judged
