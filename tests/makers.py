"""Small values that tests share."""

import math
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.domain import (
    Actor,
    Category,
    CostSeries,
    CostTable,
    DaySpan,
    Delivery,
    FrozenReport,
    RenderedReport,
    Run,
    RunKind,
    Team,
)
from services.ports import CostStore

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NAN = math.nan


def later(**amount: float) -> datetime:
    return NOW + timedelta(**amount)


APP_ID = "11111111-1111-1111-1111-111111111111"
"""The bot's, as in ``tests.servers.teams``."""


def team(number: int = 1, **more: Any) -> Team:
    values = {
        "id": f"t{number}",
        "team_name": f"Team {number}",
        "aws_account_id": f"{number:012d}",
        "team_email": f"team{number}@example.org",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Team(**{**values, **more})


def run(run_id: str = "r", **more: Any) -> Run:
    values = {
        "id": run_id,
        "kind": RunKind.WEEKLY,
        "source": "datadog",
        "period": "2026-W48",
        "transport": "smtp",
        "requested_by": Actor(interface="cli"),
        "created_at": NOW,
        "not_after": later(days=3),
    }
    return Run(**{**values, **more})


def delivery(name: str = "d", **more: Any) -> Delivery:
    values = {
        "id": name,
        "run_id": "r",
        "report_id": "r|t1",
        "source": "datadog",
        "recipient": f"{name}@example.org",
        "not_before": NOW,
        "not_after": later(days=3),
        "message_id": f"<{name}@example.org>",
        "date": NOW,
        "updated_at": NOW,
    }
    return Delivery(**{**values, **more})


def frozen(report_id: str = "r|t1", **more: Any) -> FrozenReport:
    values = {
        "id": report_id,
        "run_id": "r",
        "kind": "team",
        "team_id": "t1",
        "source": "datadog",
        "made_at": NOW,
        "rendered": RenderedReport(subject="Costs", preheader="p", html="<p>h</p>", text="t"),
        "preview": {
            "current_total": "1.00",
            "currency": "USD",
            "window": {"current": {"first": "2026-11-01"}},
        },
    }
    return FrozenReport(**{**values, **more})


def series(
    amounts: Sequence[float],
    account: str = "1" * 12,
    service: str = "EC2",
    category: Category | None = Category.USAGE,
) -> CostSeries:
    return CostSeries(account, service, category, array("d", amounts))


def table(first: date, *found: CostSeries, currency: str = "USD") -> CostTable:
    days = len(found[0].amounts) if found else 1
    return CostTable(DaySpan(first, first + timedelta(days=days - 1)), currency, list(found))


def cells(costs: CostTable) -> dict[tuple[str, str, str, date], float]:
    """Every amount of a table that is known."""
    return {
        (one.account_id, one.service, one.category.value if one.category else "", day): amount
        for one in costs.series
        for day, amount in zip(costs.span, one.amounts, strict=True)
        if not math.isnan(amount)
    }


async def cells_known(
    costs: CostStore, account: str, span: DaySpan, at: datetime
) -> dict[tuple[str, str, str, date], float]:
    """Every amount of an account in Datadog as it was known at an instant."""
    seen, changes = await costs.load_history("datadog", [account], span)
    found = cells(seen)
    for change in changes:
        if change.at <= at:
            category = change.category.value if change.category else ""
            found[change.account_id, change.service, category, change.day] = change.amount
    return {key: amount for key, amount in found.items() if not math.isnan(amount)}
