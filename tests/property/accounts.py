"""What is right to say about one account: its days, amounts, and the lines of its change."""

import itertools
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from tests.property.truth import ZERO, Compared, Ledger, Pair, Span, added, change, compared

REGULAR_DAYS, REGULAR_OF, MAX_LATE_DAYS = 25, 28, 7
MIN_OWN_DAYS = 7
CHARGES = {"credit": "credits", "adjustment": "refunds", "tax": "tax", "purchase": "fees"}
"""Charge categories as Datadog writes them, and the words for them."""
NAMES = {
    "AmazonEC2": "EC2",
    "ec2": "EC2",
    "AmazonRDS": "RDS",
    "rds": "RDS",
    "AmazonS3": "S3",
    "s3": "S3",
    "AWSLambda": "Lambda",
    "AmazonCloudWatch": "CloudWatch",
    "awsdatatransfer": "Data Transfer",
    "AmazonDynamoDB": "DynamoDB",
    "AWSGlue": "Glue",
    "AmazonEKS": "EKS",
}
"""The names that people use for the services of the worlds; others keep theirs."""
State = Literal["current", "late", "left_out", "silent"]


def shown_as(service: str) -> set[str]:
    """How a service may be written; two codes of one name are told apart by the code."""
    name = NAMES.get(service, service)
    return {name, f"{name} ({service})"}


class Lines:
    """The lines that a change is made of: usage by service, and the other charges."""

    def pair(self, *, service: str | None = None, category: str | None = None) -> Pair:
        raise NotImplementedError

    @property
    def services(self) -> list[str]:
        raise NotImplementedError

    def choices(self, code: str, category: str | None) -> list[Pair]:
        """A service's amounts: alone, and with what moved to it."""
        raise NotImplementedError

    def service_pairs(self, name: str) -> list[Pair]:
        """What a row of a table of services may hold: net cost of whatever is written so."""
        return self._pairs(name, None)

    def usage_pairs(self, name: str) -> list[Pair]:
        """The same of usage alone."""
        return self._pairs(name, "usage")

    def _pairs(self, name: str, category: str | None) -> list[Pair]:
        codes = [code for code in self.services if name in shown_as(code)]
        return [pair for code in codes for pair in self.choices(code, category)]

    def charge_pair(self, word: str) -> Pair:
        """``credits`` and the like, of all services."""
        category = next(key for key, value in CHARGES.items() if value == word)
        return self.pair(category=category)

    def line_pairs(self, name: str) -> list[Pair]:
        """A line of the explanation by the name that a sentence has for it.

        ``EC2``, ``new EC2``, ``EC2 usage``; ``credits that ended``, ``fewer fees``.
        """
        charge = "|".join(CHARGES.values())
        pattern = rf"(?:(?:new|more|fewer|less) )?({charge})(?: that ended)?"
        if found := re.fullmatch(pattern, name, re.IGNORECASE):
            return [self.charge_pair(found[1].casefold())]
        return self.usage_pairs(name.removeprefix("new ").removesuffix(" usage"))

    def steps(self) -> list[list[Decimal]]:
        """The printed changes that each line may have: all services' usage, other charges."""
        charges = [[change(self.charge_pair(word))] for word in CHARGES.values()]
        usage = [
            [change(pair) for pair in pairs]
            for code in self.services
            if (pairs := self.choices(code, "usage"))
        ]
        return [*charges, *usage]


@dataclass(frozen=True)
class AccountTruth(Lines):
    """One account as of the last complete day."""

    ledger: Ledger
    account_id: str
    through: date
    threshold: Decimal = Decimal(20)
    moved: tuple[tuple[str, str], ...] = ()
    """(old, new) names of services that the report says moved; they may be one line."""
    cache: dict[object, Pair] = field(default_factory=dict, compare=False)

    @property
    def last_day(self) -> date | None:
        return self.ledger.last_day([self.account_id])

    @property
    def state(self) -> State:
        """Whether costs still arrive (rule 2)."""
        last = self.last_day
        if last is None:
            return "silent"
        missing = (self.through - last).days
        span = (last - timedelta(REGULAR_OF - 1), last)
        is_regular = self.ledger.days_with_costs(self.account_id, span) >= REGULAR_DAYS
        if not missing or not is_regular:
            return "current"
        if missing > MAX_LATE_DAYS:
            return "silent"
        return "late" if self._own_days() else "left_out"

    def _own_days(self) -> Compared | None:
        """The window of an account whose last days are missing; None for too few days."""
        window, last = compared(self.through), self.last_day
        assert last is not None
        if last >= window.current[1]:
            return window
        days = (last - window.current[0]).days + 1
        days = min(days, (window.previous[1] - window.previous[0]).days + 1)
        if days < MIN_OWN_DAYS:
            return None
        return Compared(_first(window.current, days), _first(window.previous, days))

    @property
    def window(self) -> Compared:
        own = self._own_days() if self.state == "late" else None
        return own or compared(self.through)

    @property
    def own_through(self) -> date:
        """The last day that the account's report is about."""
        late = self.state in ("late", "left_out")
        return self.last_day if late and self.last_day else self.through

    def pair(self, *, service: str | None = None, category: str | None = None) -> Pair:
        """(current, previous); nothing of an account that is left out."""
        if self.state == "left_out":
            return ZERO, ZERO
        key = service, category
        if key not in self.cache:
            self.cache[key] = self.ledger.pair(
                self.account_id, self.window, service=service, category=category
            )
        return self.cache[key]

    @property
    def services(self) -> list[str]:
        return self.ledger.services(self.account_id)

    def choices(self, code: str, category: str | None) -> list[Pair]:
        moved_here = [old for old, new in self.moved if new == code]
        pairs = [
            added(self.pair(service=name, category=category) for name in (code, *group))
            for number in range(len(moved_here) + 1)
            for group in itertools.combinations(moved_here, number)
        ]
        # What moved away may be gone from the list of lines.
        return [*pairs, (ZERO, ZERO)] if code in {old for old, _ in self.moved} else pairs

    def week(self) -> Pair:
        """The last 7 days and the 7 before."""
        last = self.own_through if self.state == "late" else self.through
        return (
            self.ledger.sum(self.account_id, (last - timedelta(6), last)),
            self.ledger.sum(self.account_id, (last - timedelta(13), last - timedelta(7))),
        )

    def spent(self, day: date) -> Decimal:
        """Net cost from the 1st to a day."""
        return self.ledger.sum(self.account_id, (day.replace(day=1), day))


@dataclass(frozen=True)
class TotalTruth(AccountTruth):
    """Several accounts together; none of them is late for all."""

    parts: tuple[AccountTruth, ...] = ()

    @property
    def state(self) -> State:
        return "current"

    @property
    def services(self) -> list[str]:
        return sorted({code for part in self.parts for code in part.services})

    def pair(self, *, service: str | None = None, category: str | None = None) -> Pair:
        return added(part.pair(service=service, category=category) for part in self.parts)

    def choices(self, code: str, category: str | None) -> list[Pair]:
        pairs = {(ZERO, ZERO)}
        for part in self.parts:
            if code in part.services:
                own = set(part.choices(code, category))
                pairs = {added((total, pair)) for total in pairs for pair in own}
        return sorted(pairs)

    def spent(self, day: date) -> Decimal:
        return sum((part.spent(day) for part in self.parts), ZERO)


def _first(span: Span, days: int) -> Span:
    return span[0], span[0] + timedelta(days - 1)
