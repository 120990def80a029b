"""Seeded AWS accounts of six habits, to judge month-end forecasts by.

Written without a look at the forecast: what an account does here comes from how AWS bills (tax
early in the month, support by the month's usage, monthly fees on the 1st) and from how people
use it, never from what a forecast can do.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

HABITS = ("steady", "weekend", "month-end", "quarterly", "bursty", "giant")
MONTHS = 15
USAGE, CREDIT, TAX, FEE = "usage", "credit", "tax", "fee"

SERVICES = (
    "AmazonEC2", "AmazonRDS", "AmazonS3", "AWSLambda", "AmazonCloudWatch", "AmazonDynamoDB",
    "awsdatatransfer", "AmazonEKS", "AmazonRedshift", "AmazonCloudFront", "AWSGlue", "AmazonES",
)  # fmt: skip
JOB_SERVICES = ("AWSGlue", "AmazonRedshift", "ElasticMapReduce", "AmazonAthena", "AWSBatch")


@dataclass(frozen=True, slots=True)
class Account:
    """Daily costs of one account over whole months; the last one is closed.

    `costs` holds USD per day, from `first_day` on, by service and charge category (`usage`,
    `credit`, `tax` or `fee`); credits are negative, a day without a charge is 0.0.
    """

    habit: str
    account_id: str
    first_day: date
    costs: Mapping[tuple[str, str], list[float]]

    @property
    def days(self) -> list[date]:
        length = len(next(iter(self.costs.values())))
        return [self.first_day + timedelta(number) for number in range(length)]

    def totals(self) -> list[float]:
        """Net USD per day, all services and charge categories."""
        return [math.fsum(day) for day in zip(*self.costs.values(), strict=True)]


def accounts(habit: str, count: int, seed: int) -> Iterator[Account]:
    """Yield `count` accounts of one habit; account n of a seed is always the same."""
    for number in range(count):
        yield _account(habit, number, random.Random(f"{habit}/{seed}/{number}"))


def _account(habit: str, number: int, rng: random.Random) -> Account:
    # Last months differ, so that quarters and years end within the last months of some accounts.
    days = _whole_months(rng.randrange(12))
    usage = USAGE_OF[habit](rng, days)
    costs = {(service, USAGE): amounts for service, amounts in usage.items()}
    charges = {**costs, **_charges(rng, days, usage)}
    return Account(habit, f"{HABITS.index(habit) + 1}{number:011d}", days[0], charges)


def _whole_months(last: int) -> list[date]:
    """Return the days of 15 whole months; `last` counts months from January 2026."""
    end = _first_of(12 * 2026 + last + 1)
    start = _first_of(12 * 2026 + last + 1 - MONTHS)
    return [start + timedelta(number) for number in range((end - start).days)]


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _steady(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """Several services that run day and night: $20 to $5,000 a day."""
    return _services(rng, days, _log_uniform(rng, 20, 5000), _log_uniform(rng, 0.01, 0.20))


def _weekend(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """Office hours: weekends at 15 to 75 % of a working day; one in six (shops) the other way."""
    weekend = rng.uniform(1.2, 1.9) if rng.random() < 1 / 6 else rng.uniform(0.15, 0.75)
    friday, sunday = rng.uniform(0.85, 1.0), rng.uniform(0.9, 1.1)
    shape = [1.0, rng.uniform(0.97, 1.05), 1.0, 1.0, friday, weekend, weekend * sunday]
    usage = _services(rng, days, _log_uniform(rng, 20, 5000), _log_uniform(rng, 0.01, 0.20))
    for amounts in usage.values():
        follows = rng.random() < 0.85  # storage and the like do not know weekends
        for index, day in enumerate(days):
            amounts[index] *= shape[day.weekday()] if follows else 1.0
    return usage


def _month_end(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """A closing on the last 3 and first 2 business days of a month: 0.4 to 3 times a day more."""
    base = _log_uniform(rng, 20, 3000)
    usage = _services(rng, days, base, _log_uniform(rng, 0.01, 0.15))
    lift, noise = base * rng.uniform(0.4, 3.0), rng.uniform(0.05, 0.25)
    jobs = [0.0] * len(days)
    for index, day in enumerate(days):
        if day in _closing_days(day):
            jobs[index] = lift * _noise(rng, noise)
    usage[rng.choice(JOB_SERVICES) + ":closing"] = jobs
    return _merged(usage)


def _quarterly(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """A job in the last or the first days of a quarter (4 to 9 days), 1 to 5 times a day more."""
    base = _log_uniform(rng, 20, 3000)
    usage = _services(rng, days, base, _log_uniform(rng, 0.01, 0.15))
    lift, length, at_end = base * rng.uniform(1.0, 5.0), rng.randint(4, 9), rng.random() < 0.5
    jobs = [0.0] * len(days)
    for index, day in enumerate(days):
        left = (_first_of(_month(day) + 1) - day).days  # 1 on a month's last day
        runs = left <= length if at_end else day.day <= length
        if runs and day.month % 3 == (0 if at_end else 1):
            jobs[index] = lift * _noise(rng, 0.15)
    usage[rng.choice(JOB_SERVICES) + ":quarter"] = jobs
    return _merged(usage)


def _bursty(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """One of three: a weekly batch on a changing weekday, rare bursts, or an idle sandbox."""
    kind = rng.choice((_weekly_batch, _rare_bursts, _sandbox))
    return _merged(kind(rng, days))


def _weekly_batch(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """A quiet account with one batch a week of 1 to 3 days, 5 to 60 times a quiet day.

    Sizes vary by 20 to 60 %, and one week in twelve has none.
    """
    quiet = _log_uniform(rng, 2, 60)
    usage = _services(rng, days, quiet, _log_uniform(rng, 0.02, 0.20))
    size, spread, length = quiet * rng.uniform(5, 60), rng.uniform(0.2, 0.6), rng.randint(1, 3)
    jobs = [0.0] * len(days)
    for monday in range(-days[0].weekday(), len(days), 7):
        starts, batch = monday + rng.randrange(7), size * _noise(rng, spread)
        if rng.random() < 1 / 12:
            continue
        for index in range(max(starts, 0), min(starts + length, len(days))):
            jobs[index] += batch / length * _noise(rng, 0.1)
    usage[rng.choice(JOB_SERVICES) + ":batch"] = jobs
    return usage


def _rare_bursts(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """One to four bursts a month on any day, 1 to 4 days long, 3 to 40 times a quiet day."""
    quiet = _log_uniform(rng, 2, 60)
    usage = _services(rng, days, quiet, _log_uniform(rng, 0.02, 0.20))
    chance, jobs = rng.uniform(1, 4) / 30, [0.0] * len(days)
    for starts in range(len(days)):
        if rng.random() < chance:
            size = quiet * _log_uniform(rng, 3, 40)
            for index in range(starts, min(starts + rng.randint(1, 4), len(days))):
                jobs[index] += size * _noise(rng, 0.2)
    usage[rng.choice(JOB_SERVICES) + ":burst"] = jobs
    return usage


def _sandbox(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """An idle account (cents a day for storage) that somebody tries something in now and then.

    A trial lasts 1 to 15 days at $3 to $150 a day without weekends; 5 to 45 idle days lie between.
    """
    idle = _log_uniform(rng, 0.01, 1.0)
    storage = [idle * _noise(rng, 0.02) for _ in days]
    trials: list[list[float]] = [[0.0] * len(days) for _ in range(2)]
    index = rng.randint(0, 30)
    while index < len(days):
        size, works = _log_uniform(rng, 3, 150), rng.choice(trials)
        for day in range(index, min(index := index + rng.randint(1, 15), len(days))):
            if days[day].weekday() < 5:
                works[day] = size * _noise(rng, 0.4)
        index += rng.randint(5, 45)
    return {"AmazonS3": storage, "AmazonEC2": trials[0], "AmazonSageMaker": trials[1]}


def _giant(rng: random.Random, days: list[date]) -> dict[str, list[float]]:
    """$50,000 to $500,000 a day over many services, 0.3 to 2 % noise; weekends up to 15 % less."""
    noise, weekend = rng.uniform(0.003, 0.02), rng.uniform(0.85, 1.0)
    usage = _services(rng, days, _log_uniform(rng, 50_000, 500_000), noise, most=len(SERVICES))
    for amounts in usage.values():
        for index, day in enumerate(days):
            amounts[index] *= weekend if day.weekday() >= 5 else 1.0
    return usage


USAGE_OF = {
    "steady": _steady,
    "weekend": _weekend,
    "month-end": _month_end,
    "quarterly": _quarterly,
    "bursty": _bursty,
    "giant": _giant,
}


def _services(
    rng: random.Random, days: list[date], daily: float, noise: float, most: int = 6
) -> dict[str, list[float]]:
    """Share `daily` USD over 2 to `most` services that grow by -2 to 4 % a month.

    Noise has a part that the services share and one of their own. About once in 15 months one
    service steps to 60 to 170 % of its level for good.
    """
    names = rng.sample(SERVICES, rng.randint(2, most))
    weights = [_log_uniform(rng, 0.05, 1.0) for _ in names]
    shared = [_noise(rng, noise) for _ in days]
    growth = rng.uniform(-0.02, 0.04)
    usage = {}
    for name, weight in zip(names, weights, strict=True):
        monthly, level = growth + rng.uniform(-0.01, 0.01), daily * weight / sum(weights)
        amounts = []
        for index in range(len(days)):
            if rng.random() < 1 / (len(days) * len(names)):
                level *= rng.uniform(0.6, 1.7)
            trend = (1 + monthly) ** (index / 30.4)
            amounts.append(level * trend * shared[index] * _noise(rng, noise))
        usage[name] = amounts
    return usage


def _charges(
    rng: random.Random, days: list[date], usage: dict[str, list[float]]
) -> dict[tuple[str, str], list[float]]:
    """Draw what AWS bills beside usage; each account has its own mixture, or none of it."""
    monthly = _by_month(days, [math.fsum(day) for day in zip(*usage.values(), strict=True)])
    charges: dict[tuple[str, str], list[float]] = {}
    if rng.random() < 0.6:  # tax on the month before, booked on one early day
        rate, day = rng.uniform(0.05, 0.20), rng.choice((1, 3))
        charges["Tax", TAX] = _once_a_month(
            days, day, lambda month: rate * monthly.get(month - 1, monthly[month])
        )
    if rng.random() < 0.3:  # support is a share of the month's own usage, known at its end
        rate = rng.uniform(0.03, 0.10)
        charges["AWSSupportBusiness", FEE] = _once_a_month(
            days, None, lambda month: max(29.0, rate * monthly[month])
        )
    if rng.random() < 0.4:  # a Marketplace subscription or a reservation's recurring fee
        share = rng.uniform(0.02, 0.25)
        fee = share * monthly[min(monthly)]
        charges["AWSMarketplace", FEE] = _once_a_month(days, 1, lambda _: fee)
    if rng.random() < 0.2:
        charges |= _credits(rng, usage)
    return charges


def _credits(
    rng: random.Random, usage: dict[str, list[float]]
) -> dict[tuple[str, str], list[float]]:
    """Pay 10 to 100 % of one service's usage until they are used up, in three of four cases."""
    name = rng.choice(sorted(usage))
    share, length = rng.uniform(0.1, 1.0), len(usage[name])
    ends = rng.randrange(length // 3, length) if rng.random() < 0.75 else length
    paid = [-share * amount if day < ends else 0.0 for day, amount in enumerate(usage[name])]
    return {(name, CREDIT): paid}


def _by_month(days: list[date], amounts: list[float]) -> dict[int, float]:
    months: dict[int, float] = {}
    for day, amount in zip(days, amounts, strict=True):
        months[_month(day)] = months.get(_month(day), 0.0) + amount
    return months


def _month(day: date) -> int:
    return 12 * day.year + day.month - 1


def _once_a_month(days: list[date], on: int | None, amount: Callable[[int], float]) -> list[float]:
    """Charge `amount(month)` on the day `on` of each month, or on its last day."""
    lasts = {_first_of(_month(day) + 1) - timedelta(1) for day in days}
    return [
        amount(_month(day)) if (day in lasts if on is None else day.day == on) else 0.0
        for day in days
    ]


def _closing_days(day: date) -> list[date]:
    """Return the last 3 and the first 2 business days of the month of `day`."""
    first, after = _first_of(_month(day)), _first_of(_month(day) + 1)
    business = [
        moved
        for number in range((after - first).days)
        if (moved := first + timedelta(number)).weekday() < 5
    ]
    return business[:2] + business[-3:]


def _merged(usage: dict[str, list[float]]) -> dict[str, list[float]]:
    """Drop what follows a colon: a job may run in a service that the account has already."""
    merged: dict[str, list[float]] = {}
    for key, amounts in usage.items():
        name = key.partition(":")[0]
        before = merged.get(name, [0.0] * len(amounts))
        merged[name] = [old + new for old, new in zip(before, amounts, strict=True)]
    return merged


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _noise(rng: random.Random, spread: float) -> float:
    """Draw a factor with mean 1 and about `spread` as its standard deviation, never negative."""
    return rng.lognormvariate(-spread * spread / 2, spread)
