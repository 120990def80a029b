"""A cost source in memory, with the same costs as the fake Datadog."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.domain import (
    UNATTRIBUTED,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    SourceDescription,
)
from services.domain.errors import CostHistoryEndsError, ResponseTooLargeError
from tests.servers.datadog import Cost

METRIC_LABELS = {
    "aws.cost.net.amortized": "net amortized",
    "aws.cost.ondemand": "list price",
}
CATEGORIES = {"purchase": Category.FEE, "adjustment": Category.REFUND}
Key = tuple[str, str, Category | None]


@dataclass
class FakeCosts:
    """Implements ``services.ports.CostSource``."""

    costs: list[Cost]
    metric: str = "aws.cost.net.amortized"
    max_accounts: int | None = None
    """A query for more accounts is too large."""
    max_days: int | None = None
    """A query for all accounts over more days is too large."""
    oldest: object = None
    """A span that begins before this day is refused as beyond retention."""
    configured_metric: str | None = None
    max_accounts_per_query: int = 250
    history_months: int | None = None
    has_account_names: bool = True
    server_time: datetime | None = None
    asked: list[tuple[str, DaySpan, tuple[str, ...] | None]] = field(default_factory=list)
    spoil: Callable[[str, CostTable], CostTable] = lambda kind, table: table

    @property
    def description(self) -> SourceDescription:
        return SourceDescription(
            name="datadog",
            title="Datadog",
            missing_costs_help="Check the costs in memory.",
            complete_after_hours=48,
            history_months=self.history_months,
            max_accounts_per_query=self.max_accounts_per_query,
            has_account_names=self.has_account_names,
            metric_labels=METRIC_LABELS,
        )

    async def check(self, now: datetime) -> str:
        return "works"

    async def wait_for_rate_limit(self) -> None:
        self.asked.append(("rest", DaySpan(self.costs[0].day, self.costs[0].day), None))

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        return self.configured_metric or stored or self.metric

    async def aclose(self) -> None:
        pass

    def _lines(self, kind: str, span: DaySpan, accounts: Sequence[str] | None) -> list[Cost]:
        self.asked.append((kind, span, None if accounts is None else tuple(accounts)))
        if self.oldest is not None and span.first < self.oldest:  # type: ignore[operator]
            raise CostHistoryEndsError("There are no costs that old.")
        many = accounts is None or len(accounts) > 1
        if kind != "total" and many and self.max_accounts is not None:
            number = len(accounts) if accounts is not None else 10**6
            if number > self.max_accounts:
                raise ResponseTooLargeError("too many series")
        if kind == "by_account" and accounts is None and len(span) > (self.max_days or 10**6):
            raise ResponseTooLargeError("too many series")
        return [
            cost
            for cost in self.costs
            if cost.day in span
            and (accounts is None or cost.tags.get("aws_member_account_id") in accounts)
        ]

    def _table(self, span: DaySpan, lines: list[Cost], key: Callable[[Cost], Key]) -> CostTable:
        rows: dict[Key, list[list[float]]] = {}
        for cost in lines:
            row = key(cost)
            if row not in rows:
                rows[row] = [[] for _ in span]
            rows[row][span.index(cost.day)].append(cost.amount)
        series = [
            CostSeries(
                *key_of_row, array("d", [math.fsum(day) if day else math.nan for day in days])
            )
            for key_of_row, days in rows.items()
        ]
        return CostTable(span, "USD", series)

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        lines = self._lines("total", span, accounts)
        return self.spoil("total", self._table(span, lines, lambda cost: ("", "", None)))

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        lines = self._lines("by_account", span, accounts)
        return self.spoil(
            "by_account", self._table(span, lines, lambda cost: (_account(cost), "", None))
        )

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        lines = self._lines("by_service", span, accounts)
        return self.spoil(
            "by_service",
            self._table(
                span,
                lines,
                lambda cost: (
                    _account(cost),
                    cost.tags.get("aws_product", "Other"),
                    _category(cost.tags["chargecategory"]),
                ),
            ),
        )

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        return {
            _account(cost): cost.tags["aws_member_account_name"]
            for cost in self.costs
            if cost.day in span
            and _account(cost) in accounts
            and "aws_member_account_name" in cost.tags
        }


def _account(cost: Cost) -> str:
    return cost.tags.get("aws_member_account_id", UNATTRIBUTED)


def _category(text: str) -> Category:
    return CATEGORIES.get(text) or Category(text)
