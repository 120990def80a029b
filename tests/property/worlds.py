"""Worlds for the property suite: organizations whose daily costs are drawn from a number.

A world has a kind, of which half of its accounts are; the others are drawn from all kinds.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.servers.datadog import Cost

HISTORY_DAYS = 140
SERVICES = (
    *("AmazonEC2", "AmazonRDS", "AmazonS3", "AWSLambda", "AmazonCloudWatch", "awsdatatransfer"),
    *("AmazonDynamoDB", "Unlisted Thing"),
)
LOWERCASE = {"AmazonEC2": "ec2", "AmazonRDS": "rds", "AmazonS3": "s3"}
"""The other spelling that Datadog has for the same services."""


@dataclass
class Account:
    """An account's lines: (service, charge category as Datadog writes it) → one amount a day.

    None is a day without data.
    """

    account_id: str
    kind: str
    days: list[date]
    lines: dict[tuple[str, str], list[float | None]] = field(default_factory=dict)
    team: str | None = None
    threshold: float | None = None
    moves: list[tuple[str, str]] = field(default_factory=list)
    """(old, new) service of money that moved."""

    def put(self, service: str, category: str, amounts: list[float | None]) -> None:
        self.lines[service, category] = amounts

    def costs(self) -> list[Cost]:
        """What a cost source has of the account; amounts have eight decimals at most."""
        return [
            Cost(
                day,
                round(amount, 8),
                {
                    "aws_member_account_id": self.account_id,
                    "aws_member_account_name": f"Account {self.account_id[-2:]}",
                    "aws_product": service,
                    "chargecategory": category,
                },
            )
            for (service, category), amounts in self.lines.items()
            for day, amount in zip(self.days, amounts, strict=True)
            if amount is not None
        ]


@dataclass(frozen=True)
class World:
    """An organization, the last day that is complete, and what the source said a week before."""

    kind: str
    seed: int
    through: date
    accounts: list[Account]
    costs: list[Cost]
    costs_before: list[Cost]
    is_first_report: bool
    """Whether there was no report a week before."""


def world(kind: str, seed: int) -> World:
    """Draw a world; the same for the same kind and seed."""
    rng = random.Random(f"{kind}/{seed}")
    through = date(2026, rng.randint(1, 12), rng.randint(1, 28)) + timedelta(rng.randint(0, 3))
    days = [through - timedelta(HISTORY_DAYS - 1 - number) for number in range(HISTORY_DAYS)]
    kinds = [kind] * rng.randint(2, 4) + rng.choices(sorted(KINDS), k=rng.randint(2, 4))
    if set(kinds) == {"empty"} or rng.random() < 0.9:  # else all data may be late
        kinds.append("steady")
    accounts = [_account(rng, days, number, name) for number, name in enumerate(kinds)]
    if kind == "move":
        _move_between_accounts(rng, accounts[0], accounts[-1])
    costs = [cost for account in accounts for cost in account.costs()]
    return World(
        kind=kind,
        seed=seed,
        through=through,
        accounts=accounts,
        costs=costs,
        costs_before=_before_restatements(rng, costs, through),
        is_first_report=rng.random() < 0.3,
    )


def _account(rng: random.Random, days: list[date], number: int, kind: str) -> Account:
    account = Account(f"{number + 1:02d}{rng.randrange(10**10):010d}", kind, days)
    KINDS[kind](rng, account)
    if number == 0 or rng.random() < 0.8:
        account.team = f"Team {number + 1}"
        account.threshold = rng.choice((None, None, None, 5.0, 37.5))
    return account


def _before_restatements(rng: random.Random, costs: list[Cost], through: date) -> list[Cost]:
    """Draw what was known a week ago: some days of some accounts were lower or higher."""
    restated = {
        account: rng.choice((0.3, 0.98, 0.9999, 1.001, 1.2, 4.0))
        for account in sorted({cost.tags["aws_member_account_id"] for cost in costs})
        if rng.random() < 0.4
    }
    known = through - timedelta(7)
    first = known - timedelta(5)
    factors = (
        (cost, restated.get(cost.tags["aws_member_account_id"], 1.0) if cost.day >= first else 1.0)
        for cost in costs
        if cost.day <= known
    )
    return [Cost(cost.day, round(cost.amount * factor, 8), cost.tags) for cost, factor in factors]


def _level(
    rng: random.Random, days: list[date], daily: float, noise: float = 0.08
) -> list[float | None]:
    weekend = rng.uniform(0.5, 1.0)
    return [
        daily * rng.lognormvariate(0, noise) * (weekend if day.weekday() >= 5 else 1.0)
        for day in days
    ]


def _scaled(amounts: list[float | None], begin: int, factor: float) -> list[float | None]:
    return [
        amount * factor if amount is not None and index >= begin else amount
        for index, amount in enumerate(amounts)
    ]


def _cut(amounts: list[float | None], begin: int, end: int | None = None) -> list[float | None]:
    """Keep the days from `begin` to before `end`."""
    last = len(amounts) if end is None else end
    return [amount if begin <= index < last else None for index, amount in enumerate(amounts)]


def _usage(rng: random.Random, account: Account, daily: float, noise: float = 0.08) -> list[str]:
    names = rng.sample(SERVICES, rng.randint(1, 5))
    for name in names:
        share = rng.uniform(0.1, 1.0) * daily / len(names)
        account.put(name, "usage", _level(rng, account.days, share, noise))
    return names


def _once_a_month(account: Account, on: int, amount: float) -> list[float | None]:
    return [amount if day.day == on else None for day in account.days]


def _charges(rng: random.Random, account: Account, daily: float) -> None:
    if rng.random() < 0.4:
        account.put("Tax", "tax", _once_a_month(account, rng.choice((1, 3)), daily * 3.1))
    if rng.random() < 0.3:
        account.put("AWSSupport", "purchase", _once_a_month(account, 1, daily * 2.3))
    if rng.random() < 0.2:
        refund = _once_a_month(account, rng.randint(2, 20), -daily * rng.uniform(0.1, 9))
        account.put("AmazonEC2", "adjustment", refund)


def _steady(rng: random.Random, account: Account) -> None:
    daily = math.exp(rng.uniform(1, 8))
    _usage(rng, account, daily)
    _charges(rng, account, daily)


def _rising(rng: random.Random, account: Account) -> None:
    """One service steps up (or down) some days before the end, or rises for a while only."""
    daily = math.exp(rng.uniform(3, 8))
    names = _usage(rng, account, daily)
    begin = len(account.days) - rng.choice((3, 5, 8, 12, 20, 35))
    key = (rng.choice(names), "usage")
    stepped = _scaled(account.lines[key], begin, rng.choice((0.2, 1.3, 2.0, 3.0, 6.0)))
    if rng.random() < 0.4:
        ends = begin + rng.randint(2, 12)
        stepped = stepped[:ends] + account.lines[key][ends:]
    account.lines[key] = stepped
    _charges(rng, account, daily)


def _several_rising(rng: random.Random, account: Account) -> None:
    """Two or more services step up on the same day, one more than the others."""
    daily = math.exp(rng.uniform(4, 8))
    begin = len(account.days) - rng.randint(3, 25)
    for name in rng.sample(SERVICES, rng.randint(2, 4)):
        amounts = _level(rng, account.days, daily * rng.uniform(0.3, 1.0), noise=0.03)
        account.put(name, "usage", _scaled(amounts, begin, rng.uniform(1.5, 4.0)))
    _charges(rng, account, daily)


def _credits_end(rng: random.Random, account: Account) -> None:
    """Credits pay part or all of a flat usage until they are used up."""
    daily = math.exp(rng.uniform(2, 7))
    names = _usage(rng, account, daily, noise=0.01)
    share, ends = rng.choice((0.3, 0.9, 1.0)), len(account.days) - rng.randint(1, 60)
    for name in names:
        paid = [-share * amount for amount in account.lines[name, "usage"] if amount is not None]
        account.put(name, "credit", _cut([*paid], 0, ends))


def _renamed(rng: random.Random, account: Account) -> None:
    """A service goes on under the other of its names."""
    daily = math.exp(rng.uniform(4, 8))
    _usage(rng, account, daily / 2)
    old = rng.choice(sorted(LOWERCASE))
    amounts = _level(rng, account.days, daily, noise=0.02)
    on = len(account.days) - rng.randint(2, 30)
    account.put(old, "usage", _cut(amounts, 0, on))
    account.put(LOWERCASE[old], "usage", _cut(amounts, on))
    account.moves.append((old, LOWERCASE[old]))


def _moved(rng: random.Random, account: Account) -> None:
    """Money moves from one service to another."""
    daily = math.exp(rng.uniform(4, 8))
    _usage(rng, account, daily / 2)
    old, new = rng.sample(SERVICES, 2)
    amounts = _level(rng, account.days, daily, noise=0.02)
    on = len(account.days) - rng.randint(3, 30)
    account.put(old, "usage", _cut(amounts, 0, on))
    account.put(new, "usage", _cut(amounts, on))
    account.moves.append((old, new))


def _move_between_accounts(rng: random.Random, giver: Account, taker: Account) -> None:
    amounts = _level(rng, giver.days, 200.0, noise=0.02)
    on = len(giver.days) - rng.randint(3, 30)
    giver.put("AmazonEKS", "usage", _cut(amounts, 0, on))
    taker.put("AmazonEKS", "usage", _cut(amounts, on))


def _late(rng: random.Random, account: Account) -> None:
    """The last 1 to 7 days have not come yet."""
    _steady(rng, account)
    end = len(account.days) - rng.randint(1, 7)
    account.lines = {key: _cut(amounts, 0, end) for key, amounts in account.lines.items()}


def _silent(rng: random.Random, account: Account) -> None:
    """Closed, or broken, for more than a week."""
    _steady(rng, account)
    end = len(account.days) - rng.randint(8, 80)
    account.lines = {key: _cut(amounts, 0, end) for key, amounts in account.lines.items()}


def _monthly(rng: random.Random, account: Account) -> None:
    """One charge on the 1st of each month."""
    account.put("AWSSupport", "purchase", _once_a_month(account, 1, rng.uniform(5, 5000)))


def _bursty(rng: random.Random, account: Account) -> None:
    account.put("AmazonS3", "usage", _level(rng, account.days, rng.uniform(0.01, 2)))
    batch: list[float | None] = [None] * len(account.days)
    for week in range(0, len(batch), 7):
        day = week + rng.randrange(7)
        if day < len(batch):
            batch[day] = rng.uniform(50, 900)
    account.put("AWSGlue", "usage", batch)


def _tiny(rng: random.Random, account: Account) -> None:
    """Fractions of a cent a day, and credits for nearly all of them."""
    names = rng.sample(SERVICES, rng.randint(1, 4))
    for name in names:
        amounts = _level(rng, account.days, math.exp(rng.uniform(-9, -3)))
        account.put(name, "usage", amounts)
        if rng.random() < 0.4:
            paid = [None if x is None else -x * rng.choice((1.0, 0.99, 0.4)) for x in amounts]
            account.put(name, "credit", paid)


def _giant(rng: random.Random, account: Account) -> None:
    daily = rng.uniform(50_000, 500_000)
    _usage(rng, account, daily, noise=0.01)
    _charges(rng, account, daily)


def _negative(rng: random.Random, account: Account) -> None:
    """Credits and refunds beyond the usage."""
    daily = math.exp(rng.uniform(1, 6))
    _usage(rng, account, daily)
    amounts = _level(rng, account.days, -daily * rng.uniform(0.8, 3))
    begin = rng.choice((0, len(account.days) - rng.randint(1, 40)))
    account.put("AmazonEC2", "credit", _cut(amounts, begin))


def _new(rng: random.Random, account: Account) -> None:
    """The first cost lies a few days or weeks back."""
    _steady(rng, account)
    begin = len(account.days) - rng.randint(1, 70)
    account.lines = {key: _cut(amounts, begin) for key, amounts in account.lines.items()}


def _empty(rng: random.Random, account: Account) -> None:
    """No cost has ever come."""


KINDS: dict[str, Callable[[random.Random, Account], None]] = {
    "steady": _steady,
    "rising": _rising,
    "several rising": _several_rising,
    "credits end": _credits_end,
    "renamed": _renamed,
    "move": _moved,
    "late": _late,
    "silent": _silent,
    "monthly": _monthly,
    "bursty": _bursty,
    "tiny": _tiny,
    "giant": _giant,
    "negative": _negative,
    "new": _new,
    "empty": _empty,
}
