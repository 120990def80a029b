"""The daily detection: what stands out in the usage of the accounts is recorded.

Which events there are is found in ``services.judging``; here they become anomalies, each raised
once.
"""

import math
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.analysis.detection.groups import grouped
from services.analysis.detection.replay import Detected
from services.analysis.detection.rules import Rules
from services.analysis.quiet import like_before, under_floor
from services.analysis.windows import expected_data_through, known_after
from services.anomalies import Anomalies, within_plan
from services.chunks import chunked
from services.judging import REPLAYED, Judgement, Judging
from services.model import (
    CENT,
    Anomaly,
    Category,
    CostSeries,
    DaySpan,
    Floor,
    PlannedChange,
    SourceName,
    SpanDays,
)
from services.plans import Plans
from services.ports import AnomalyStore, CostStore, FloorStore

ACCOUNTS_AT_ONCE = 250
RECORDED_AT_ONCE = 25
GOES_ON = timedelta(days=7)
KNOWN_EACH = 80
"""So many earlier anomalies of an account, on average, are looked at.

An event ends after three quiet days at the earliest, so that fewer begin within what is replayed.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """An event of the newest days, with its account's usage in its days."""

    event: Detected
    usage: Decimal


class Detections:
    """Judges all accounts once a day."""

    def __init__(
        self,
        *,
        judging: Judging,
        costs: CostStore,
        store: AnomalyStore,
        anomalies: Anomalies,
        plans: Plans,
        floors: FloorStore,
        source: SourceName,
        complete_after_hours: int,
    ) -> None:
        self._judging = judging
        self._costs = costs
        self._store = store
        self._anomalies = anomalies
        self._plans = plans
        self._floors = floors
        self._source = source
        self._hours = complete_after_hours

    async def judge(
        self,
        accounts: Sequence[str],
        through: date,
        currency: str,
        now: datetime,
        *,
        since: date | None,
        floor: float,
    ) -> int:
        """Records the events of ``accounts`` up to the last complete day; how many are open.

        ``floor``: money a day below which nothing is told.
        ``since``: the day up to which the last detection judged; events that were raised on it or
        later are new. None: this is the first one, and only what still lasts is raised.
        """
        maker = secrets.token_hex(8)
        found: dict[str, list[Detected]] = {}
        for part in chunked(accounts, ACCOUNTS_AT_ONCE):
            day = await self._day(part, through, floor, maker, now)
            for outcome in await self._judging.judge(part, day):
                if outcome.moved or outcome.account_id in day.standing:
                    found[outcome.account_id] = outcome.events
        groups = self._groups(found, len(accounts), since)
        number = 0
        for part in chunked(sorted(found), RECORDED_AT_ONCE):
            of_part = {account: found[account] for account in part}
            for one in await self._accounts(of_part, groups, through):
                number += await self._record(one, through, currency, now, since)
            await self._judging.settle(part, maker)
        return number

    async def _day(
        self, accounts: Sequence[str], through: date, floor: float, maker: str, now: datetime
    ) -> Judgement:
        accepted: dict[str, set[date]] = defaultdict(set)
        standing = set()
        for one in await self._store.in_state(
            self._source, ["open", "snoozed", "accepted"], accounts
        ):
            if one.kind == "threshold":
                continue
            if one.status != "accepted":
                standing.add(one.account_id)
            elif one.answer is not None:
                accepted[one.account_id].add(expected_data_through(one.answer.at, self._hours))
        return Judgement(
            through=through,
            known_after=known_after(self._hours),
            rules=Rules(floor=floor),
            accepted=accepted,
            standing=standing,
            maker=maker,
            now=now,
        )

    async def _accounts(
        self,
        found: Mapping[str, Sequence[Detected]],
        groups: Mapping[tuple[str, date], str],
        through: date,
    ) -> "list[_Account]":
        """Accounts with all that is needed to record their events."""
        accounts = list(found)
        known = await self._known(accounts)
        usage = await self._usage(found, through)
        plans = await self._plans.of_accounts(
            accounts, SpanDays(first=through - REPLAYED, last=through)
        )
        floors = await self._floors.of(self._source, accounts)
        return [
            _Account(
                account,
                [Judged(event, usage.of(account, event)) for event in events],
                known.get(account, []),
                groups,
                plans.get(account),
                floors.get(account),
            )
            for account, events in found.items()
        ]

    async def _known(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What was raised before by detection, newest first."""
        found: dict[str, list[Anomaly]] = defaultdict(list)
        most = KNOWN_EACH * len(accounts)
        for one in await self._store.newest(self._source, accounts, most):
            if one.kind != "threshold":
                found[one.account_id].append(one)
        return found

    async def _usage(self, found: Mapping[str, Sequence[Detected]], through: date) -> "_Usage":
        """What is known now of the days of events."""
        starts = [event.start for events in found.values() for event in events]
        span = DaySpan(min([*starts, through]), through)
        accounts = [account for account, events in found.items() if events]
        table = await self._costs.load(self._source, accounts, span)
        return _Usage(span, table.series)

    def _groups(
        self, found: Mapping[str, Sequence[Detected]], accounts: int, since: date | None
    ) -> dict[tuple[str, date], str]:
        """(account, first day) of each event of a group → the group's key."""
        events = [
            event
            for events in found.values()
            for event in events
            if event.end is None or (since is not None and event.judged >= since)
        ]
        return {
            (event.account_id, event.start): group.key
            for group in grouped(events, accounts)
            for event in group.events
        }

    async def _record(
        self,
        account: "_Account",
        through: date,
        currency: str,
        now: datetime,
        since: date | None,
    ) -> int:
        """Brings an account's anomalies up to date, and raises the new ones."""
        left, number = list(account.known), 0
        for judged in sorted(account.judged, key=lambda one: one.event.judged, reverse=True):
            event = judged.event
            same = next((one for one in left if _overlap(one, event, through)), None)
            if same is None and not _is_new(event, account.known, since, through):
                continue
            if same is not None:
                left.remove(same)
            found = self._anomaly(judged, currency, now, account.groups)
            within = (
                within_plan(found, judged.usage - event.excess, account.plan, now)
                or under_floor(found, account.floor, now)
                or like_before(found, [one for one in account.known if one is not same], now)
            )
            stored = await self._anomalies.record(found, same, within, event.end, now)
            number += stored is not None and stored.status == "open"
        for one in left:
            # Restated so that nothing stands out any more, or reopened long after it was over.
            await self._anomalies.end(one, one.last or through, now)
        return number

    def _anomaly(
        self,
        judged: Judged,
        currency: str,
        now: datetime,
        groups: Mapping[tuple[str, date], str],
    ) -> Anomaly:
        event = judged.event
        return Anomaly(
            id=f"{self._source}-{event.account_id}-{event.judged.isoformat()}",
            kind=event.kind,
            source=self._source,
            account_id=event.account_id,
            service=event.driver,
            start=event.start,
            last=event.last,
            excess=event.excess,
            usage=judged.usage,
            shares=tuple((name, money) for name, money in event.services if money > 0),
            group=groups.get((event.account_id, event.start), ""),
            currency=currency,
            raised_at=now,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True)
class _Account:
    """An account on the day that is judged."""

    account_id: str
    judged: Sequence[Judged]
    known: Sequence[Anomaly]
    groups: Mapping[tuple[str, date], str]
    plan: PlannedChange | None
    floor: Floor | None


def _is_new(event: Detected, known: Sequence[Anomaly], since: date | None, through: date) -> bool:
    """Whether an event that is none of the anomalies is told.

    Also one of the day that was judged last, if nothing was told of its days: costs that were read
    after that judging, on the same day, have raised it since.
    """
    if since is None or event.judged != since:
        return event.end is None if since is None else event.judged > since
    return not any(_overlap(one, event, through) for one in known)


def _overlap(known: Anomaly, event: Detected, through: date) -> bool:
    """Whether an event is the anomaly that was raised before, however it is estimated now.

    An open one may go on after its last day so far, but not after weeks: then it was over, and has
    been reopened.
    """
    told = known.last or known.start
    goes_on = min(event.last, told + GOES_ON) if known.status == "open" else told
    last = known.end or max(told, goes_on)
    return known.start <= event.last and event.start <= min(last, through)


class _Usage:
    """Usage of accounts by service."""

    def __init__(self, span: DaySpan, series: Sequence[CostSeries]) -> None:
        self._span = span
        self._of: dict[str, list[CostSeries]] = defaultdict(list)
        for one in series:
            if one.category in {None, Category.USAGE}:
                self._of[one.account_id].append(one)

    def of(self, account: str, event: Detected) -> Decimal:
        """An account's usage in the days of an event."""
        begin, end = self._span.index(event.start), self._span.index(event.last) + 1
        amounts = [x for one in self._of[account] for x in one.amounts[begin:end]]
        usage = math.fsum(x for x in amounts if not math.isnan(x))
        return Decimal(repr(usage)).quantize(CENT)
