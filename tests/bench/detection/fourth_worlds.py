"""A fourth family of worlds, written blind: lognormal noise, bursts, zeros, accounts of all sizes.

Accounts cost from $5 to $50,000 a day. Noise multiplies and remembers yesterday (AR(1)); services
run on weekends only, or now and then, or in small bursts of their own; growth comes in steps of
slope, prices in tiers; support and marketplace charges come monthly, purchases once. Days come
late, in part, or are restated. Levels shift for a while or for good. It was written without a look
at the detector's limits, and judged before anything was changed.
"""

import math
import random
from array import array
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeAlias

from services.domain import Category, CostSeries, DaySpan
from tests.bench.detection.worlds import SCORED_FROM, Kind, Label, Late, World

Amounts: TypeAlias = "array[float]"
NAMES = (
    *("AmazonEC2", "AmazonRDS", "AmazonS3", "AWSLambda", "AmazonEKS", "AmazonVPC", "AWSGlue"),
    *("AmazonCloudWatch", "AmazonDynamoDB", "AmazonRedshift", "AmazonSageMaker", "AWSBackup"),
)
LONGEST = 45
"""Days for which a change that stays is labelled: who has not told by then, has missed it."""


def make_fourth_world(seed: int, accounts: int = 84, days: int = 420) -> World:
    """The world of a seed."""
    rng = random.Random(f"fourth {seed}")
    first = date(2023, 6, 1) + timedelta(days=rng.randrange(500))
    span = DaySpan(first, first + timedelta(days=days - 1))
    world = World(span, {})
    for number in range(accounts):
        name = f"3{seed % 1000:03d}{number:08d}"
        _Tenant(random.Random(f"tenant {seed} {number}"), span, name).add_to(world)
    return world


class _Tenant:
    """One account."""

    def __init__(self, rng: random.Random, span: DaySpan, name: str) -> None:
        self.rng, self.span, self.name = rng, span, name
        self.dates, self.days = list(span), len(span)
        self.level = math.exp(rng.uniform(math.log(5), math.log(50_000)))
        self.usage: dict[str, Amounts] = {}
        self.opens = rng.randrange(20, 220) if rng.random() < 0.12 else 0
        self.closes = rng.randrange(280, self.days) if rng.random() < 0.06 else self.days

    def add_to(self, world: World) -> None:
        """Makes the account and puts it into the world."""
        self._services()
        self._weekend_jobs()
        self._seldom()
        self._own_bursts()
        self._monthly()
        world.labels += self._anomalies()
        for row in self.usage.values():
            for i in [*range(self.opens), *range(self.closes, self.days)]:
                row[i] = math.nan
        world.usage[self.name] = self.usage
        world.others += self._others()
        world.late += self._late()

    # What is normal

    def _noise(self, sigma: float, phi: float) -> list[float]:
        """AR(1) in the logarithm; its mean factor is one."""
        value, found = self.rng.gauss(0, sigma), []
        step = sigma * math.sqrt(1 - phi**2)
        for _ in range(self.days):
            value = phi * value + self.rng.gauss(0, step)
            found.append(math.exp(value - sigma**2 / 2))
        return found

    def _services(self) -> None:
        rng = self.rng
        number = rng.randint(2, len(NAMES))
        parts = [rng.expovariate(1.0) + 0.03 for _ in range(number)]
        weekend = rng.choice((1.0, 1.0, 0.8, 0.5, 0.25, 1.3))
        peak = rng.randrange(7)
        growth = self._growth()
        for name, part in zip(rng.sample(NAMES, number), parts, strict=True):
            own = weekend ** rng.uniform(0.3, 1.2)
            days = [1 + rng.uniform(-0.06, 0.06) for _ in range(7)]
            days[peak] *= rng.choice((1.0, 1.0, 1.15))
            days[5], days[6] = days[5] * own, days[6] * own
            noise = self._noise(math.exp(rng.uniform(-3.6, -1.8)), rng.uniform(0, 0.85))
            tiers = rng.uniform(0.85, 0.97) if rng.random() < 0.2 else 1.0
            size = self.level * part / math.fsum(parts)
            self.usage[name] = array(
                "d",
                (
                    size
                    * days[day.weekday()]
                    * noise[i]
                    * growth[i]
                    * (tiers if day.day > 18 else 1.0)
                    for i, day in enumerate(self.dates)
                ),
            )

    def _growth(self) -> list[float]:
        """A few months at each slope."""
        rng, value, found = self.rng, 1.0, []
        slope, left = 0.0, 0
        for _ in range(self.days):
            if left == 0:
                slope = rng.choice((-0.01, 0.0, 0.0, 0.015, 0.03, 0.05)) / 30
                left = rng.randint(50, 160)
            value, left = value * (1 + slope), left - 1
            found.append(value)
        return found

    def _weekend_jobs(self) -> None:
        rng = self.rng
        if rng.random() < 0.2:
            size = self.level * rng.uniform(0.05, 0.5)
            self.usage["AWSBatch"] = array(
                "d",
                (
                    size * rng.lognormvariate(0, 0.12) if day.weekday() >= 5 else 0.0
                    for day in self.dates
                ),
            )

    def _seldom(self) -> None:
        """Zeros, and now and then a little."""
        rng = self.rng
        for n in range(rng.choice((0, 0, 1, 2))):
            chance, size = rng.uniform(0.04, 0.3), self.level * rng.uniform(0.01, 0.08)
            self.usage[f"Seldom{n}"] = array(
                "d",
                (
                    size * rng.lognormvariate(0, 0.4) if rng.random() < chance else 0.0
                    for _ in range(self.days)
                ),
            )

    def _own_bursts(self) -> None:
        """Bursts that are everyday life here: small, every two weeks or so."""
        rng = self.rng
        if rng.random() > 0.25:
            return
        row, i = self.usage[next(iter(self.usage))], rng.randrange(14)
        while i < self.days:
            extra = self.level * rng.uniform(0.03, 0.12)
            for k in range(i, min(i + rng.randint(1, 3), self.days)):
                row[k] += extra
            i += rng.randint(7, 24)

    def _monthly(self) -> None:
        rng = self.rng
        if rng.random() < 0.4:  # support: a share of what the month before cost
            share, row = rng.uniform(0.03, 0.1), array("d", [0.0]) * self.days
            for i, day in enumerate(self.dates):
                if day.day == 1:
                    before = [math.fsum(r[max(i - 30, 0) : i]) for r in self.usage.values()]
                    row[i] = share * (math.fsum(before) if i >= 28 else 30 * self.level)
            self.usage["AWSSupport"] = row
        if rng.random() < 0.3:  # a subscription
            on, size = rng.randint(1, 28), self.level * rng.uniform(0.3, 4)
            row = self.usage.setdefault("Marketplace", array("d", [0.0]) * self.days)
            for i, day in enumerate(self.dates):
                if day.day == on:
                    row[i] += size * rng.uniform(0.97, 1.03)

    def _others(self) -> list[CostSeries]:
        """Tax, credits, refunds, and purchases that come once: no usage."""
        rng, found = self.rng, []
        plans = [
            ("Tax", Category.TAX, 5.0, {1}, 0.9),
            ("Credits", Category.CREDIT, -3.0, {1, 15}, 0.25),
        ]
        for service, category, factor, on, chance in plans:
            if rng.random() < chance:
                found.append(
                    self._charge(service, category, factor, [d.day in on for d in self.dates])
                )
        for service, category, factor in (
            ("Savings Plan", Category.FEE, 60.0),
            ("Refund", Category.REFUND, -2.0),
        ):
            if rng.random() < 0.3:
                at = rng.randrange(self.days)
                found.append(
                    self._charge(service, category, factor, [i == at for i in range(self.days)])
                )
        return found

    def _charge(
        self, service: str, category: Category, factor: float, on: Sequence[bool]
    ) -> CostSeries:
        row = array("d", [math.nan]) * self.days
        for i in range(self.opens, self.closes):
            if on[i]:
                row[i] = self.level * factor * self.rng.uniform(0.9, 1.1)
        return CostSeries(self.name, service, category, row)

    def _late(self) -> list[Late]:
        rng, found = self.rng, []
        for i in range(self.opens, self.closes):
            roll, day = rng.random(), self.dates[i]
            if roll < 0.01:
                share, wait = rng.choice((0.0, 0.3, 0.6)), rng.randint(1, 4)
                names = list(self.usage)
            elif roll < 0.04:
                share, wait = rng.uniform(0.92, 1.08), rng.randint(2, 12)
                names = rng.sample(list(self.usage), 1)
            else:
                continue
            known = day + timedelta(days=3 + wait)
            found += [Late(self.name, n, day, self.usage[n][i] * share, known) for n in names]
        return found

    # What is not

    def _anomalies(self) -> list[Label]:
        rng, found = self.rng, []
        i = max(SCORED_FROM, self.opens + 60) + int(rng.expovariate(1 / 70))
        while i < self.closes - 5:
            label = self._one(i)
            found.append(label)
            i = (label.last - self.span.first).days + 25 + int(rng.expovariate(1 / 70))
        return found

    def _one(self, begin: int) -> Label:
        rng = self.rng
        kind: Kind = rng.choices(
            ("spike", "burst", "shift", "drift", "new service"), (28, 16, 26, 20, 10)
        )[0]
        size = {
            "spike": rng.lognormvariate(math.log(1.1), 0.6),
            "burst": rng.lognormvariate(math.log(0.7), 0.5),
            "shift": rng.lognormvariate(math.log(0.45), 0.5),
            "drift": rng.lognormvariate(math.log(0.7), 0.4),
            "new service": rng.lognormvariate(math.log(0.4), 0.5),
        }[kind]
        days = {
            "spike": rng.randint(1, 2),
            "burst": rng.randint(3, 6),
            "shift": rng.randint(10, 35),
            "drift": rng.randint(21, 45),
            "new service": rng.randint(4, 30),
        }[kind]
        stays = kind in {"shift", "drift"} and rng.random() < 0.4
        row, name = self._target(kind)
        end = self.closes if stays else min(begin + days, self.closes)
        whole = [math.fsum(r[j] for r in self.usage.values()) for j in range(begin - 28, begin)]
        usual = sorted(whole)[14]
        follows = rng.random() < 0.5
        mean = math.fsum(row[begin - 28 : begin]) / 28
        dollars = 0.0
        last = min(end, begin + LONGEST) - 1
        for i in range(begin, end):
            part = min((i - begin + 1) / days, 1.0) if kind == "drift" else 1.0
            shape = row[i] / mean if follows and mean > 0 and kind != "new service" else 1.0
            extra = size * usual * part * min(shape, 3.0) * rng.lognormvariate(0, 0.08)
            row[i] += extra
            dollars += extra if i <= last else 0.0
        return Label(self.name, name, kind, self.dates[begin], self.dates[last], dollars)

    def _target(self, kind: Kind) -> tuple[Amounts, str]:
        if kind == "new service":
            name = self.rng.choice(("AmazonBedrock", "AmazonQuickSight", "AmazonMSK"))
            return self.usage.setdefault(name, array("d", [0.0]) * self.days), name
        names = [name for name in self.usage if name in NAMES]
        weights = [math.sqrt(math.fsum(self.usage[name])) for name in names]
        name = self.rng.choices(names, weights)[0]
        return self.usage[name], name
