"""Daily detection: turns events in the usage of accounts into anomalies.

``services.anomalies.history_replay`` finds the events. Here each becomes one anomaly, which then
follows its event until the event is over.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.analysis.detection.groups import grouped
from services.analysis.detection.replay import Detected
from services.analysis.detection.rules import Rules
from services.analysis.suppression import resolved_by_minimum, resolved_by_similarity
from services.analysis.windows import comparison_window, expected_data_through, known_after
from services.anomalies.history_replay import (
    ACCOUNTS_PER_BATCH,
    EventUsage,
    ReplayDay,
    replay_batch,
)
from services.anomalies.lifecycle import AnomalyLifecycle, event_resolved_by_planned_change
from services.anomalies.planned_changes import PlannedChanges
from services.domain import (
    AlertMinimum,
    Anomaly,
    PlannedChange,
    SourceName,
    SpanDays,
    cents,
)
from services.ports import AlertMinimumStore, AnomalyStore, UsageStore
from services.runtime.batches import chunked

MAX_PAUSE = timedelta(days=7)
"""An event that starts within this time after an open anomaly's last day continues that anomaly."""
ANOMALIES_PER_ACCOUNT = 80
"""How many earlier anomalies of an account are read, on average.

An event ends after three days without excess at the earliest, so no more than this can start within
the replayed history.
"""
LAST_WEEK = timedelta(days=6)
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
        planned_changes: PlannedChanges,
        alert_minimums: AlertMinimumStore,
        source: SourceName,
        complete_after_hours: int,
    ) -> None:
        self._costs = costs
        self._store = store
        self._anomalies = anomalies
        self._planned_changes = planned_changes
        self._alert_minimums = alert_minimums
        self._source = source
        self._complete_after_hours = complete_after_hours

    async def detect_day(
        self,
        accounts: Sequence[str],
        through: date,
        currency: str,
        now: datetime,
        *,
        since: date | None,
        alert_minimum: float,
        relearned: Collection[str] = (),
        installed_through: date | None = None,
    ) -> int:
        """Record the events of ``accounts`` up to ``through``; return how many are open.

        ``alert_minimum``: the smallest excess, in money a day, that raises an event.
        ``since``: the day up to which the last detection ran; events raised on it or later are
        new. None: the first detection, which raises events that are still open, and those that
        reports still show in their figures.
        ``relearned``: accounts of which older costs were read since then: as with the first one.
        ``installed_through``: the last complete day when the agent was installed; what its costs raised
        is marked as found then.

        Safe to kill and restart at any point: recording an event twice changes nothing.
        """
        run = _Run(
            ReplayDay(
                through,
                known_after(self._complete_after_hours),
                Rules(alert_minimum=alert_minimum),
            ),
            currency,
            now,
            since,
            frozenset(relearned),
            installed_through,
        )
        recent: dict[str, list[EventUsage]] = {}
        open_count = 0
        for batch in chunked(accounts, ACCOUNTS_PER_BATCH):
            replayed = await self._replay(batch, run)
            recent |= {a: events for a, events in replayed.items() if run.has_recent(events)}
            # Only recent events are grouped. Recording the others now keeps memory flat: they need not
            # be held until all accounts are replayed.
            past = {a: events for a, events in replayed.items() if a not in recent}
            open_count += await self._record_batch(past, {}, run)
        groups = _groups(recent.values(), len(accounts), run)
        for batch in chunked(sorted(recent), ACCOUNTS_PER_BATCH):
            open_count += await self._record_batch({a: recent[a] for a in batch}, groups, run)
        return open_count

    async def _replay(self, accounts: Sequence[str], run: "_Run") -> dict[str, list[EventUsage]]:
        """Return the events of accounts that have any, or have anomalies that may have to be ended."""
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
                day = expected_data_through(anomaly.answer.at, self._complete_after_hours)
                accepted[anomaly.account_id].add(day)
        replayed = await replay_batch(self._costs, self._source, accounts, run.day, accepted)
        return {a: events for a, events in replayed.items() if events or a in unresolved}

    async def _record_batch(
        self, replayed: Mapping[str, Sequence[EventUsage]], groups: Groups, run: "_Run"
    ) -> int:
        """Record the events of some accounts; return how many are open."""
        if not replayed:
            return 0
        accounts = list(replayed)
        span = run.day.span
        recorded = await self._recorded(accounts)
        planned_changes = await self._planned_changes.of_accounts(
            accounts, SpanDays(first=span.first, last=span.last)
        )
        minimums = await self._alert_minimums.of(self._source, accounts)
        open_count = 0
        for account_id, events in replayed.items():
            account = _Account(
                events,
                recorded[account_id],
                groups,
                planned_changes.get(account_id),
                minimums.get(account_id),
            )
            open_count += await self._record(account, run)
        return open_count

    async def _recorded(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What detection raised before by account, newest first."""
        recorded: dict[str, list[Anomaly]] = defaultdict(list)
        limit = ANOMALIES_PER_ACCOUNT * len(accounts)
        for anomaly in await self._store.newest(self._source, accounts, limit):
            if anomaly.kind != "threshold":
                recorded[anomaly.account_id].append(anomaly)
        return recorded

    async def _record(self, account: "_Account", run: "_Run") -> int:
        """Update an account's anomalies and raise the new ones; return how many are open."""
        through = run.day.through
        unmatched, open_count = list(account.recorded), 0
        newest_first = sorted(
            account.events, key=lambda measured: measured.event.raised_on, reverse=True
        )
        for measured in newest_first:
            event = measured.event
            matched = next((a for a in unmatched if _overlap(a, event, through)), None)
            # Events end after three days without excess. One whose costs were restated below what
            # was expected ends at once: it would be open with less than nothing.
            is_void = cents(event.excess) <= 0
            if matched is None and (is_void or not _is_new(event, account.recorded, run)):
                continue
            end = event.last if is_void and event.end is None else event.end
            if matched is not None:
                unmatched.remove(matched)
            anomaly = self._anomaly(measured, account.groups, run)
            suppressed = _suppressed(anomaly, measured.usage - event.excess, account, matched, run)
            stored = await self._anomalies.record(anomaly, matched, suppressed, end, run.now)
            open_count += stored is not None and stored.status == "open"
        for anomaly in unmatched:
            # Restated so that nothing stands out any more, or reopened long after it was over.
            await self._anomalies.end(anomaly, anomaly.last or through, run.now)
        return open_count

    def _anomaly(self, measured: EventUsage, groups: Groups, run: "_Run") -> Anomaly:
        event = measured.event
        return Anomaly(
            id=f"{self._source}-{event.account_id}-{event.raised_on.isoformat()}",
            kind=event.kind,
            source=self._source,
            account_id=event.account_id,
            service=event.driver,
            start=event.start,
            last=event.last,
            excess=event.excess,
            usage=measured.usage,
            driver_usage=measured.driver_usage,
            shares=tuple((name, money) for name, money in event.services if money > 0),
            group=groups.get((event.account_id, event.start), ""),
            currency=run.currency,
            raised_at=run.now,
            updated_at=run.now,
            found_at_install=run.installed_through is not None
            and event.raised_on <= run.installed_through,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """What all accounts of a detection have in common."""

    day: ReplayDay
    currency: str
    now: datetime
    since: date | None
    relearned: frozenset[str]
    installed_through: date | None

    def is_recent(self, event: Detected) -> bool:
        """Whether an event is open, or may have to be raised."""
        return event.end is None or (self.since is not None and event.raised_on >= self.since)

    def is_first_of(self, account_id: str) -> bool:
        """Whether nothing was detected in an account before with what is known of it now."""
        return self.since is None or account_id in self.relearned

    def is_in_figures(self, event: Detected) -> bool:
        """Whether the days that reports compare, or the last seven, have a day of an event."""
        through = self.day.through
        month = comparison_window(through).current.first
        return event.last >= min(month, through - LAST_WEEK)

    def has_recent(self, events: Iterable[EventUsage]) -> bool:
        return any(self.is_recent(measured.event) for measured in events)


@dataclass(frozen=True, slots=True)
class _Account:
    """An account with everything that is needed to record its events."""

    events: Sequence[EventUsage]
    recorded: Sequence[Anomaly]
    """What was raised before, newest first."""
    groups: Groups
    planned_change: PlannedChange | None
    minimum: AlertMinimum | None


def _suppressed(
    anomaly: Anomaly, expected: Decimal, account: _Account, matched: Anomaly | None, run: _Run
) -> Anomaly | None:
    """The anomaly with an automatic resolution; None when nothing suppresses it.

    ``expected``: the usage that was expected in its days. ``matched``: what is recorded of it.
    """
    earlier = [candidate for candidate in account.recorded if candidate is not matched]
    return (
        event_resolved_by_planned_change(anomaly, expected, account.planned_change, run.now)
        or resolved_by_minimum(anomaly, account.minimum, run.now)
        or resolved_by_similarity(anomaly, earlier, run.now)
    )


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


def _is_new(event: Detected, recorded: Sequence[Anomaly], run: _Run) -> bool:
    """Whether to raise an event that matches no anomaly.

    An event of the day of the last detection that no anomaly covers is raised too: it comes from
    costs that were read later that day.
    """
    if run.is_first_of(event.account_id):
        if event.end is None:
            return True
        return run.since is None and not event.accepted and run.is_in_figures(event)
    if run.since is None or event.raised_on != run.since:
        return run.since is not None and event.raised_on > run.since
    return not any(_overlap(anomaly, event, run.day.through) for anomaly in recorded)


def _overlap(anomaly: Anomaly, event: Detected, through: date) -> bool:
    """Whether an event is the anomaly that was raised before, however it is estimated now.

    An open anomaly may continue after its last recorded day, but not weeks later: then it was over
    and somebody has reopened it.
    """
    recorded = anomaly.last or anomaly.start
    continued = min(event.last, recorded + MAX_PAUSE) if anomaly.status == "open" else recorded
    last = anomaly.end or max(recorded, continued)
    return anomaly.start <= event.last and event.start <= min(last, through)
