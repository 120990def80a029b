"""Judges the new days of accounts, going on from what was kept of the day before.

A kept watch is what a replay of history would come to, so that only new days are read and judged. It
is used while nothing that it was made from has changed: no day was read later, no amount restated
that had been judged, no answer given or taken back, and the rules are the same. Otherwise, and for
an account without one, history is replayed as it was known day by day, and the watch at its end
is kept.
"""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from importlib import resources

from services.analysis.detection.event import Event
from services.analysis.detection.memory import after_calm_day, packed, unpacked
from services.analysis.detection.replay import (
    Correction,
    Detected,
    History,
    detected,
    follow,
    judging_day,
)
from services.analysis.detection.rules import Rules
from services.analysis.detection.watch import Watch
from services.bases import Basis, Going, Read, accepted_since, gone_on, writes_of
from services.chunks import chunked
from services.model import DaySpan, KeptWatch, Month, SourceName, UsageHistory
from services.ports import UsageStore, WatchStore

REPLAYED = timedelta(days=220)
"""So much history is replayed: what is normal (91 days), learning it, and room for long events."""
REPLAYED_AT_ONCE = 25
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be recorded of an account after its newest day."""

    account_id: str
    events: list[Detected]
    """Oldest first: those that are open, or others than they were when it was judged last.

    Where there is none, but anomalies that may have to be ended, the newest ones.
    """
    moved: bool
    """Whether there are any of the first kind."""


@dataclass(frozen=True)
class Judgement:
    """The judging of a day: what holds for all accounts."""

    through: date
    """The newest day with complete costs."""
    known_after: timedelta
    """So long after its date a day is judged."""
    rules: Rules
    accepted: Mapping[str, Collection[date]]
    """Account → days after whose judging somebody said that this is the new normal."""
    standing: Collection[str]
    """Accounts with anomalies that may have to be ended."""
    maker: str
    """Unlike that of any other judging."""
    now: datetime

    @cached_property
    def oldest(self) -> date:
        """The first day that is replayed."""
        return self.through - REPLAYED

    @cached_property
    def made_with(self) -> str:
        """What a watch must have been made with, to be gone on with."""
        return f"{code_of_detection()} {self.known_after.days} {self.rules!r}"

    def accepted_in(self, account: str, first: date, last: date) -> tuple[date, ...]:
        """The accepted days of an account from one day to another."""
        if account not in self.accepted:
            return ()
        return tuple(sorted(d for d in self.accepted[account] if first <= d <= last))


class Judging:
    """Keeps a watch for each account with usage."""

    def __init__(
        self,
        *,
        costs: UsageStore,
        watches: WatchStore,
        source: SourceName,
    ) -> None:
        self._costs = costs
        self._watches = watches
        self._source = source

    async def judge(self, accounts: Sequence[str], day: Judgement) -> list[Outcome]:
        """Judges accounts up to a day, and keeps their watches; those with any costs.

        A watch is not gone on with later before ``settle`` has said that its account is recorded,
        unless there is nothing to record: it has not moved, and has no anomalies standing.
        """
        kept = await self._kept(accounts, day)
        found: dict[str, Outcome] = {}
        for begin in _beginnings(kept.values(), day.through):
            left = {account: one for account, one in kept.items() if account not in found}
            found.update(await self._continued(left, begin, day))
        for part in chunked([one for one in accounts if one not in found], REPLAYED_AT_ONCE):
            found.update(await self._replayed(part, day))
        return list(found.values())

    async def settle(self, accounts: Sequence[str], maker: str) -> None:
        """Says that what was found in these accounts is recorded."""
        await self._watches.settle(self._source, accounts, maker)

    async def _kept(self, accounts: Sequence[str], day: Judgement) -> dict[str, KeptWatch]:
        """The watches that were made with these rules and these answers."""
        stored = await self._watches.of(self._source, accounts)
        return {
            account: one
            for account, one in stored.items()
            if one.made_with == day.made_with
            and day.oldest <= one.through <= day.through
            and accepted_since(one.basis, day.oldest)
            == day.accepted_in(account, day.oldest, one.through)
        }

    async def _continued(
        self, kept: Mapping[str, KeptWatch], begin: Month, day: Judgement
    ) -> dict[str, Outcome]:
        """Goes on with those watches for which nothing before a month has changed."""
        oldest = Month.of(day.oldest)
        ready = [a for a, one in kept.items() if _next_month(one, day.through) >= begin]
        if not ready:
            return {}
        writes = await self._costs.writes(self._source, ready, oldest, begin.before)
        same = [
            account
            for account in ready
            if writes_of(kept[account].basis, oldest, begin) == writes.get(account, 0)
        ]
        if not same:
            return {}
        first = min(min(kept[account].through for account in same) + DAY, day.through)
        span = DaySpan(min(first, begin.span.last), day.through)
        read = await self._costs.load_usage(self._source, same, span)
        done = await asyncio.to_thread(
            lambda: [
                made
                for usage in read
                if (made := self._gone_on(kept[usage.account_id], usage, day)) is not None
            ]
        )
        return await self._keep(done, day)

    def _gone_on(
        self, kept: KeptWatch, usage: UsageHistory, day: Judgement
    ) -> "tuple[Outcome, KeptWatch | None] | None":
        """Judges the days after a kept watch; None when it does not fit what is stored now.

        It is only kept anew when there are such days.
        """
        account = kept.account_id
        accepted = day.accepted_in(account, kept.through + DAY, day.through)
        going = Going(usage.span.first, kept.through, day.through, day.oldest)
        basis = gone_on(kept.basis, Read.of(usage, day.known_after), going, accepted)
        if basis is None:
            return None
        if kept.through == day.through:
            watch = unpacked(kept.state, day.rules)
            events = _events(watch)
            return _outcome(account, events, events, day), None
        if (state := _after_calm_day(kept, usage, day)) is not None:
            return Outcome(account, [], moved=False), _kept(
                account, state, basis, day, settled=True
            )
        watch = unpacked(kept.state, day.rules)
        was = [_copy(event) for event in _events(watch)]
        history = _history(usage, kept.through + DAY)
        events = follow(watch, history, day.through, day.known_after, accepted)
        outcome = _outcome(account, events, was, day)
        return outcome, _watch(outcome, watch, basis, day)

    async def _replayed(self, accounts: Sequence[str], day: Judgement) -> dict[str, Outcome]:
        """Judges accounts from their history."""
        span = DaySpan(day.oldest, day.through)
        read = await self._costs.load_usage(self._source, accounts, span)
        done = await asyncio.to_thread(lambda: [self._from_history(usage, day) for usage in read])
        return await self._keep(done, day)

    def _from_history(self, usage: UsageHistory, day: Judgement) -> tuple[Outcome, KeptWatch]:
        watch, account = Watch(day.rules, usage.usage), usage.account_id
        accepted = day.accepted_in(account, day.oldest, day.through)
        history = _history(usage, day.oldest)
        events = follow(watch, history, day.through, day.known_after, accepted)
        outcome = _outcome(account, events, [], day)
        read = Read.of(usage, day.known_after)
        basis = Basis().after(read, day.through, day.oldest, accepted)
        return outcome, _watch(outcome, watch, basis.text(), day)

    async def _keep(
        self, made: Sequence[tuple[Outcome, KeptWatch | None]], day: Judgement
    ) -> dict[str, Outcome]:
        watches = [watch for _, watch in made if watch is not None]
        await self._watches.keep(self._source, watches, day.maker, day.now)
        return {outcome.account_id: outcome for outcome, _ in made}


def _outcome(
    account: str, events: Sequence[Event], was: Sequence[Event], day: Judgement
) -> Outcome:
    """What is to be recorded of an account's events, those before the judging being ``was``."""
    told = [event for event in events if event.ended is None or event not in was]
    if not told and account in day.standing:
        return Outcome(account, [detected(account, event) for event in events], moved=False)
    return Outcome(account, [detected(account, event) for event in told], moved=bool(told))


def _watch(outcome: Outcome, watch: Watch, basis: str, day: Judgement) -> KeptWatch:
    settled = not outcome.moved and outcome.account_id not in day.standing
    return _kept(outcome.account_id, packed(watch), basis, day, settled=settled)


def _kept(account: str, state: bytes, basis: str, day: Judgement, *, settled: bool) -> KeptWatch:
    return KeptWatch(account, day.through, day.made_with, basis, state, settled)


def _after_calm_day(kept: KeptWatch, usage: UsageHistory, day: Judgement) -> bytes | None:
    """The state after a single day, when nothing can stand out and no other day has changed."""
    one_day = usage.span.first == usage.span.last == kept.through + DAY
    if not one_day or kept.account_id in day.standing:
        return None
    if any(
        max(one.day, judging_day(one.at.date(), day.known_after)) > kept.through
        for one in usage.changes
    ):
        return None
    amounts = {name: row[0] for name, row in usage.usage.items() if row[0] and row[0] == row[0]}
    return after_calm_day(kept.state, day.through.toordinal(), amounts, day.rules.floor)


@cache
def code_of_detection() -> str:
    """A fingerprint of the modules that judge and keep: what others kept is not gone on with."""
    detection = resources.files("services.analysis.detection")
    services = resources.files("services")
    modules = [one for one in detection.iterdir() if one.name.endswith(".py")]
    modules += [services / "bases.py", services / "judging.py"]
    code = sorted((one.name, one.read_bytes()) for one in modules)
    return hashlib.sha256(repr(code).encode()).hexdigest()[:16]


def _next_month(kept: KeptWatch, through: date) -> Month:
    """The month of the first day that a watch has not judged; at the latest, that of today."""
    return Month.of(min(kept.through + DAY, through))


def _beginnings(kept: Iterable[KeptWatch], through: date) -> list[Month]:
    """From which months on watches can be gone on with, the latest first.

    The last one lies a month earlier, as the month before is restated for some days.
    """
    months = {_next_month(one, through) for one in kept}
    return sorted(months | {min(months).before}, reverse=True) if months else []


def _events(watch: Watch) -> list[Event]:
    return [event for event in (watch.before, watch.event) if event is not None]


def _copy(event: Event) -> Event:
    return replace(event, sums=dict(event.sums), shares=dict(event.shares))


def _history(usage: UsageHistory, first: date) -> History:
    """Usage from a day on, with what is known of it and of the days before."""
    skipped = max((first - usage.span.first).days, 0)
    return History(
        account_id=usage.account_id,
        span=DaySpan(usage.span.first + skipped * DAY, usage.span.last),
        usage={s: row[skipped:] for s, row in usage.usage.items()} if skipped else usage.usage,
        corrections=[
            Correction(one.at.date(), one.day, one.service, one.amount) for one in usage.changes
        ],
    )
