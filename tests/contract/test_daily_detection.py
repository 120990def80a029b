"""The daily detection records what a replay of history finds, whatever happens in between."""

import math
import random
from array import array
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.administration.audit_trail import AuditTrail
from services.analysis.detection.replay import Detected, histories, replay
from services.analysis.detection.rules import Rules
from services.analysis.windows import expected_data_through
from services.anomalies.daily_detection import DailyDetector
from services.anomalies.history_replay import HISTORY
from services.anomalies.lifecycle import AnomalyLifecycle
from services.anomalies.planned_changes import PlannedChanges
from services.domain import Anomaly, Category, CostSeries, CostTable, DaySpan, Resolution
from services.ports import CostStore, Store
from tests.bench.detection.worlds import World, make_world

DAY = timedelta(days=1)
LAG = 3 * DAY
COMPLETE_AFTER_HOURS = 48
READ_AGAIN = 50 * DAY
DETECTED_DAYS = 45
Figures = tuple[str, date | None, Decimal]
"""(driver, last day, excess)"""


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


class KilledError(Exception):
    """The process ends here."""


class Mortal(AnomalyLifecycle):
    """Dies before or after it has recorded so many anomalies."""

    def __init__(self, store: Store, steps: float, *, after: bool) -> None:
        super().__init__(store.anomalies)
        self._steps = steps
        self._after = after

    async def record(
        self,
        found: Anomaly,
        known: Anomaly | None,
        within: Anomaly | None,
        end: date | None,
        now: datetime,
    ) -> Anomaly | None:
        self._steps -= 1
        if self._steps < 0 and not self._after:
            raise KilledError
        stored = await super().record(found, known, within, end, now)
        if self._steps < 0:
            raise KilledError
        return stored


class Story:
    """Days of some accounts, each detected and compared with a replay of what is stored."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.chance = random.Random(f"story {seed}")
        self.known = Known(make_world(seed, accounts=4, days=210))
        self.accounts = sorted(self.known.world.usage)
        self.rules = Rules()
        self.since: date | None = None
        self.unread = ""
        self.open = self.raised = self.killed = self.resolved = 0
        """How often each of it was seen."""

    @property
    def span(self) -> DaySpan:
        return self.known.world.span

    async def detect(self, through: date, steps: float = math.inf, *, after: bool = False) -> None:
        detections = DailyDetector(
            costs=self.store.costs,
            store=self.store.anomalies,
            anomalies=Mortal(self.store, steps, after=after),
            planned_changes=PlannedChanges(
                self.store.planned_changes, AuditTrail(self.store.audit_entries)
            ),
            alert_minimums=self.store.alert_minimums,
            source="datadog",
            complete_after_hours=COMPLETE_AFTER_HOURS,
        )
        await detections.detect_day(
            self.accounts,
            through,
            "USD",
            now_of(through),
            since=self.since,
            alert_minimum=self.rules.alert_minimum,
        )

    async def day(self, through: date) -> None:
        """Detects a day, now and then after a process was killed half-way, and compares."""
        if self.chance.random() < 0.3:
            try:
                after = self.chance.random() < 0.5
                await self.detect(through, self.chance.randrange(3), after=after)
            except KilledError:
                self.killed += 1
        await self.detect(through)
        replayed = await self.replay(through)
        for account in self.accounts:
            recorded = await self.recorded(account)
            self.compare(recorded, replayed.get(account, []))
        self.since = through

    async def replay(self, through: date) -> dict[str, list[Detected]]:
        """The events of each account, loaded and replayed as a backtest does."""
        span = DaySpan(through - HISTORY, through)
        table, changes = await self.store.costs.load_history("datadog", self.accounts, span)
        events = {}
        for history in histories(table, changes):
            accepted = await self.accepted(history.account_id)
            events[history.account_id] = replay(history, self.rules, through, LAG, accepted)
        return events

    def compare(self, recorded: list[Anomaly], replayed: list[Detected]) -> None:
        """What is open is open with the same figures; what was raised today is recorded."""
        lasting = [figures_of(event) for event in replayed if event.end is None]
        unresolved = [figures_of(one) for one in recorded if one.status == "open"]
        assert unresolved in ([], lasting)
        new = [one for one in replayed if self.since is not None and one.raised_on > self.since]
        assert {figures_of(one) for one in new} <= {figures_of(one) for one in recorded}
        self.open += len(unresolved)
        self.raised += len(new)

    async def recorded(self, account: str) -> list[Anomaly]:
        return await self.store.anomalies.newest("datadog", [account])

    async def accepted(self, account: str) -> set[date]:
        return {
            expected_data_through(one.answer.at, COMPLETE_AFTER_HOURS)
            for one in await self.recorded(account)
            if one.status == "accepted" and one.answer is not None
        }

    async def read(self, through: date) -> None:
        """Reads the last weeks of all accounts."""
        span = DaySpan(max(through - READ_AGAIN, self.span.first), through)
        accounts = [account for account in self.accounts if account != self.unread]
        await self.known.read(self.store.costs, span, through + LAG, *accounts)
        self.unread = ""

    async def disturb(self, today: date) -> None:
        """Something that changes what a replay of the days before comes to, now and then."""
        chance, account = self.chance, self.chance.choice(self.accounts)
        service = chance.choice(sorted(self.known.world.usage[account]))
        what = chance.randrange(12)
        newest = today - LAG
        if what == 0:  # a day long evaluated is restated, in the last months or before
            day = newest - chance.randrange(1, 100) * DAY
            self.known.show(account, service, day, chance.uniform(0, 900), date.max)
            first = day.replace(day=1)
            await self.known.read(self.store.costs, DaySpan(first, day), today, account)
        elif what in {1, 2, 6, 7, 8}:
            await self.accept_or_take_back(newest)
        elif what == 3:  # another minimum increase
            self.rules = Rules(alert_minimum=chance.choice((25.0, 60.0)))
        elif what == 4:  # restated after today's detection, on the same day
            day = newest - chance.randrange(3) * DAY
            self.known.show(account, service, day, chance.uniform(0, 900), date.max)
            await self.known.read(self.store.costs, DaySpan(day, day), today, account)
        elif what == 5:  # an account is not read tomorrow
            self.unread = account

    async def accept_or_take_back(self, newest: date) -> None:
        """Somebody accepts one open level as normal, or takes an earlier acceptance back."""
        for account in self.accounts:
            for one in await self.recorded(account):
                if one.status == "open":
                    at = now_of(newest) + self.chance.randrange(-2, 3) * DAY
                    update = {
                        "status": "accepted",
                        "answer": Resolution(by="Ana", by_id="a", at=at),
                    }
                elif one.status == "accepted" and self.chance.random() < 0.5:
                    update = {"status": "open", "answer": None}
                else:
                    continue
                assert await self.store.anomalies.settle(one.model_copy(update=update), one.status)
                self.resolved += 1
                return


def now_of(through: date) -> datetime:
    return datetime(through.year, through.month, through.day, 9, tzinfo=UTC) + LAG


def figures_of(one: Anomaly | Detected) -> Figures:
    return (one.service if isinstance(one, Anomaly) else one.driver, one.last, one.excess)


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
async def test_anomalies_are_what_a_replay_finds(any_store: Store, seed: int) -> None:
    story = Story(any_store, seed)
    begin = story.span.last - DETECTED_DAYS * DAY
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
    assert story.open > 10
    assert min(story.raised, story.killed, story.resolved) > 0
