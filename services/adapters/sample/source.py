"""Seeded costs for any account, to try the agent without costs of your own.

An amount depends on the seed, the account, the service and the day alone, never on the span that
is asked for. Random numbers come from SHA-256, so that they are the same on every machine.
Every month has its events, so that there is something to see on any day.
"""

import asyncio
import math
from array import array
from collections.abc import Callable, Sequence
from datetime import date, datetime

from services.adapters.sample.organization import (
    QUIET_TEAM,
    SERVICES,
    SILENT_TEAM,
    UNMAPPED,
    SampleEvent,
    account_of,
    chance,
    sample_events,
)
from services.domain import (
    SAMPLE,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    Month,
    SourceDescription,
)

Key = tuple[str, str, Category | None]
"""Account, service and category of a series."""

METRIC = "sample"
BEGIN = date(2024, 1, 1)
"""There are no costs before this day."""
SILENT_SINCE = date(2026, 10, 12)
SERVICES_OF_EVERY_ACCOUNT = 3
"""So many of the first services are used by every account, the others by a share of them."""
SHARE_USING_A_SERVICE = 0.55


class SampleSource:
    """Implements ``services.ports.CostSource`` without any network."""

    server_time: datetime | None = None

    def __init__(self, seed: int = 1, *, how_to_connect: str = "") -> None:
        """``how_to_connect``: sentences that say how to get real costs instead."""
        self._seed = seed
        self._months: dict[Month, list[SampleEvent]] = {}
        self._how_to_connect = how_to_connect
        self._newest: tuple[DaySpan, tuple[str, ...], CostTable] | None = None
        """The table made last: sums over the same days are asked for next, and making it takes long."""

    @property
    def description(self) -> SourceDescription:
        return SourceDescription(
            name=SAMPLE,
            title="sample data",
            missing_costs_help=self._how_to_connect,
            complete_after_hours=48,
            max_accounts_per_query=250,
            has_account_names=True,
            metric_labels={METRIC: "sample costs"},
        )

    @property
    def accounts(self) -> list[str]:
        """The sample teams' accounts and those without a team."""
        return [*(account_of(number) for number in range(84)), *UNMAPPED]

    async def check(self, now: datetime) -> str:
        """Always succeeds; says how to get real costs."""
        return f"made up, these are not your costs. {self._how_to_connect}".rstrip()

    async def wait_for_rate_limit(self) -> None:
        """There is no rate limit."""

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        """There is only one."""
        return METRIC

    async def aclose(self) -> None:
        """Does nothing: no connection is open."""

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """Names of the accounts without a team."""
        return {account: UNMAPPED[account] for account in accounts if account in UNMAPPED}

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """The daily sum over all accounts."""
        table = await self.by_account(metric, span, accounts)
        return await asyncio.to_thread(_summed, table, lambda series: ("", "", None))

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """The daily sum of each account."""
        table = await self.by_service(
            metric, span, self.accounts if accounts is None else accounts
        )
        return await asyncio.to_thread(
            _summed, table, lambda series: (series.account_id, "", None)
        )

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily amounts by service and charge category; in a thread, as it takes a while."""
        return await asyncio.to_thread(self._table, span, accounts)

    def _table(self, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        newest, wanted = self._newest, tuple(accounts)
        if newest is not None and newest[:2] == (span, wanted):
            return newest[2]
        series = [series for account in accounts for series in self._account(account, span)]
        table = CostTable(span, "USD", series)
        self._newest = (span, wanted, table)
        return table

    def _account(self, account: str, span: DaySpan) -> list[CostSeries]:
        size = 8.0 * math.exp(2.2 * self._roll(account, "size") + self._roll(account, "tail") ** 6)
        usage = []
        for rank, service in enumerate(SERVICES):
            uses = (
                rank < SERVICES_OF_EVERY_ACCOUNT
                or self._roll(account, service, "uses") < SHARE_USING_A_SERVICE
            )
            if uses:
                share = (0.25 + self._roll(account, service, "share")) * 0.72**rank
                usage.append(self._usage(account, service, size * share, span))
        return [*usage, *self._other_charges(account, size, span)]

    def _events(self, account: str, service: str, span: DaySpan) -> list[SampleEvent]:
        events = []
        months = span.months()
        for month in [months[0].before, *months]:
            if month not in self._months:
                self._months[month] = sample_events(month)
            events += [
                event
                for event in self._months[month]
                if event.account_id == account and event.service == service
            ]
        return events

    def _usage(self, account: str, service: str, level: float, span: DaySpan) -> CostSeries:
        events = self._events(account, service, span)
        weekend = 0.55 + 0.45 * self._roll(account, "weekend")
        growth = 0.0004 * (self._roll(account, service, "growth") - 0.35)
        noise = 0.04 if account == account_of(QUIET_TEAM) else 0.12
        amounts = array("d", [math.nan]) * len(span)
        for i, day in enumerate(span):
            if not _has_data(account, day):
                continue
            shape = weekend if day.weekday() >= 5 else 1.0  # noqa: PLR2004 - Saturday
            wobble = 1 + noise * (self._roll(account, service, day) - 0.5)
            amounts[i] = round(
                level
                * shape
                * wobble
                * _factor(day, events)
                * (1 + growth) ** (day.toordinal() - 739000),
                6,
            )
        return CostSeries(account, service, Category.USAGE, amounts)

    def _other_charges(self, account: str, size: float, span: DaySpan) -> list[CostSeries]:
        """Support and tax on the first of the month, a credit for some."""
        charges = [("Tax", Category.TAX, 1.1)]
        if self._roll(account, "support") < 0.4:  # noqa: PLR2004 - two in five
            charges.append(("Support", Category.FEE, 1.6))
        if self._roll(account, "credit") < 0.2:  # noqa: PLR2004 - one in five
            charges.append(("Credits", Category.CREDIT, -2.0))
        series = []
        for service, category, factor in charges:
            amounts = array("d", [math.nan]) * len(span)
            for i, day in enumerate(span):
                if day.day == 1 and _has_data(account, day):
                    amounts[i] = round(
                        size * factor * (0.95 + 0.1 * self._roll(account, service, day)), 6
                    )
            series.append(CostSeries(account, service, category, amounts))
        return series

    def _roll(self, *parts: object) -> float:
        return chance(self._seed, *parts)


def _has_data(account: str, day: date) -> bool:
    return day >= BEGIN and not (account == account_of(SILENT_TEAM) and day > SILENT_SINCE)


def _factor(day: date, events: Sequence[SampleEvent]) -> float:
    """The factor by which the events change a day's usage."""
    return math.prod(event.factor for event in events if event.first <= day <= event.last)


def _summed(table: CostTable, key: Callable[[CostSeries], Key]) -> CostTable:
    """The series of each key added up, day by day."""
    rows: dict[Key, list[array[float]]] = {}
    for series in table.series:
        rows.setdefault(key(series), []).append(series.amounts)
    sums = []
    for (account, service, category), amounts_of_key in rows.items():
        amounts = array("d", [math.nan]) * len(table.span)
        for i in range(len(amounts)):
            known = [row[i] for row in amounts_of_key if not math.isnan(row[i])]
            if known:
                amounts[i] = math.fsum(known)
        if not all(map(math.isnan, amounts)):
            sums.append(CostSeries(account, service, category, amounts))
    return CostTable(table.span, table.currency, sums)
