"""Replays the stored usage of accounts, a batch at a time, every amount as it was known then.

The replay is the definition of what detection finds, and nothing of it is stored, so that a late
day, a restated amount or a resolution taken back needs no repair (docs/decisions/0013).
"""

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.replay import Correction, Detected, History, replay
from services.analysis.detection.rules import Rules
from services.domain import CENT, CostChange, DaySpan, SourceName, UsageHistory
from services.ports import UsageStore

HISTORY = timedelta(days=220)
"""How much history is replayed: the 91-day baseline, learning it, and room for long events."""
ACCOUNTS_PER_BATCH = 25
"""Accounts whose history is in memory together, read with one query.

Memory does not depend on the number of accounts, only on this one (docs/benchmarks.md).
"""


@dataclass(frozen=True, slots=True)
class ReplayDay:
    """The day up to which history is replayed, and how each day of it is evaluated."""

    through: date
    """The newest day with complete costs."""
    known_after: timedelta
    """How long after its date a day is evaluated."""
    rules: Rules

    @property
    def span(self) -> DaySpan:
        return DaySpan(self.through - HISTORY, self.through)


@dataclass(frozen=True, slots=True)
class EventUsage:
    """An event, and its account's usage in the days of the event as it is known now."""

    event: Detected
    usage: Decimal


async def replay_batch(
    costs: UsageStore,
    source: SourceName,
    accounts: Sequence[str],
    day: ReplayDay,
    accepted: Mapping[str, Collection[date]],
) -> dict[str, list[EventUsage]]:
    """The events of those accounts that have any stored costs, oldest first.

    ``accepted``: account → days after whose evaluation somebody accepted the level as normal.
    The arithmetic runs in a worker thread, so that chat turns are answered meanwhile.
    """
    histories = await costs.load_usage(source, accounts, day.span)
    return await asyncio.to_thread(
        lambda: {
            usage.account_id: _replay_account(usage, day, accepted.get(usage.account_id, ()))
            for usage in histories
        }
    )


def _replay_account(
    usage: UsageHistory, day: ReplayDay, accepted: Collection[date]
) -> list[EventUsage]:
    history = History(
        account_id=usage.account_id,
        span=usage.span,
        usage=usage.usage,
        corrections=[_correction(change) for change in usage.changes],
    )
    events = replay(history, day.rules, day.through, day.known_after, accepted)
    if not events:
        return []
    newest = {(change.day, change.service): change.amount for change in usage.changes}
    return [EventUsage(event, _usage_in(event, usage, newest)) for event in events]


def _correction(change: CostChange) -> Correction:
    return Correction(change.at.date(), change.day, change.service, change.amount)


def _usage_in(
    event: Detected, usage: UsageHistory, newest: Mapping[tuple[date, str], float]
) -> Decimal:
    """An account's usage in the days of an event; ``newest`` amounts replace those first seen."""
    amounts = (
        newest.get((day, service), row[usage.span.index(day)])
        for day in DaySpan(event.start, event.last)
        for service, row in usage.usage.items()
    )
    total = math.fsum(amount for amount in amounts if not math.isnan(amount))
    return Decimal(repr(total)).quantize(CENT)
