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
from services.domain import CENT, WHOLE_ACCOUNT, CostChange, DaySpan, SourceName, UsageHistory
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
    """An event, and the usage in its days as it is known now."""

    event: Detected
    usage: Decimal
    """The usage of the whole account."""
    driver_usage: Decimal | None
    """None for a driver without stored usage."""


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
    return [_event_usage(event, usage, newest) for event in events]


def _correction(change: CostChange) -> Correction:
    return Correction(change.at.date(), change.day, change.service, change.amount)


def _event_usage(
    event: Detected, usage: UsageHistory, newest: Mapping[tuple[date, str], float]
) -> EventUsage:
    """Add the usage in the days of an event; ``newest`` amounts replace those first seen."""
    by_service = {
        service: math.fsum(
            amount
            for day in DaySpan(event.start, event.last)
            if not math.isnan(amount := newest.get((day, service), row[usage.span.index(day)]))
        )
        for service, row in usage.usage.items()
    }
    account = math.fsum(by_service.values())
    driver = account if event.driver == WHOLE_ACCOUNT else by_service.get(event.driver)
    return EventUsage(event, _money(account), None if driver is None else _money(driver))


def _money(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(CENT)
