"""An account's daily costs over a span: days, weeks, the largest services."""

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from services.analysis.figures import amount_over
from services.domain import Category, CostRow, CostSeries, DayAmount, DaySpan, Team, WeekCost

MAX_SERVICES = 2
WEEK = 7

Days = tuple[DayAmount, ...]


def daily(span: DaySpan, series: Sequence[CostSeries]) -> "array[float]":
    """Net amount of each day of the span; NaN where no series has data."""
    totals = array("d", [math.nan]) * len(span)
    for i in range(len(span)):
        known = [entry.amounts[i] for entry in series if not math.isnan(entry.amounts[i])]
        if known:
            totals[i] = math.fsum(known)
    return totals


def day_amounts(span: DaySpan, totals: "array[float]") -> Days:
    """The days with their amounts."""
    return tuple(
        DayAmount(day=day, amount=None if math.isnan(x) else Decimal(repr(x)))
        for day, x in zip(span, totals, strict=True)
    )


def largest_services(span: DaySpan, series: Sequence[CostSeries]) -> tuple[tuple[str, Days], ...]:
    """The services that cost most over the span, with their days."""
    by_service: dict[str, list[CostSeries]] = defaultdict(list)
    for entry in series:
        by_service[entry.service].append(entry)
    days = {name: daily(span, ones) for name, ones in by_service.items()}
    sums = {name: amount_over(totals, 0, len(span)) for name, totals in days.items()}
    names = sorted(sums, key=lambda name: (-sums[name], name))[:MAX_SERVICES]
    return tuple((name, day_amounts(span, days[name])) for name in names if sums[name] > 0)


def weeks(span: DaySpan, totals: "array[float]") -> tuple[WeekCost, ...]:
    """Weeks from the first day on; the last one may be shorter."""
    week_costs: list[WeekCost] = []
    for begin in range(0, len(span), WEEK):
        length = min(WEEK, len(span) - begin)
        amount = amount_over(totals, begin, length)
        week_costs.append(
            WeekCost(
                first=span.first + timedelta(days=begin),
                last=span.first + timedelta(days=begin + length - 1),
                amount=amount,
            )
        )
    return tuple(week_costs)


def total(span: DaySpan, totals: "array[float]") -> Decimal:
    """The net cost of the whole span."""
    return amount_over(totals, 0, len(span))


def cost_rows(
    span: DaySpan,
    series: Sequence[CostSeries],
    teams: Mapping[str, Team],
    unit: tuple[str, str],
    *,
    sample: bool,
) -> list[CostRow]:
    """List a row for each account and day with data, newest day first, then by account.

    ``teams`` by account; series of other accounts are left out. ``unit``: (currency, metric).
    """
    by_account: dict[str, list[CostSeries]] = defaultdict(list)
    for entry in series:
        by_account[entry.account_id].append(entry)
    rows = []
    for day in reversed(list(span)):
        for account in sorted(by_account.keys() & teams.keys()):
            at = span.index(day)
            known = [entry for entry in by_account[account] if not math.isnan(entry.amounts[at])]
            if known:
                rows.append(_cost_row(teams[account], day, at, known, unit, sample=sample))
    return rows


def _cost_row(
    team: Team,
    day: date,
    at: int,
    known: Sequence[CostSeries],
    unit: tuple[str, str],
    *,
    sample: bool,
) -> CostRow:
    services: dict[str, list[float]] = defaultdict(list)
    for entry in known:
        services[entry.service].append(entry.amounts[at])
    usage = [entry.amounts[at] for entry in known if entry.category is Category.USAGE]
    return CostRow(
        team_id=team.id,
        aws_account_id=team.aws_account_id,
        day=day,
        currency=unit[0],
        metric=unit[1],
        total=_exact([entry.amounts[at] for entry in known]),
        usage=_exact(usage),
        services=tuple((name, _exact(amounts)) for name, amounts in sorted(services.items())),
        sample=sample,
    )


def _exact(amounts: Sequence[float]) -> Decimal:
    return Decimal(repr(math.fsum(amounts)))
