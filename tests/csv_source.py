"""A second small cost source: daily costs in a CSV file.

It is what CONTRIBUTING.md's recipe leads to, and runs through the whole agent in
``tests/e2e/test_another_source.py``. Columns: ``day,account,service,category,amount``; the
account may be empty.
"""

import csv
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from services.domain import (
    UNATTRIBUTED,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    SourceDescription,
)
from services.domain.errors import CostSourceError

COLUMNS = ("day", "account", "service", "category", "amount")
METRIC = "invoice"
Key = tuple[str, str, Category | None]


class Line(NamedTuple):
    """One line of the file."""

    day: date
    account: str
    service: str
    category: Category
    amount: float


class CsvSource:
    """Implements ``services.ports.CostSource``; reads the file again for every question."""

    server_time: datetime | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def description(self) -> SourceDescription:
        return SourceDescription(
            name="csv",
            title="the ledger",
            missing_costs_help=f"Export the costs to {self._path} again.",
            complete_after_hours=24,
            max_accounts_per_query=1000,
            has_account_names=False,
            metric_labels={METRIC: "as invoiced"},
        )

    async def check(self, now: datetime) -> str:
        return f"{len(self._lines()):,} lines of costs"

    async def wait_for_rate_limit(self) -> None:
        pass

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        return METRIC

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        return self._table(span, accounts, lambda line: ("", "", None))

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        return self._table(span, accounts, lambda line: (line.account, "", None))

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        return self._table(
            span, accounts, lambda line: (line.account, line.service, line.category)
        )

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        return {}

    async def aclose(self) -> None:
        pass

    def _lines(self) -> list[Line]:
        try:
            with self._path.open(newline="", encoding="utf-8") as file:
                return [
                    Line(
                        date.fromisoformat(row["day"]),
                        row["account"] or UNATTRIBUTED,
                        row["service"] or "Other",
                        Category(row["category"]),
                        float(row["amount"]),
                    )
                    for row in csv.DictReader(file)
                ]
        except OSError as error:
            raise CostSourceError(
                f"The ledger {self._path} cannot be read. Export the costs again "
                f"({error.strerror}).",
                permanent=True,
            ) from error

    def _table(
        self, span: DaySpan, accounts: Sequence[str] | None, key: Callable[[Line], Key]
    ) -> CostTable:
        rows: dict[Key, array[float]] = {}
        for line in self._lines():
            if line.day in span and (accounts is None or line.account in accounts):
                row = rows.setdefault(key(line), array("d", [math.nan]) * len(span))
                i = span.index(line.day)
                row[i] = line.amount + (0.0 if math.isnan(row[i]) else row[i])
        return CostTable(span, "USD", [CostSeries(*group, row) for group, row in rows.items()])


def write_csv(path: Path, lines: Iterable[Line]) -> Path:
    """A file that CsvSource reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            (line.day, line.account, line.service, line.category.value, line.amount)
            for line in lines
        )
    return path
