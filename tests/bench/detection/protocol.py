"""How detectors are judged: by event, without look-ahead, at an equal budget of false alerts."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.bench.detection.worlds import SCORED_FROM, Label, World

AFTERWARDS = 1
"""An alert that is first judged so many days after the end of an anomaly still counts."""
HOLD_BACK = 3
"""Days from a day of costs to the notice of it: 48 hours after its end, on the next run."""
DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Alert:
    """What a detector told: an account, days, and the day whose costs made it tell."""

    account: str
    start: date
    end: date
    judged: date
    service: str = ""
    kind: str = ""

    @property
    def notified(self) -> date:
        return self.judged + timedelta(days=HOLD_BACK)


@dataclass
class Score:
    """Counts of one world, or of several added up."""

    true: int = 0
    false: int = 0
    events: int = 0
    found: int = 0
    dollars: float = 0.0
    found_dollars: float = 0.0
    repeats: int = 0
    """Right alerts beyond the first of an anomaly."""
    account_months: float = 0.0
    delays: list[int] = field(default_factory=list)
    kinds: dict[str, list[int]] = field(default_factory=dict)
    """Kind → [found, all]."""
    drivers: list[bool] = field(default_factory=list)
    """Whether the service that an alert names is the one that was injected."""

    @property
    def precision(self) -> float:
        return self.true / max(self.true + self.false, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.events, 1)

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def dollar_recall(self) -> float:
        return self.found_dollars / self.dollars if self.dollars else 0.0

    @property
    def false_rate(self) -> float:
        """False alerts per account and month."""
        return self.false / self.account_months if self.account_months else 0.0

    @property
    def repeat_rate(self) -> float:
        """Further alerts of an anomaly that was told, by anomaly."""
        return self.repeats / self.found if self.found else 0.0

    @property
    def days_to_notify(self) -> float:
        return statistics.fmean(self.delays) if self.delays else math.nan

    @property
    def driver_rate(self) -> float:
        return sum(self.drivers) / max(len(self.drivers), 1)

    def kind_recall(self, kind: str) -> float:
        found, there = self.kinds.get(kind, [0, 0])
        return found / there if there else math.nan

    def add(self, other: "Score") -> None:
        """Adds another world's counts."""
        self.true += other.true
        self.false += other.false
        self.events += other.events
        self.found += other.found
        self.dollars += other.dollars
        self.found_dollars += other.found_dollars
        self.repeats += other.repeats
        self.account_months += other.account_months
        self.delays += other.delays
        self.drivers += other.drivers
        for kind, (found, there) in other.kinds.items():
            held = self.kinds.setdefault(kind, [0, 0])
            held[0] += found
            held[1] += there


def score(world: World, alerts: Iterable[Alert], *, afterwards: int = AFTERWARDS) -> Score:
    """Judges alerts of the scored days.

    An alert is right when the day that raised it lies within an anomaly of its account, or up to
    ``afterwards`` days after it; one about an immaterial anomaly counts neither way. An anomaly is found by the
    first right alert. Drops and repeated alerts of one anomaly are not special.
    """
    first = world.span.first + timedelta(days=SCORED_FROM)
    found = Score(account_months=_account_months(world))
    by_account: dict[str, list[Label]] = {}
    for label in world.labels:
        by_account.setdefault(label.account, []).append(label)
    told: dict[int, Alert] = {}
    for alert in sorted(alerts, key=lambda one: one.judged):
        if alert.judged < first:
            continue
        hit = _label_of(alert, by_account.get(alert.account, []), afterwards)
        if hit is None:
            found.false += 1
        elif hit.material:
            found.true += 1
            found.repeats += id(hit) in told
            told.setdefault(id(hit), alert)
    for label in world.labels:
        if label.material:
            _count(found, label, told.get(id(label)))
    return found


def _label_of(alert: Alert, labels: Sequence[Label], afterwards: int) -> Label | None:
    for label in labels:
        if label.first <= alert.judged <= label.last + timedelta(days=afterwards):
            return label
    return None


def _count(found: Score, label: Label, alert: Alert | None) -> None:
    found.events += 1
    found.dollars += label.dollars
    kind = found.kinds.setdefault(label.kind, [0, 0])
    kind[1] += 1
    if alert is None:
        return
    found.found += 1
    found.found_dollars += label.dollars
    kind[0] += 1
    found.delays.append((alert.notified - label.first).days)
    if label.service and alert.service:
        found.drivers.append(alert.service == label.service)


def _account_months(world: World) -> float:
    days = 0
    for account in world.usage:
        totals = world.totals(account)
        days += sum(not math.isnan(x) for x in totals[SCORED_FROM:])
    return days / DAYS_A_MONTH


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of its 95 % confidence interval over seeds (Student's t)."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, math.nan
    t = _T95.get(len(values) - 1, 1.96)
    return mean, t * statistics.stdev(values) / math.sqrt(len(values))


_T95 = dict(
    enumerate(
        (
            *(12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23),
            *(2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09),
        ),
        start=1,
    )
)
"""Student's t for 95 %, by degrees of freedom."""


def merged(days: Sequence[tuple[date, float]], gap: int = 3) -> list[list[tuple[date, float]]]:
    """Flagged days with their scores as alerts: days at most ``gap`` apart are one."""
    found: list[list[tuple[date, float]]] = []
    for day, value in sorted(days):
        if found and (day - found[-1][-1][0]).days <= gap:
            found[-1].append((day, value))
        else:
            found.append([(day, value)])
    return found
