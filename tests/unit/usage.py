"""Usage that nothing is wrong with, and changes to it, for tests of detection."""

import random
from array import array
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from services.analysis.detection.replay import Correction, Detected, History, replay
from services.analysis.detection.rules import Rules
from services.domain import DaySpan

FIRST = date(2026, 1, 5)
"""A Monday."""
DAYS = 330
SHARES = {"EC2": 0.5, "RDS": 0.25, "S3": 0.15, "Lambda": 0.1}
WEEKEND = 0.6
RULES = Rules()

Usage = dict[str, "array[float]"]
Shape = Callable[[date], float]


def weekly(day: date) -> float:
    """Office work: less on weekends."""
    return WEEKEND if day.weekday() >= 5 else 1.0


def usage(
    level: float = 400.0,
    shape: Shape = weekly,
    *,
    days: int = DAYS,
    noise: float = 0.03,
    seed: int = 1,
    first: date = FIRST,
) -> Usage:
    """An account's usage by service: ``level`` a day, shaped, with a little noise."""
    rng = random.Random(seed)
    return {
        service: array(
            "d",
            (
                level * share * shape(first + timedelta(days=i)) * rng.lognormvariate(0, noise)
                for i in range(days)
            ),
        )
        for service, share in SHARES.items()
    }


def index(day: date, first: date = FIRST) -> int:
    return (day - first).days


def add(amounts: Usage, service: str, days: Iterable[int], amount: float) -> Usage:
    """Adds money to some days of a service, which may be new."""
    number = len(next(iter(amounts.values())))
    row = amounts.setdefault(service, array("d", [0.0]) * number)
    for i in days:
        row[i] += amount
    return amounts


def scaled(amounts: Usage, days: Iterable[int], factor: float) -> Usage:
    """Multiplies all services on some days."""
    for i in days:
        for row in amounts.values():
            row[i] *= factor
    return amounts


def history(
    amounts: Usage, corrections: Iterable[Correction] = (), account: str = "1" * 12
) -> History:
    number = len(next(iter(amounts.values())))
    span = DaySpan(FIRST, FIRST + timedelta(days=number - 1))
    return History(account, span, amounts, tuple(corrections))


def told(
    amounts: Usage,
    corrections: Iterable[Correction] = (),
    *,
    last: date | None = None,
    rules: Rules = RULES,
) -> list[Detected]:
    """All events of an account."""
    found = history(amounts, corrections)
    return replay(found, rules, last or found.span.last)
