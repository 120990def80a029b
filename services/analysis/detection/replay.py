"""Replays the history of an account day by day, with every amount as it was known then.

A detector that sees the final amounts of a day looks better than it is: they were not known when
the day was evaluated.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.detection.detector import AccountDetector
from services.analysis.detection.event import ACCOUNT, Event, Kind
from services.analysis.detection.rules import Rules
from services.domain import CENT, Category, CostChange, CostTable, DaySpan


@dataclass(frozen=True, slots=True)
class Correction:
    """A service's amount of a day as it is known from ``known`` on; NaN: no amount."""

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
    """Usage by account and service as it was first known, with its corrections; sorted by account."""
    days = len(table.span)
    usage: dict[str, dict[str, array[float]]] = defaultdict(dict)
    for series in table.series:
        if series.category in {None, Category.USAGE}:
            usage[series.account_id][series.service] = series.amounts
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
    """An event as it is recorded."""

    account_id: str
    kind: Kind
    start: date
    end: date | None
    """Last day; None while it is open."""
    raised_on: date
    """The day whose costs raised it."""
    last: date
    """Last day that belongs to it so far."""
    driver: str
    excess: Decimal
    """Money above what was expected, so far."""
    services: tuple[tuple[str, Decimal], ...]
    """Excess by service, largest first."""
    accepted: bool = False
    """Ended because it lasted so long that it became the new normal."""


def detected(account_id: str, event: Event) -> Detected:
    """Convert an event: money as decimals in cents, days as dates."""
    services = sorted(
        ((name, _money(x)) for name, x in event.sums.items() if name != ACCOUNT),
        key=lambda entry: (-entry[1], entry[0]),
    )
    last = date.fromordinal(event.last)
    return Detected(
        account_id=account_id,
        kind=event.kind,
        start=date.fromordinal(event.start),
        end=None if event.ended is None else last,
        raised_on=date.fromordinal(event.raised),
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
    """All events that were raised up to the evaluation of ``last``, as they were then.

    A day is evaluated ``known_after`` days after its date, with the corrections known on that day.
    ``accepted``: days after whose evaluation somebody accepted the level as normal.
    """
    corrected = (correction.service for correction in history.corrections)
    detector = AccountDetector(rules, dict.fromkeys([*history.usage, *corrected]))
    events: list[Event] = []
    for day in _evaluated_days(detector, history, last, known_after):
        newest = detector.event or detector.before
        if newest is not None and all(event is not newest for event in events):
            events.append(newest)
        if day in accepted:
            detector.accept()
    return [detected(history.account_id, event) for event in events]


def _evaluated_days(
    detector: AccountDetector, history: History, last: date, known_after: timedelta
) -> Iterable[date]:
    """Evaluate the days of a history, and yield each when it is done."""
    rows = _rows(history, detector.names)
    first = history.span.first.toordinal()
    pending = _by_evaluated_day(history, known_after)
    for i in range(min(len(rows), last.toordinal() - first + 1)):
        for day, changes in pending.pop(first + i, {}).items():
            if day >= first + i:
                _correct(rows[day - first], detector.names, changes)
            else:
                detector.restate(day, changes, first + i)
        detector.evaluate(first + i, rows[i])
        yield date.fromordinal(first + i)


def _rows(history: History, names: Sequence[str]) -> list[list[float]]:
    """Days with the usage of the whole account first, then of each service."""
    no_usage = array("d", bytes(8 * len(history.span)))
    service_amounts = [history.usage.get(name, no_usage) for name in names[1:]]
    if not service_amounts:
        return [[0.0] for _ in no_usage]
    columns = [
        amounts if not any(map(math.isnan, amounts)) else [0.0 if x != x else x for x in amounts]  # noqa: PLR0124 - NaN
        for amounts in service_amounts
    ]
    return [[math.fsum(day), *day] for day in zip(*columns, strict=True)]


def _by_evaluated_day(
    history: History, known_after: timedelta
) -> dict[int, dict[int, dict[str, float]]]:
    """Evaluated day → corrected day → service → amount; in the order in which they were known.

    A correction counts from the evaluation of the day that lies ``known_after`` before it was
    known. Those of days before the history that count before its first day are left out.
    """
    by_day: dict[int, dict[int, dict[str, float]]] = defaultdict(dict)
    first, last = history.span.first, history.span.last
    for change in sorted(history.corrections, key=lambda correction: correction.known):
        evaluated = change.known - known_after
        if change.day <= last and (change.day >= first or evaluated >= first):
            amount = 0.0 if math.isnan(change.amount) else change.amount
            at = max(evaluated, first).toordinal()
            by_day[at].setdefault(change.day.toordinal(), {})[change.service] = amount
    return by_day


def _correct(row: list[float], names: Sequence[str], changes: Mapping[str, float]) -> None:
    """Correct a day that has not been evaluated yet."""
    for service, amount in changes.items():
        row[names.index(service)] = amount
    row[0] = math.fsum(row[1:])
