"""A second family of worlds, built from resources instead of curves, for the final check only.

Fleets of whole machines follow demand, disks fill up, requests come at random, batch jobs slip,
trials come and go. Anomalies are things that go wrong: a fleet that runs away, a load test that
nobody stops, logs that explode, a leak, a wrong route. Nothing is calibrated on these.
"""

import calendar
import math
import random
from array import array
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeAlias

from services.domain import DaySpan
from tests.bench.detection.worlds import SCORED_FROM, Kind, Label, Late, World

Amounts: TypeAlias = "array[float]"
Maker = Callable[["_Site"], Amounts]


def make_other_world(seed: int, accounts: int = 84, days: int = 420) -> World:
    """The world of a seed."""
    rng = random.Random(f"other {seed}")
    first = date(2024, 9, 1) + timedelta(days=rng.randrange(365))
    span = DaySpan(first, first + timedelta(days=days - 1))
    world = World(span, {})
    for number in range(accounts):
        site = _Site(
            random.Random(f"site {seed} {number}"), span, f"5{seed % 1000:03d}{number:08d}"
        )
        site.build()
        site.go_wrong()
        site.close()
        world.usage[site.name] = site.usage
        world.labels += site.labels
        world.late += site.late
    return world


class _Site:
    """One account: its demand, its resources, what goes wrong."""

    def __init__(self, rng: random.Random, span: DaySpan, name: str) -> None:
        self.rng, self.span, self.name = rng, span, name
        self.dates = list(span)
        self.days = len(span)
        self.usage: dict[str, Amounts] = {}
        self.labels: list[Label] = []
        self.late: list[Late] = []
        self.budget = rng.lognormvariate(math.log(160), 1.0)
        """About the money of a day."""
        self.demand = self._demand()
        self.opens = rng.randrange(40, self.days // 2) if rng.random() < 0.09 else 0
        self.closes = self.days
        if rng.random() < 0.04:
            self.closes = rng.randrange(self.days * 2 // 3, self.days)

    def _demand(self) -> list[float]:
        """How busy the product is, around 1."""
        rng = self.rng
        busy = rng.choice(("people", "people", "machines", "shop"))
        shape = {
            "people": [1.08, 1.1, 1.1, 1.08, 1.0, 0.62, 0.58],
            "machines": [1.0] * 7,
            "shop": [0.95, 0.92, 0.94, 0.98, 1.08, 1.2, 1.15],
        }[busy]
        growth = rng.triangular(-0.01, 0.05, 0.012)
        wobble, found = 0.0, []
        looseness = rng.uniform(0.01, 0.06)
        for i, day in enumerate(self.dates):
            wobble += rng.gauss(0, looseness * 0.4) - 0.15 * wobble
            quiet = 0.8 if busy == "people" and (day.month, day.day) in _FREE_DAYS else 1.0
            found.append(
                shape[day.weekday()] * (1 + growth) ** (i / 30.4) * math.exp(wobble) * quiet
            )
        return found

    # Resources

    def build(self) -> None:
        """Some of everything, by chance."""
        rng = self.rng
        parts: list[tuple[str, Maker, float]] = [
            ("EC2", _Site._fleet, 1.0),
            ("RDS", _Site._fixed, 0.8),
            ("S3", _Site._storage, 0.9),
            ("Lambda", _Site._requests, 0.6),
            ("CloudFront", _Site._traffic, 0.5),
            ("DynamoDB", _Site._requests, 0.5),
            ("EKS", _Site._fleet, 0.4),
            ("EMR", _Site._jobs, 0.35),
            ("CodeBuild", _Site._working_days, 0.4),
            ("CloudWatch", _Site._requests, 0.8),
            ("NAT", _Site._traffic, 0.6),
            ("Backup", _Site._sundays, 0.4),
            ("Savings", _Site._by_month_length, 0.25),
        ]
        chosen = [(name, make) for name, make, chance in parts if rng.random() < chance]
        weights = [rng.gammavariate(1.2, 1.0) + 0.05 for _ in chosen]
        for (name, make), weight in zip(chosen, weights, strict=True):
            row = make(self)
            mean = math.fsum(row) / len(row) or 1.0
            scale = self.budget * weight / sum(weights) / mean
            self.usage[name] = array("d", (max(x * scale, 0.0) for x in row))
        if rng.random() < 0.35:
            self.usage["Trials"] = self._trials()
        if rng.random() < 0.5:
            self._invoices()

    def _fleet(self) -> Amounts:
        rng = self.rng
        machines = rng.choice((2, 4, 8, 20, 60))
        slack, price, found = rng.uniform(0.02, 0.12), 1.0, []
        for load in self.demand:
            if rng.random() < 1 / 120:
                price *= rng.uniform(0.9, 1.12)  # another kind of machine
            wanted = machines * load * (1 + rng.gauss(0, slack))
            found.append(max(round(wanted), 1) * price * rng.uniform(0.985, 1.015))
        return array("d", found)

    def _fixed(self) -> Amounts:
        rng, size, found = self.rng, 10.0, []
        for _ in range(self.days):
            if rng.random() < 1 / 150:
                size *= rng.choice((0.75, 1.15, 1.25))
            found.append(size * (1 + rng.gauss(0, 0.004)))
        return array("d", found)

    def _storage(self) -> Amounts:
        rng = self.rng
        held, daily, tidy = 100.0, rng.uniform(0.1, 0.8), rng.choice((30, 60, 90, 10_000))
        found = []
        for i, load in enumerate(self.demand):
            held += daily * load
            if i % tidy == tidy - 1:
                held -= daily * tidy * rng.uniform(0.5, 0.9)
            found.append(held * (1 + rng.gauss(0, 0.01)))
        return array("d", found)

    def _requests(self) -> Amounts:
        shape = self.rng.choice((8, 30, 120))
        return array("d", (x * self.rng.gammavariate(shape, 1 / shape) for x in self.demand))

    def _traffic(self) -> Amounts:
        wide = self.rng.uniform(0.05, 0.3)
        return array("d", (x * self.rng.lognormvariate(0, wide) for x in self.demand))

    def _jobs(self) -> Amounts:
        """Runs on some weekdays; now and then it slips to the next day, or fails and runs twice."""
        rng = self.rng
        on = rng.sample(range(7), rng.choice((1, 2, 5)))
        found = [0.0] * self.days
        for i, day in enumerate(self.dates):
            if day.weekday() in on:
                at = i + 1 if rng.random() < 0.03 else i
                cost = rng.gammavariate(20, 1 / 20) * (2 if rng.random() < 0.01 else 1)
                if at < self.days:
                    found[at] += cost
        return array("d", (x + 0.02 for x in found))

    def _working_days(self) -> Amounts:
        rng = self.rng
        return array(
            "d",
            (
                rng.uniform(0.5, 1.5) if day.weekday() < 5 else rng.uniform(0, 0.1)
                for day in self.dates
            ),
        )

    def _sundays(self) -> Amounts:
        return array(
            "d", (4.0 if day.weekday() == 6 else self.rng.uniform(0.9, 1.1) for day in self.dates)
        )

    def _by_month_length(self) -> Amounts:
        return array("d", (31 / calendar.monthrange(d.year, d.month)[1] for d in self.dates))

    def _trials(self) -> Amounts:
        """Small experiments of some days: legitimate, and small for the account."""
        rng, left, size, found = self.rng, 0, 0.0, []
        for _ in range(self.days):
            if left == 0 and rng.random() < 1 / 25:
                left, size = rng.randint(1, 6), self.budget * rng.uniform(0.01, 0.07)
            found.append(size if left else 0.0)
            left = max(left - 1, 0)
        return array("d", found)

    def _invoices(self) -> None:
        """Subscriptions: on a fixed day, or within the first days of the month."""
        rng = self.rng
        amount, on = self.budget * rng.uniform(0.3, 2.5), rng.choice((1, 1, 1, 5, 12, 20))
        wanders = rng.random() < 0.25
        row = self.usage.setdefault("Marketplace", array("d", [0.0]) * self.days)
        due = on
        for i, day in enumerate(self.dates):
            if day.day == 1:
                due = on + (rng.randint(0, 2) if wanders else 0)
            if day.day == due:
                row[i] += amount * rng.uniform(0.95, 1.08)

    # What goes wrong

    def go_wrong(self) -> None:
        """About two things in eight months."""
        rng, i = self.rng, max(SCORED_FROM, self.opens + 50)
        while i < self.closes - 4:
            if rng.random() < 1 / 75:
                happening = rng.choice(
                    (
                        self._runaway,
                        self._runaway,
                        self._load_test,
                        self._logs,
                        self._leak,
                        self._creep,
                        self._wrong_route,
                        self._new_toy,
                    )
                )
                label = happening(i)
                self.labels.append(label)
                i = (label.last - self.span.first).days + 15
            i += 1

    def _add(self, kind: Kind, service: str, begin: int, extra: list[float]) -> Label:
        extra = extra[: self.closes - begin]
        row = self.usage.setdefault(service, array("d", [0.0]) * self.days)
        for k, amount in enumerate(extra):
            row[begin + k] += amount
        last = begin + len(extra) - 1
        return Label(
            self.name, service, kind, self.dates[begin], self.dates[last], math.fsum(extra)
        )

    def _size(self, middle: float) -> float:
        """Money a day: a share of the budget."""
        return self.budget * middle * self.rng.lognormvariate(0, 0.55)

    def _of(self, *names: str) -> str:
        there = [name for name in names if name in self.usage]
        return self.rng.choice(there or list(self.usage))

    def _runaway(self, i: int) -> Label:
        size = self._size(0.9)
        days = self.rng.randint(1, 3)
        return self._add("spike", self._of("EC2", "EKS", "Lambda"), i, [size] * days)

    def _load_test(self, i: int) -> Label:
        size, days = self._size(0.5), self.rng.randint(5, 26)
        return self._add("shift", self._of("EC2", "EKS", "RDS"), i, [size] * days)

    def _logs(self, i: int) -> Label:
        size, days = self._size(0.3), self.rng.randint(3, 6)
        return self._add(
            "burst", self._of("CloudWatch", "S3"), i, [size * 1.5**k for k in range(days)]
        )

    def _leak(self, i: int) -> Label:
        end, days = self._size(0.7), self.rng.randint(20, 40)
        return self._add(
            "drift", self._of("S3", "RDS"), i, [end * (k + 1) / days for k in range(days)]
        )

    def _creep(self, i: int) -> Label:
        end, days = self._size(0.7), self.rng.randint(22, 35)
        rate = self.rng.uniform(0.02, 0.06)
        top = (1 + rate) ** days - 1
        return self._add(
            "drift",
            self._of("EC2", "EKS", "DynamoDB"),
            i,
            [end * ((1 + rate) ** (k + 1) - 1) / top for k in range(days)],
        )

    def _wrong_route(self, i: int) -> Label:
        size, days, rng = self._size(0.4), self.rng.randint(8, 30), self.rng
        return self._add(
            "shift",
            self._of("NAT", "CloudFront"),
            i,
            [
                size * self.demand[min(i + k, self.days - 1)] * rng.lognormvariate(0, 0.15)
                for k in range(days)
            ],
        )

    def _new_toy(self, i: int) -> Label:
        size, days = self._size(0.45), self.rng.randint(4, 28)
        name = self.rng.choice(("Bedrock", "SageMaker", "QuickSight"))
        return self._add(
            "new service", name, i, [size * self.rng.uniform(0.7, 1.3) for _ in range(days)]
        )

    # The rest

    def close(self) -> None:
        """Before its begin and after its end there is nothing; some days come late."""
        rng = self.rng
        for row in self.usage.values():
            for i in [*range(self.opens), *range(self.closes, self.days)]:
                row[i] = math.nan
        for i in range(self.opens, self.closes):
            if rng.random() < 0.008:
                share, wait = rng.choice((0.0, 0.4, 0.75)), rng.randint(1, 4)
                for service in self.usage:
                    self.late.append(
                        Late(
                            self.name,
                            service,
                            self.dates[i],
                            self.usage[service][i] * share,
                            self.dates[i] + timedelta(days=3 + wait),
                        )
                    )


_FREE_DAYS = {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}
