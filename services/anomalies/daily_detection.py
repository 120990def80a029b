"""The daily detection: what stands out in the usage of the accounts becomes anomalies.

``services.anomalies.history_replay`` finds the events; here each becomes an anomaly once, which then
follows its event until that is over.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.analysis.detection.groups import grouped
from services.analysis.detection.replay import Detected
from services.analysis.detection.rules import Rules
from services.analysis.quiet import resolved_by_minimum, resolved_by_similarity
from services.analysis.windows import expected_data_through, known_after
from services.anomalies.history_replay import (
    ACCOUNTS_PER_BATCH,
    EventUsage,
    ReplayDay,
    replay_batch,
)
from services.anomalies.lifecycle import AnomalyLifecycle, within_plan
from services.anomalies.planned_changes import PlannedChanges
from services.domain import AlertMinimum, Anomaly, PlannedChange, SourceName, SpanDays
from services.ports import AlertMinimumStore, AnomalyStore, UsageStore
from services.runtime.batches import chunked

MAX_PAUSE = timedelta(days=7)
"""An open anomaly may continue for so long after its last day; later it is another one."""
ANOMALIES_PER_ACCOUNT = 80
"""How many earlier anomalies of an account are read, on average.

An event ends after three days without excess at the earliest, so that no more than this can begin
within the replayed history.
"""
Groups = Mapping[tuple[str, date], str]
"""(account, first day) of each event that belongs to a group → the key of the group."""


class DailyDetector:
    """Runs detection on all accounts once a day."""

    def __init__(
        self,
        *,
        costs: UsageStore,
        store: AnomalyStore,
        anomalies: AnomalyLifecycle,
        plans: PlannedChanges,
        floors: AlertMinimumStore,
        source: SourceName,
        complete_after_hours: int,
    ) -> None:
        self._costs = costs
        self._store = store
        self._anomalies = anomalies
        self._plans = plans
        self._floors = floors
        self._source = source
        self._hours = complete_after_hours

    async def detect_day(
        self,
        accounts: Sequence[str],
        through: date,
        currency: str,
        now: datetime,
        *,
        since: date | None,
        floor: float,
    ) -> int:
        """Records the events of ``accounts`` up to ``through``; returns how many are open.

        ``floor``: the smallest excess, in money a day, that raises an event.
        ``since``: the day up to which the last detection ran; events raised on it or later are
        new. None: this is the first one, which raises only events that are still open.

        It may be killed and started again at any point: recording an event twice changes nothing.
        """
        run = _Run(
            ReplayDay(through, known_after(self._hours), Rules(floor=floor)), currency, now, since
        )
        recent: dict[str, list[EventUsage]] = {}
        number = 0
        for batch in chunked(accounts, ACCOUNTS_PER_BATCH):
            replayed = await self._replay(batch, run)
            recent |= {a: events for a, events in replayed.items() if run.has_recent(events)}
            # The rest needs no groups: recorded now, it is not in memory until all are replayed.
            past = {a: events for a, events in replayed.items() if a not in recent}
            number += await self._record_batch(past, {}, run)
        groups = _groups(recent.values(), len(accounts), run)
        for batch in chunked(sorted(recent), ACCOUNTS_PER_BATCH):
            number += await self._record_batch({a: recent[a] for a in batch}, groups, run)
        return number

    async def _replay(self, accounts: Sequence[str], run: "_Run") -> dict[str, list[EventUsage]]:
        """The events of those accounts that have any, or anomalies that may have to be ended."""
        accepted: dict[str, set[date]] = defaultdict(set)
        unresolved = set()
        for anomaly in await self._store.in_state(
            self._source, ["open", "snoozed", "accepted"], accounts
        ):
            if anomaly.kind == "threshold":
                continue
            if anomaly.status != "accepted":
                unresolved.add(anomaly.account_id)
            elif anomaly.answer is not None:
                day = expected_data_through(anomaly.answer.at, self._hours)
                accepted[anomaly.account_id].add(day)
        replayed = await replay_batch(self._costs, self._source, accounts, run.day, accepted)
        return {a: events for a, events in replayed.items() if events or a in unresolved}

    async def _record_batch(
        self, replayed: Mapping[str, Sequence[EventUsage]], groups: Groups, run: "_Run"
    ) -> int:
        """Records the events of some accounts; returns how many are open."""
        if not replayed:
            return 0
        accounts = list(replayed)
        span = run.day.span
        known = await self._known(accounts)
        plans = await self._plans.of_accounts(accounts, SpanDays(first=span.first, last=span.last))
        floors = await self._floors.of(self._source, accounts)
        number = 0
        for account_id, events in replayed.items():
            account = _Account(
                events, known[account_id], groups, plans.get(account_id), floors.get(account_id)
            )
            number += await self._record(account, run)
        return number

    async def _known(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What detection raised before, newest first."""
        known: dict[str, list[Anomaly]] = defaultdict(list)
        limit = ANOMALIES_PER_ACCOUNT * len(accounts)
        for anomaly in await self._store.newest(self._source, accounts, limit):
            if anomaly.kind != "threshold":
                known[anomaly.account_id].append(anomaly)
        return known

    async def _record(self, account: "_Account", run: "_Run") -> int:
        """Brings an account's anomalies up to date, and raises the new ones."""
        through = run.day.through
        remaining, number = list(account.known), 0
        for measured in sorted(account.events, key=lambda one: one.event.judged, reverse=True):
            event = measured.event
            known = next((one for one in remaining if _overlap(one, event, through)), None)
            if known is None and not _is_new(event, account.known, run):
                continue
            if known is not None:
                remaining.remove(known)
            anomaly = self._anomaly(measured, account.groups, run)
            within = (
                within_plan(anomaly, measured.usage - event.excess, account.plan, run.now)
                or resolved_by_minimum(anomaly, account.floor, run.now)
                or resolved_by_similarity(
                    anomaly, [one for one in account.known if one is not known], run.now
                )
            )
            stored = await self._anomalies.record(anomaly, known, within, event.end, run.now)
            number += stored is not None and stored.status == "open"
        for known in remaining:
            # Restated so that nothing stands out any more, or reopened long after it was over.
            await self._anomalies.end(known, known.last or through, run.now)
        return number

    def _anomaly(self, measured: EventUsage, groups: Groups, run: "_Run") -> Anomaly:
        event = measured.event
        return Anomaly(
            id=f"{self._source}-{event.account_id}-{event.judged.isoformat()}",
            kind=event.kind,
            source=self._source,
            account_id=event.account_id,
            service=event.driver,
            start=event.start,
            last=event.last,
            excess=event.excess,
            usage=measured.usage,
            shares=tuple((name, money) for name, money in event.services if money > 0),
            group=groups.get((event.account_id, event.start), ""),
            currency=run.currency,
            raised_at=run.now,
            updated_at=run.now,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """What is the same for all accounts of a detection."""

    day: ReplayDay
    currency: str
    now: datetime
    since: date | None

    def is_recent(self, event: Detected) -> bool:
        """Whether an event is open, or may have to be raised."""
        return event.end is None or (self.since is not None and event.judged >= self.since)

    def has_recent(self, events: Iterable[EventUsage]) -> bool:
        return any(self.is_recent(measured.event) for measured in events)


@dataclass(frozen=True, slots=True)
class _Account:
    """An account with all that recording its events needs."""

    events: Sequence[EventUsage]
    known: Sequence[Anomaly]
    """Newest first."""
    groups: Groups
    plan: PlannedChange | None
    floor: AlertMinimum | None


def _groups(replayed: Iterable[Sequence[EventUsage]], accounts: int, run: _Run) -> Groups:
    events = [
        measured.event
        for events in replayed
        for measured in events
        if run.is_recent(measured.event)
    ]
    return {
        (event.account_id, event.start): group.key
        for group in grouped(events, accounts)
        for event in group.events
    }


def _is_new(event: Detected, known: Sequence[Anomaly], run: _Run) -> bool:
    """Whether an event that matches no anomaly is raised.

    Also one of the day of the last detection, unless an anomaly covers its days: costs that were
    read later on the day of that detection have brought it up.
    """
    if run.since is None or event.judged != run.since:
        return event.end is None if run.since is None else event.judged > run.since
    return not any(_overlap(anomaly, event, run.day.through) for anomaly in known)


def _overlap(known: Anomaly, event: Detected, through: date) -> bool:
    """Whether an event is the anomaly that was raised before, however it is estimated now.

    An open anomaly may continue after its last day so far, but not after weeks: then it was over,
    and somebody has reopened it.
    """
    recorded = known.last or known.start
    continued = min(event.last, recorded + MAX_PAUSE) if known.status == "open" else recorded
    last = known.end or max(recorded, continued)
    return known.start <= event.last and event.start <= min(last, through)
