"""The cost sources that the contract suite runs on. A new one is one more entry of SOURCES."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from services.adapters.datadog import DatadogSource
from services.adapters.sample import SampleSource
from services.domain import Category, DaySpan
from services.ports import CostSource
from tests.csv_source import CsvSource, Line, write_csv
from tests.fakes.costs import CATEGORIES, FakeCosts
from tests.servers.datadog import Cost, FakeDatadog, account_ids, random_costs

SPAN = DaySpan(date(2026, 9, 25), date(2026, 11, 20))
WINDOW = DaySpan(date(2026, 10, 28), date(2026, 11, 3))
ACCOUNTS = account_ids(7, seed=2)
COSTS = [
    *random_costs(ACCOUNTS, SPAN, seed=11),
    Cost(date(2026, 11, 1), 12.5, {"chargecategory": "tax", "aws_product": "ec2"}),
    *(
        Cost(day, 1.0, {"aws_member_account_id": ACCOUNTS[0], "chargecategory": "usage"})
        for day in WINDOW
    ),
]
"""The costs that a source is opened over, where it can be given any. Some are of no account, some
of no service."""


@dataclass(frozen=True)
class SourceCase:
    """How to open a source for the suite."""

    name: str
    open: Callable[[Path], AbstractAsyncContextManager[CostSource]]
    """Opens it, with a folder for its files."""
    accounts: list[str]
    """Accounts with costs in WINDOW; at least five."""
    holds_costs: bool = True
    """Whether its costs are COSTS, and nothing else."""


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[CostSource]:
    yield FakeCosts(COSTS)


@asynccontextmanager
async def sample(folder: Path) -> AsyncIterator[CostSource]:
    yield SampleSource()


@asynccontextmanager
async def datadog(folder: Path) -> AsyncIterator[CostSource]:
    async with FakeDatadog(COSTS, seed=5) as server:
        source = DatadogSource(server.settings())
        yield source
        await source.aclose()


@asynccontextmanager
async def csv_file(folder: Path) -> AsyncIterator[CostSource]:
    lines = [
        Line(
            cost.day,
            cost.tags.get("aws_member_account_id", ""),
            cost.tags.get("aws_product", ""),
            CATEGORIES.get(cost.tags["chargecategory"]) or Category(cost.tags["chargecategory"]),
            cost.amount,
        )
        for cost in COSTS
    ]
    yield CsvSource(write_csv(folder / "costs.csv", lines))


SOURCES = [
    SourceCase("memory", memory, ACCOUNTS),
    SourceCase("sample", sample, SampleSource().accounts, holds_costs=False),
    SourceCase("datadog", datadog, ACCOUNTS),
    SourceCase("csv", csv_file, ACCOUNTS),
]
