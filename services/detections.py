"""The daily detection: replays the usage of every account and records what stands out.

Each account's history is replayed as it was known day by day, so that a day that came late or was
restated needs no repair, and nothing but anomalies is kept between two days. Pure detection is in
``services.analysis.detection``; here its events become anomalies, each raised once.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.analysis.detection.groups import grouped
from services.analysis.detection.replay import (
    Detected,
    History,
    histories,
    replay,
)
from services.analysis.detection.rules import Rules
from services.analysis.quiet import like_before, under_floor
from services.analysis.windows import expected_data_through, known_after
from services.anomalies import Anomalies, within_plan
from services.chunks import chunked
from services.model import (
    CENT,
    Anomaly,
    DaySpan,
    Floor,
    PlannedChange,
    SourceName,
    SpanDays,
)
from services.plans import Plans
from services.ports import AnomalyStore, CostStore, FloorStore

REPLAYED = timedelta(days=220)
"""So much history is replayed: what is normal (91 days), learning it, and room for long events."""
ACCOUNTS_AT_ONCE = 25
KNOWN_EACH = 80
"""So many earlier anomalies of an account, on average, are looked at.

An event ends after three quiet days at the earliest, so that fewer begin within what is replayed.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """An event of the newest day, with its account's usage in its days."""

    event: Detected
    usage: Decimal


class Detections:
    """Judges all accounts once a day."""

    def __init__(
        self,
        *,
        costs: CostStore,
        store: AnomalyStore,
        anomalies: Anomalies,
        plans: Plans,
        floors: FloorStore,
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
        ``since``: the day up to which the last detection judged; events that were raised later
        are new. None: this is the first one, and only what still lasts is raised.
        """
        rules = Rules(floor=floor)
        known: dict[str, list[Anomaly]] = {}
        found: dict[str, list[Judged]] = {}
        for part in chunked(accounts, ACCOUNTS_AT_ONCE):
            known.update(await self._known(part))
            found.update(await self._replayed(part, known, through, rules))
        groups = self._groups(found, len(accounts), since)
        span = SpanDays(first=through - REPLAYED, last=through)
        plans = await self._plans.of_accounts(accounts, span)
        floors = await self._floors.of(self._source, accounts)
        number = 0
        for account, judged in found.items():
            number += await self._record(
                _Account(
                    account,
                    judged,
                    known.get(account, []),
                    groups,
                    plans.get(account),
                    floors.get(account),
                ),
                through,
                currency,
                now,
                since,
            )
        return number

    async def _known(self, accounts: Sequence[str]) -> dict[str, list[Anomaly]]:
        """What was raised before by detection, newest first."""
        found: dict[str, list[Anomaly]] = defaultdict(list)
        most = KNOWN_EACH * len(accounts)
        for one in await self._store.newest(self._source, accounts, most):
            if one.kind != "threshold":
                found[one.account_id].append(one)
        return found

    async def _replayed(
        self,
        accounts: Sequence[str],
        known: Mapping[str, Sequence[Anomaly]],
        through: date,
        rules: Rules,
    ) -> dict[str, list[Judged]]:
        span = DaySpan(through - REPLAYED, through)
        table, changes = await self._costs.load_history(self._source, accounts, span)
        accepted = {
            account: {
                expected_data_through(one.answer.at, self._hours)
                for one in known.get(account, ())
                if one.status == "accepted" and one.answer is not None
            }
            for account in accounts
        }
        lag = known_after(self._hours)
        return await asyncio.to_thread(
            lambda: {
                history.account_id: [
                    _judged(history, event)
                    for event in replay(history, rules, through, lag, accepted[history.account_id])
                ]
                for history in histories(table, changes)
            }
        )

    def _groups(
        self, found: Mapping[str, Sequence[Judged]], accounts: int, since: date | None
    ) -> dict[tuple[str, date], str]:
        """(account, first day) of each event of a group → the group's key."""
        events = [
            one.event
            for judged in found.values()
            for one in judged
            if one.event.end is None or (since is not None and one.event.judged > since)
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
            if same is None and not _is_new(event, since):
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
            # Restated so that nothing stands out any more.
            await self._anomalies.end(one, through, now)
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


def _is_new(event: Detected, since: date | None) -> bool:
    return event.end is None if since is None else event.judged > since


def _overlap(known: Anomaly, event: Detected, through: date) -> bool:
    """Whether an event is the anomaly that was raised before, however it is estimated now."""
    last = known.end or max(
        known.last or known.start, event.last if known.status == "open" else known.start
    )
    return known.start <= event.last and event.start <= min(last, through)


def _judged(history: History, event: Detected) -> Judged:
    first = max((event.start - history.span.first).days, 0)
    end = (event.last - history.span.first).days + 1
    changed = {(one.day, one.service): one.amount for one in history.corrections}
    amounts = [
        changed.get((history.span.first + timedelta(days=i), service), row[i])
        for service, row in history.usage.items()
        for i in range(first, end)
    ]
    usage = math.fsum(x for x in amounts if not math.isnan(x))
    return Judged(event, Decimal(repr(usage)).quantize(CENT))
