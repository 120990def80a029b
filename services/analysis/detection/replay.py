"""Replays the history of an account day by day, with every amount as it was known then."""

import math
from array import array
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.event import ACCOUNT, Event, Kind
from services.analysis.detection.rules import Rules
from services.analysis.detection.watch import Watch
from services.model import CENT, Category, CostChange, CostTable, DaySpan


@dataclass(frozen=True, slots=True)
class Correction:
    """From a day on, another amount is known of a service's day; NaN: none."""

    known: date
    day: date
    service: str
    amount: float


@dataclass(slots=True)
class History:
    """Usage of an account by service over a span, as it was first known; NaN: no data."""

    account_id: str
    span: DaySpan
    usage: Mapping[str, "array[float]"]
    corrections: Sequence[Correction] = field(default_factory=tuple)


def histories(table: CostTable, changes: Iterable[CostChange]) -> list[History]:
    """Usage by account and service as it was first seen, with its corrections; by account."""
    days = len(table.span)
    usage: dict[str, dict[str, array[float]]] = defaultdict(dict)
    for one in table.series:
        if one.category in {None, Category.USAGE}:
            usage[one.account_id][one.service] = one.amounts
    corrections: dict[str, list[Correction]] = defaultdict(list)
    for change in changes:
        if change.category in {None, Category.USAGE}:
            services = usage[change.account_id]
            if change.service not in services:
                services[change.service] = array("d", [0.0]) * days
            corrections[change.account_id].append(
                Correction(change.at.date(), change.day, change.service, change.amount)
            )
    return [
        History(account, table.span, services, corrections[account])
        for account, services in sorted(usage.items())
    ]


@dataclass(frozen=True, slots=True)
class Detected:
    """An event as people are told of it."""

    account_id: str
    kind: Kind
    start: date
    end: date | None
    """Last day; None while it is open."""
    judged: date
    """The day whose costs raised it."""
    last: date
    """Last day that belongs to it so far."""
    driver: str
    excess: Decimal
    """Money above what was expected, so far."""
    services: tuple[tuple[str, Decimal], ...]
    """Excess by service, largest first."""
    accepted: bool = False
    """Ended because it lasted so long that it is the new normal."""


def detected(account_id: str, event: Event) -> Detected:
    """An event with its money as decimals, rounded to cents."""
    services = sorted(
        ((name, _money(x)) for name, x in event.sums.items() if name != ACCOUNT),
        key=lambda one: (-one[1], one[0]),
    )
    last = date.fromordinal(event.last)
    return Detected(
        account_id=account_id,
        kind=event.kind,
        start=date.fromordinal(event.start),
        end=None if event.ended is None else last,
        judged=date.fromordinal(event.raised),
        last=last,
        driver=event.driver,
        excess=_money(event.excess),
        services=tuple(services),
        accepted=event.accepted,
    )


def _money(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(CENT)


def replay(
    history: History,
    rules: Rules,
    last: date,
    known_after: timedelta = timedelta(days=3),
    accepted: Container[date] = (),
) -> list[Detected]:
    """All events that were raised up to the judging of ``last``, as they stood then.

    A day is judged ``known_after`` its date, with the corrections known on that day.
    ``accepted``: days after whose judging somebody said that this is the new normal.
    """
    watch = Watch(rules, history.usage)
    events: list[Event] = []
    for day in advance(watch, history, last, known_after):
        newest = watch.event or watch.before
        if newest is not None and (not events or events[-1] is not newest):
            events.append(newest)
        if day in accepted:
            watch.accept()
    return [detected(history.account_id, event) for event in events]


def advance(watch: Watch, history: History, last: date, known_after: timedelta) -> Iterable[date]:
    """Brings a watch whose columns are the history's services through its days."""
    rows = _rows(history)
    first = history.span.first.toordinal()
    waiting = _by_judging_day(history, known_after)
    for i in range(min(len(rows), last.toordinal() - first + 1)):
        for day, changes in waiting.pop(first + i, {}).items():
            if day >= first + i:
                _correct(rows[day - first], watch.names, changes)
            else:
                watch.restate(day, changes, first + i)
        watch.judge_row(first + i, rows[i])
        yield date.fromordinal(first + i)


def _rows(history: History) -> list[list[float]]:
    """Days with the usage of the whole account first, then of each service."""
    columns = [
        amounts if not any(map(math.isnan, amounts)) else [0.0 if x != x else x for x in amounts]  # noqa: PLR0124 - NaN
        for amounts in history.usage.values()
    ]
    return [[math.fsum(day), *day] for day in zip(*columns, strict=True)]


def _by_judging_day(
    history: History, known_after: timedelta
) -> dict[int, dict[int, dict[str, float]]]:
    """Judging day → corrected day → service → amount; in the order in which they were known."""
    found: dict[int, dict[int, dict[str, float]]] = defaultdict(dict)
    first = history.span.first
    for one in sorted(history.corrections, key=lambda one: one.known):
        if one.day in history.span:
            judged = max(one.known - known_after, first).toordinal()
            amount = 0.0 if math.isnan(one.amount) else one.amount
            found[judged].setdefault(one.day.toordinal(), {})[one.service] = amount
    return found


def _correct(row: list[float], names: Sequence[str], changes: Mapping[str, float]) -> None:
    """Changes a day that has not been judged yet."""
    for service, amount in changes.items():
        row[names.index(service)] = amount
    row[0] = math.fsum(row[1:])
