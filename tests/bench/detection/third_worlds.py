"""A third family of worlds, for the final check: correlated accounts, drifting weeks, fat tails.

Levels wander, weekly patterns change their strength over the year, noise is Student's, all
accounts share a common demand, volume discounts make the end of a month cheaper, closings make it
dearer, capacity fails now and then. Anomalies multiply what a service costs; their sizes follow a
power law. Nothing is calibrated on these.
"""

import math
import random
from array import array
from datetime import date, timedelta
from typing import TypeAlias

from services.domain import DaySpan
from tests.bench.detection.worlds import SCORED_FROM, Kind, Label, World

Amounts: TypeAlias = "array[float]"
NAMES = ("EC2", "RDS", "S3", "EKS", "Lambda", "Kinesis", "MSK", "Glue", "WAF", "KMS", "SNS", "ECR")


def make_third_world(seed: int, accounts: int = 84, days: int = 420) -> World:
    """The world of a seed."""
    rng = random.Random(f"third {seed}")
    first = date(2024, 3, 1) + timedelta(days=rng.randrange(365))
    span = DaySpan(first, first + timedelta(days=days - 1))
    world = World(span, {})
    common = _wander(rng, days, 0.004, 0.02)
    for number in range(accounts):
        name = f"7{seed % 1000:03d}{number:08d}"
        _Firm(random.Random(f"firm {seed} {number}"), span, name, common).add_to(world)
    return world


def _wander(rng: random.Random, days: int, step: float, back: float) -> list[float]:
    """A log level that wanders and is drawn back."""
    value, found = 0.0, []
    for _ in range(days):
        value += rng.gauss(0, step) - back * value
        found.append(value)
    return found


def _student(rng: random.Random, freedom: int = 4) -> float:
    """Student's t with unit variance."""
    chi = math.fsum(rng.gauss(0, 1) ** 2 for _ in range(freedom))
    return rng.gauss(0, 1) / math.sqrt(chi / freedom) / math.sqrt(freedom / (freedom - 2))


class _Firm:
    """One account."""

    def __init__(self, rng: random.Random, span: DaySpan, name: str, common: list[float]) -> None:
        self.rng, self.span, self.name, self.common = rng, span, name, common
        self.dates = list(span)
        self.days = len(span)
        self.level = 40 * rng.paretovariate(0.9)
        self.level = min(self.level, 6000)
        self.opens = rng.randrange(50, 260) if rng.random() < 0.1 else 0
        self.closes = rng.randrange(260, self.days) if rng.random() < 0.05 else self.days

    def add_to(self, world: World) -> None:
        """Makes the account and puts it into the world."""
        shape = self._month_shape()
        growth = self.rng.gauss(0.012, 0.015) / 30.4
        usage = {}
        number = self.rng.randint(3, len(NAMES))
        parts = [self.rng.betavariate(0.8, 3) + 0.02 for _ in range(number)]
        for name, part in zip(NAMES, parts, strict=False):
            daily = self._service(self.level * part / math.fsum(parts))
            usage[name] = array(
                "d", (x * shape[i] * math.exp(growth * i) for i, x in enumerate(daily))
            )
        self._true_up(usage)
        self._failures(usage)
        world.labels += self._anomalies(usage)
        for row in usage.values():
            for i in [*range(self.opens), *range(self.closes, self.days)]:
                row[i] = math.nan
        world.usage[self.name] = usage

    def _service(self, level: float) -> list[float]:
        rng = self.rng
        own = _wander(rng, self.days, math.exp(rng.uniform(-5.8, -4.2)), 0.03)
        strength = _wander(rng, self.days, 0.01, 0.01)
        noise = math.exp(rng.uniform(-4.2, -2.1))
        deep, peak = rng.choice((0.0, 0.05, 0.2, 0.45)), rng.uniform(0, 7)
        follows = rng.choice((0.0, 1.0, 1.5))
        found = []
        for i, day in enumerate(self.dates):
            week = math.cos(2 * math.pi * (day.weekday() - peak) / 7)
            quiet = -1.2 * deep if day.weekday() >= 5 else 0.0
            log = own[i] + follows * self.common[i] + noise * _student(rng)
            found.append(level * math.exp(log + (0.4 * deep * week + quiet) * (1 + strength[i])))
        return found

    def _month_shape(self) -> list[float]:
        """Volume discounts make the end of a month cheaper, closings make it dearer."""
        rng = self.rng
        tiers = rng.uniform(0.03, 0.1) if rng.random() < 0.2 else 0.0
        closing = rng.uniform(0.1, 0.3) if rng.random() < 0.15 else 0.0
        found = []
        for day in self.dates:
            left = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days
            found.append(1 - tiers * (day.day > 20) + closing * (left <= 3))
        return found

    def _true_up(self, usage: dict[str, Amounts]) -> None:
        """A bill once a month, on the first business day or within three days of a number."""
        rng = self.rng
        if rng.random() > 0.45:
            return
        amount, on = self.level * rng.uniform(0.4, 3.0), rng.choice((1, 2, 15, 28))
        row = usage[rng.choice(list(usage))]
        business = rng.random() < 0.3
        done = 0
        for i, day in enumerate(self.dates):
            key = day.year * 12 + day.month
            due = day.weekday() < 5 if business else day.day >= on
            if key != done and due:
                row[i] += amount * rng.uniform(0.93, 1.07)
                done = key

    def _failures(self, usage: dict[str, Amounts]) -> None:
        """Days on which capacity was missing: drops are not scored."""
        for i in range(self.days):
            if self.rng.random() < 1 / 150:
                row = usage[self.rng.choice(list(usage))]
                row[i] *= self.rng.uniform(0.1, 0.7)

    def _anomalies(self, usage: dict[str, Amounts]) -> list[Label]:
        rng, found = self.rng, []
        i = max(SCORED_FROM, self.opens + 55)
        while i < self.closes - 5:
            if rng.random() < 1 / 80:
                label = self._one(usage, i)
                found.append(label)
                i = (label.last - self.span.first).days + 20
            i += 1
        return found

    def _one(self, usage: dict[str, Amounts], begin: int) -> Label:
        rng = self.rng
        kind: Kind = rng.choice(("spike", "spike", "burst", "shift", "shift", "drift", "drift"))
        days = {
            "spike": rng.randint(1, 2),
            "burst": rng.randint(3, 7),
            "shift": rng.randint(8, 28),
            "drift": rng.randint(20, 35),
        }[kind]
        days = min(days, self.closes - begin)
        name = rng.choices(list(usage), [math.fsum(row) ** 0.6 for row in usage.values()])[0]
        row = usage[name]
        usual = sorted(row[begin - 28 : begin])[14]
        whole = sorted(math.fsum(r[j] for r in usage.values()) for j in range(begin - 28, begin))
        size = min({"spike": 0.5, "burst": 0.35}.get(kind, 0.25) * rng.paretovariate(1.5), 6.0)
        dollars = 0.0
        for k in range(days):
            part = ((k + 1) / days) ** 1.3 if kind == "drift" else rng.uniform(0.85, 1.15)
            extra = size * whole[14] * part * (row[begin + k] / usual if usual > 0 else 1.0)
            row[begin + k] += extra
            dollars += extra
        last = self.dates[begin + days - 1]
        return Label(self.name, name, kind, self.dates[begin], last, dollars)
