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
    events = follow(Watch(rules, history.usage), history, last, known_after, accepted)
    return [detected(history.account_id, event) for event in events]


def follow(
    watch: Watch,
    history: History,
    last: date,
    known_after: timedelta,
    accepted: Container[date] = (),
) -> list[Event]:
    """Brings a watch through the days of a history up to ``last``; its events, oldest first.

    These are the events that a watch in the middle of its life knew before, and those of the days
    that were judged now.
    """
    events = [event for event in (watch.before, watch.event) if event is not None]
    for day in advance(watch, history, last, known_after):
        newest = watch.event or watch.before
        if newest is not None and all(event is not newest for event in events):
            events.append(newest)
        if day in accepted:
            watch.accept()
    return events


def advance(watch: Watch, history: History, last: date, known_after: timedelta) -> Iterable[date]:
    """Judges the days of a history, the first of which is the day after the watch's last one."""
    watch.know(history.usage)
    rows = _rows(history, watch.names)
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


def judging_day(known: date, known_after: timedelta) -> date:
    """The day before whose judging an amount counts that is known since a day."""
    return known - known_after


def _rows(history: History, names: Sequence[str]) -> list[list[float]]:
    """Days with the usage of the whole account first, then of each service."""
    nothing = array("d", bytes(8 * len(history.span)))
    found = [history.usage.get(name, nothing) for name in names[1:]]
    if not found:
        return [[0.0] for _ in nothing]
    columns = [
        amounts if not any(map(math.isnan, amounts)) else [0.0 if x != x else x for x in amounts]  # noqa: PLR0124 - NaN
        for amounts in found
    ]
    return [[math.fsum(day), *day] for day in zip(*columns, strict=True)]


def _by_judging_day(
    history: History, known_after: timedelta
) -> dict[int, dict[int, dict[str, float]]]:
    """Judging day → corrected day → service → amount; in the order in which they were known.

    Corrections of earlier days that count before the first day are left out: they were counted.
    """
    found: dict[int, dict[int, dict[str, float]]] = defaultdict(dict)
    first, last = history.span.first, history.span.last
    for one in sorted(history.corrections, key=lambda one: one.known):
        judged = judging_day(one.known, known_after)
        if one.day <= last and (one.day >= first or judged >= first):
            amount = 0.0 if math.isnan(one.amount) else one.amount
            at = max(judged, first).toordinal()
            found[at].setdefault(one.day.toordinal(), {})[one.service] = amount
    return found


def _correct(row: list[float], names: Sequence[str], changes: Mapping[str, float]) -> None:
    """Changes a day that has not been judged yet."""
    for service, amount in changes.items():
        row[names.index(service)] = amount
    row[0] = math.fsum(row[1:])
