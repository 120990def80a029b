"""Seeded worlds of costs with labelled anomalies, for calibrating and judging detection.

Each seed is another world: another share of accounts with monthly charges, another noise, other
growth, other sizes of anomalies. Pure Python, so that the tests need nothing more.
"""

import calendar
import math
import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, TypeAlias

from services.domain import Category, CostSeries, CostTable, DaySpan

Kind = Literal["spike", "burst", "shift", "drift", "new service"]
Amounts: TypeAlias = "array[float]"

SERVICES = (
    *("EC2", "RDS", "S3", "Lambda", "CloudFront", "DynamoDB", "EKS", "ElastiCache", "NAT"),
    *("CloudWatch", "Redshift", "OpenSearch", "SQS", "Athena", "Bedrock", "Glue", "EFS", "EMR"),
)
NEW_SERVICES = ("SageMaker", "Textract", "Kendra")
MATERIAL = 50.0
"""Anomalies that cost less in all are not scored, neither way."""
SCORED_FROM = 160
"""Day of a world from which on there are anomalies."""
QUIET = 18
"""Days between two anomalies of one account."""


@dataclass(frozen=True, slots=True)
class Label:
    """An injected anomaly: what, where, which days, and the money that it added."""

    account: str
    service: str
    """The service that it was injected into; "" where the whole account grew."""
    kind: Kind
    first: date
    last: date
    dollars: float

    @property
    def material(self) -> bool:
        return self.dollars >= MATERIAL


@dataclass(frozen=True, slots=True)
class Late:
    """An amount that was first seen as another one: NaN for not at all."""

    account: str
    service: str
    day: date
    seen: float
    corrected: date
    """The day on which the final amount was first seen."""


@dataclass
class World:
    """Costs of many accounts, as they finally are, with labels and late amounts."""

    span: DaySpan
    usage: dict[str, dict[str, Amounts]]
    """Account → service → daily usage; NaN before the account's begin and after its end."""
    others: list[CostSeries] = field(default_factory=list)
    """Tax, fees, credits and refunds."""
    labels: list[Label] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)

    def table(self) -> CostTable:
        """All costs as they finally are."""
        series = [
            CostSeries(account, service, Category.USAGE, amounts)
            for account, services in self.usage.items()
            for service, amounts in services.items()
        ]
        return CostTable(self.span, "USD", [*series, *self.others])

    def totals(self, account: str) -> Amounts:
        """Daily usage of an account; NaN where there is none at all."""
        rows = list(self.usage[account].values())
        return array(
            "d",
            (
                math.nan if all(map(math.isnan, day)) else math.fsum(map(_known, day))
                for day in zip(*rows, strict=True)
            ),
        )


@dataclass(frozen=True, slots=True)
class Regime:
    """What is common to the accounts of a world."""

    noise: float
    """Factor on the noise of all accounts."""
    monthly: float
    """Share of accounts with monthly charges inside usage."""
    size: float
    """Factor on the size of anomalies."""
    growth: float
    """Mean growth per month."""
    events: float
    """Anomalies per account over the scored days, on average."""
    sparse: float
    """Share of accounts with services that are seldom used."""


def regime_of(rng: random.Random) -> Regime:
    """Draws a regime; the middle ones are the likeliest."""
    return Regime(
        noise=math.exp(rng.gauss(0, 0.25)),
        monthly=rng.uniform(0.25, 0.75),
        size=math.exp(rng.gauss(0.0, 0.15)),
        growth=rng.uniform(0.0, 0.025),
        events=rng.uniform(1.6, 2.4),
        sparse=rng.uniform(0.2, 0.6),
    )


def make_world(seed: int, accounts: int = 84, days: int = 420) -> World:
    """The world of a seed: accounts, their usage, other charges, anomalies, late amounts."""
    rng = random.Random(f"world {seed}")
    first = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
    span = DaySpan(first, first + timedelta(days=days - 1))
    regime = regime_of(rng)
    world = World(span, {})
    for number in range(accounts):
        name = f"{seed % 1000:04d}{number:08d}"
        _Account(random.Random(f"account {seed} {number}"), regime, span, name).add_to(world)
    return world


def ar_noise(rng: random.Random, days: int, sd: float, phi: float) -> list[float]:
    """Autocorrelated log noise with standard deviation ``sd``, heavier than normal tails."""
    step = sd * math.sqrt(1 - phi * phi)
    value = rng.gauss(0, sd)
    found = []
    for _ in range(days):
        wide = 2.2 if rng.random() < 0.02 else 1.0
        value = phi * value + rng.gauss(0, step * wide)
        found.append(value)
    return found


def weekly_shape(rng: random.Random, archetype: str) -> list[float]:
    """Factors from Monday to Sunday."""
    shape = [1.0 + rng.gauss(0, 0.02) for _ in range(7)]
    weekend = {
        "steady": rng.uniform(0.92, 1.05),
        "office": rng.uniform(0.4, 0.85),
        "off": rng.uniform(0.0, 0.12),
        "shop": rng.uniform(1.1, 1.6),
        "batch": rng.uniform(0.8, 1.0),
    }[archetype]
    shape[5] *= weekend * rng.uniform(0.95, 1.05)
    shape[6] *= weekend * rng.uniform(0.9, 1.0)
    if archetype == "batch":
        shape[rng.randrange(7)] *= rng.uniform(2, 6)
    return shape


class _Account:
    """One account in the making."""

    def __init__(self, rng: random.Random, regime: Regime, span: DaySpan, name: str) -> None:
        self.rng, self.regime, self.span, self.name = rng, regime, span, name
        self.days = len(span)
        self.dates = list(span)
        self.level = min(max(150 * math.exp(rng.gauss(0, 1.1)), 12), 9000)
        self.usage: dict[str, Amounts] = {}
        self.archetype = rng.choices(
            ("steady", "office", "off", "shop", "batch"), (40, 30, 12, 10, 8)
        )[0]

    def add_to(self, world: World) -> None:
        """Makes the account and puts it into the world."""
        self._services()
        self._monthly_charges()
        self._sparse_services()
        alive = self._life()
        labels = self._anomalies(alive)
        for service, amounts in self.usage.items():
            for i in range(self.days):
                if i not in alive:
                    amounts[i] = math.nan
            self.usage[service] = amounts
        world.usage[self.name] = self.usage
        world.labels += labels
        world.others += self._other_charges(alive)
        world.late += self._late(alive)

    # What is normal

    def _services(self) -> None:
        rng, days = self.rng, self.days
        number = rng.randint(4, 14)
        names = ["EC2", *rng.sample(SERVICES[1:], number - 1)]
        weights = [rng.uniform(0.3, 1.0) * 0.72**rank for rank in range(number)]
        common = ar_noise(
            rng, days, self.regime.noise * math.exp(rng.uniform(-4.6, -2.6)), rng.uniform(0, 0.7)
        )
        trend = self._trend()
        holiday = rng.uniform(0.55, 0.95) if rng.random() < 0.4 else 1.0
        for name, weight in zip(names, weights, strict=True):
            archetype = self.archetype
            if rng.random() < 0.3:
                archetype = rng.choice(("steady", "office", "off"))
            shape = weekly_shape(rng, archetype)
            level = self.level * weight / sum(weights)
            noise = ar_noise(
                rng,
                days,
                self.regime.noise * math.exp(rng.uniform(-4.0, -1.5)),
                rng.uniform(0, 0.8),
            )
            steps = self._steps(weight / sum(weights))
            self.usage[name] = array(
                "d",
                (
                    level
                    * shape[day.weekday()]
                    * trend[i]
                    * steps[i]
                    * math.exp(common[i] + noise[i])
                    * (holiday if _is_holiday(day) else 1.0)
                    for i, day in enumerate(self.dates)
                ),
            )

    def _trend(self) -> list[float]:
        rng = self.rng
        growth = min(max(rng.gauss(self.regime.growth, 0.02), -0.03), 0.06)
        season = rng.uniform(0.03, 0.12) if rng.random() < 0.25 else 0.0
        phase = rng.uniform(0, 365)
        return [
            (1 + growth) ** (i / 30.4) * (1 + season * math.sin(2 * math.pi * (i + phase) / 365))
            for i in range(self.days)
        ]

    def _steps(self, share: float) -> list[float]:
        """Changes of level by deployments: part of normal life, small for the whole account."""
        rng, level, found = self.rng, 1.0, []
        for _ in range(self.days):
            if rng.random() < 1 / 160:
                most = min(0.3, 0.06 / share)
                change = rng.uniform(-0.35, most)
                level = min(max(level * (1 + change), 0.3), 2.0)
            found.append(level)
        return found

    def _monthly_charges(self) -> None:
        rng = self.rng
        if rng.random() > self.regime.monthly:
            return
        for _ in range(rng.choice((1, 1, 1, 2))):
            due = _due_days(rng)
            amount = self.level * math.exp(rng.uniform(-1.5, 1.2))
            service = rng.choice(("Marketplace", "Support", *list(self.usage)[:3]))
            row = self.usage.setdefault(service, array("d", [0.0]) * self.days)
            for i, day in enumerate(self.dates):
                if due(day):
                    row[i] += amount * rng.uniform(0.88, 1.12)
                    amount *= rng.uniform(0.98, 1.04)
        if rng.random() < 0.06:  # a job every second week
            service, begin = next(iter(self.usage)), rng.randrange(14)
            for i in range(begin, self.days, 14):
                self.usage[service][i] *= rng.uniform(1.7, 2.2)

    def _sparse_services(self) -> None:
        rng = self.rng
        if rng.random() > self.regime.sparse:
            return
        for _ in range(rng.choice((1, 2))):
            chance = math.exp(rng.uniform(-3.0, -1.0))
            amount = self.level * math.exp(rng.uniform(-4.5, -2.0))
            self.usage[f"Sparse {len(self.usage)}"] = array(
                "d",
                (
                    amount * math.exp(rng.gauss(0, 0.5)) if rng.random() < chance else 0.0
                    for _ in range(self.days)
                ),
            )

    def _life(self) -> range:
        roll = self.rng.random()
        if roll < 0.1:
            return range(self.rng.randrange(30, self.days - 60), self.days)
        if roll < 0.14:
            return range(self.rng.randrange(200, self.days - 20))
        return range(self.days)

    def _other_charges(self, alive: range) -> list[CostSeries]:
        rng = self.rng
        charges = [("Tax", Category.TAX, 3.0, 1.0), ("Support", Category.FEE, 2.0, 0.4)]
        charges += [
            ("Credits", Category.CREDIT, -4.0, 0.3),
            ("Refund", Category.REFUND, -1.0, 0.2),
        ]
        found = []
        for service, category, factor, chance in charges:
            if rng.random() < chance:
                on, row = rng.choice((1, 1, 3, 7)), array("d", [math.nan]) * self.days
                for i, day in enumerate(self.dates):
                    if day.day == on and i in alive:
                        row[i] = self.level * factor * rng.uniform(0.9, 1.1)
                found.append(CostSeries(self.name, service, category, row))
        return found

    # What is late

    def _late(self, alive: range) -> list[Late]:
        rng, found = self.rng, []
        for i in alive:
            roll, day = rng.random(), self.dates[i]
            if roll < 0.002:  # the whole day comes later
                wait = rng.randint(1, 6)
                found += [self._one_late(s, day, math.nan, wait) for s in self.usage]
            elif roll < 0.012:  # a part of the day comes later
                wait, share = rng.randint(1, 5), rng.uniform(0.2, 0.9)
                for service in rng.sample(list(self.usage), max(len(self.usage) // 2, 1)):
                    found.append(self._one_late(service, day, share, wait))
            elif roll < 0.03:  # restated by a little
                found.append(
                    self._one_late(rng.choice(list(self.usage)), day, rng.uniform(0.97, 1.03), 15)
                )
        return found

    def _one_late(self, service: str, day: date, share: float, wait: int) -> Late:
        seen = self.usage[service][(day - self.span.first).days] * share
        return Late(self.name, service, day, seen, day + timedelta(days=3 + wait))

    # What is not

    def _anomalies(self, alive: range) -> list[Label]:
        rng = self.rng
        rate = self.regime.events / (self.days - SCORED_FROM)
        i, found = max(SCORED_FROM, alive.start + 50), []
        while i < alive.stop - 4:
            if rng.random() < rate * 1.6:  # days during and after one do not count
                label = self._inject(i, alive)
                found.append(label)
                i = (label.last - self.span.first).days + QUIET
            i += 1
        return found

    def _inject(self, begin: int, alive: range) -> Label:
        rng = self.rng
        kind: Kind = rng.choices(
            ("spike", "burst", "shift", "drift", "new service"), (30, 14, 26, 22, 8)
        )[0]
        days, share = self._profile(kind)
        days = min(days, alive.stop - begin)
        factors = share[:days]
        service = self._target(kind)
        level = self._middle(list(self.usage.values()), begin)
        # A forgotten cluster costs the same every day; more of the same work follows its week.
        own = self._middle([self.usage[service]], begin) if service else 0.0
        in_proportion = own > 0 and rng.random() < 0.5
        dollars = 0.0
        for j, factor in zip(range(begin, begin + days), factors, strict=True):
            shape = self.usage[service][j] / own if in_proportion else 1.0
            dollars += self._raise_day(service, j, factor * min(shape, 2.0), level)
        return Label(
            self.name,
            service,
            kind,
            self.dates[begin],
            self.dates[begin + days - 1],
            dollars,
        )

    @staticmethod
    def _middle(rows: "Sequence[Amounts]", begin: int) -> float:
        """The median daily sum over the four weeks before a day."""
        return sorted(math.fsum(row[j] for row in rows) for j in range(begin - 28, begin))[14]

    def _profile(self, kind: Kind) -> tuple[int, list[float]]:
        """Days, and each day's excess as a share of the account's level."""
        rng = self.rng
        middle, days = {
            "spike": (0.95, rng.randint(1, 3)),
            "burst": (0.65, rng.randint(4, 7)),
            "shift": (0.45, rng.randint(9, 28)),
            "drift": (0.75, rng.randint(21, 38)),
            "new service": (0.4, rng.randint(6, 30)),
        }[kind]
        size = middle * self.regime.size * math.exp(rng.gauss(0, 0.5))
        size = min(max(size, 0.12), 8.0)
        if kind != "drift":
            return days, [size * math.exp(rng.gauss(0, 0.08)) for _ in range(days)]
        plateau = rng.choice((0, 0, 7))
        ramp = [size * (k + 1) / days for k in range(days)]
        return days + plateau, ramp + [size] * plateau

    def _target(self, kind: Kind) -> str:
        rng = self.rng
        if kind == "new service":
            name = rng.choice(NEW_SERVICES)
            self.usage.setdefault(name, array("d", [0.0]) * self.days)
            return name
        if rng.random() < 0.25:
            return ""
        names = [name for name in self.usage if not name.startswith(("Sparse", "Market", "Supp"))]
        return rng.choices(names, [math.fsum(self.usage[name]) ** 0.5 for name in names])[0]

    def _raise_day(self, service: str, i: int, factor: float, level: float) -> float:
        """Adds a day's excess: to one service, or to all in proportion."""
        if service:
            extra = level * factor
            self.usage[service][i] += extra
            return extra
        extra = 0.0
        for row in self.usage.values():
            extra += row[i] * factor
            row[i] *= 1 + factor
        return extra


def _known(amount: float) -> float:
    return 0.0 if math.isnan(amount) else amount


def _is_holiday(day: date) -> bool:
    return (day.month, day.day) >= (12, 24) or (day.month, day.day) <= (1, 1)


def _due_days(rng: random.Random) -> Callable[[date], bool]:
    """On which days a monthly charge is posted."""
    kind = rng.choices(("first", "day", "last", "business", "end"), (45, 25, 10, 10, 10))[0]
    on = rng.randint(2, 28)
    if kind == "first":
        return lambda day: day.day == 1
    if kind == "day":
        return lambda day: day.day == on
    if kind == "last":
        return lambda day: day == _last_day(day)
    if kind == "business":
        return lambda day: day == _last_business_day(day)
    return lambda day: (_last_day(day) - day).days < 3


def _last_day(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _last_business_day(day: date) -> date:
    last = _last_day(day)
    return last - timedelta(days=max(last.weekday() - 4, 0))
