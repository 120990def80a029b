"""The right values, from the raw costs by the rules of docs/how-costs-are-compared.md.

In decimals and day by day; shares no code with the product.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.property.printed import MONTH_NAMES, cents, range_text
from tests.servers.datadog import Cost

ZERO = Decimal(0)
MIN_COMPARED_DAYS = 7
DAY = timedelta(days=1)
Span = tuple[date, date]
Pair = tuple[Decimal, Decimal]
"""(current, previous)."""


@dataclass(frozen=True)
class Compared:
    """Two stretches of days."""

    current: Span
    previous: Span
    closed: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """Short names of both: ``1–20 Nov``, or ``October``."""
        if self.closed:
            return MONTH_NAMES[self.current[0].month - 1], MONTH_NAMES[self.previous[0].month - 1]
        return range_text(*self.current), range_text(*self.previous)


def compared(through: date) -> Compared:
    """Compare days 1 to d with days 1 to d of the month before (rule 2)."""
    first = through.replace(day=1)
    before_last = first - DAY
    before = before_last.replace(day=1)
    if through.day < MIN_COMPARED_DAYS:
        second = before - DAY
        return Compared((before, before_last), (second.replace(day=1), second), closed=True)
    days = min(through.day, before_last.day)
    return Compared((first, first.replace(day=days)), (before, before.replace(day=days)))


class Ledger:
    """Raw costs, added up exactly."""

    def __init__(self, costs: Iterable[Cost]) -> None:
        self._cells: dict[str, dict[tuple[str, str], dict[date, Decimal]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Decimal))
        )
        self._days: dict[str, set[date]] = defaultdict(set)
        for cost in costs:
            account = cost.tags["aws_member_account_id"]
            key = (cost.tags["aws_product"], cost.tags["chargecategory"])
            self._cells[account][key][cost.day] += Decimal(repr(cost.amount))
            self._days[account].add(cost.day)

    @property
    def accounts(self) -> list[str]:
        return sorted(self._cells)

    def last_day(self, accounts: Sequence[str] | None = None) -> date | None:
        days = [max(self._days[a]) for a in (accounts or self.accounts) if self._days.get(a)]
        return max(days, default=None)

    def days_with_costs(self, account: str, span: Span) -> int:
        return sum(span[0] <= day <= span[1] for day in self._days.get(account, ()))

    def sum(
        self, account: str, span: Span, *, service: str | None = None, category: str | None = None
    ) -> Decimal:
        return sum(
            (
                amount
                for (name, kind), days in self._cells.get(account, {}).items()
                if service in (None, name) and category in (None, kind)
                for day, amount in days.items()
                if span[0] <= day <= span[1]
            ),
            ZERO,
        )

    def pair(
        self,
        account: str,
        window: Compared,
        *,
        service: str | None = None,
        category: str | None = None,
    ) -> Pair:
        """Return (current, previous)."""
        return (
            self.sum(account, window.current, service=service, category=category),
            self.sum(account, window.previous, service=service, category=category),
        )

    def services(self, account: str) -> list[str]:
        return sorted({name for name, _ in self._cells.get(account, {})})

    def keys(self, account: str) -> list[tuple[str, str]]:
        return sorted(self._cells.get(account, {}))

    def day_amount(self, account: str, day: date) -> Decimal | None:
        """The net amount of a day; None without data."""
        if day not in self._days.get(account, ()):
            return None
        return self.sum(account, (day, day))


def added(pairs: Iterable[Pair]) -> Pair:
    found = list(pairs)
    return sum((c for c, _ in found), ZERO), sum((p for _, p in found), ZERO)


def printed(pair: Pair) -> Pair:
    return cents(pair[0]), cents(pair[1])


def change(pair: Pair) -> Decimal:
    """The change of the printed amounts."""
    return cents(pair[0]) - cents(pair[1])
