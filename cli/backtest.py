"""``backtest``: what detection would have told of the past."""

import json
import sys
from datetime import date
from decimal import Decimal

from rich.console import Console

from cli.progress import RunProgress
from cli.wired import Wired
from services.analysis.detection.groups import EventGroup
from services.anomalies.backtest import Backtest, BacktestLine
from services.domain.formatting import cents, day_range, money, neutral, plural, round_money
from services.presentation.phrases import SAMPLE_NOTICE

MOST_LINES = 100
HEADINGS = ("Told", "Account", "Service", "Kind", "Days", "Excess")


async def backtest(
    wired: Wired,
    *,
    first: date | None = None,
    last: date | None = None,
    with_threshold: bool = False,
    percent: float | None = None,
    as_json: bool = False,
) -> int:
    """Replays history and prints what would have been told; 0 unless costs cannot be read."""
    with RunProgress() as progress:
        found = await wired.backtests.run(
            wired.clock(),
            first=first,
            last=last,
            with_threshold=with_threshold,
            percent=percent,
            progress=progress,
        )
    if as_json:
        if found.sample:
            print(SAMPLE_NOTICE, file=sys.stderr)
        for line in found.lines:
            print(json_line(line))
    else:
        show(found)
    return 0


def json_line(line: BacktestLine) -> str:
    """One alert as JSON: days in ISO form, money to the cent, ``end`` null while open."""
    fields = {
        "account": line.account_id,
        "service": line.service,
        "kind": line.kind,
        "start": line.start.isoformat(),
        "end": line.end.isoformat() if line.end else None,
        "notified_on": line.notified_on.isoformat(),
        "excess": float(cents(line.excess)),
        "driver": line.service,
    }
    return json.dumps(fields, ensure_ascii=False)


def show(found: Backtest) -> None:
    """Prints a summary and a table."""
    out = Console(highlight=False, soft_wrap=True)
    for name, text in _summary(found):
        out.print(f"{name:<10} {text}", markup=False)
    rows = [_row(line, found.currency) for line in found.lines[:MOST_LINES]]
    if rows:
        out.print()
        for text in _table(rows):
            out.print(text, markup=False)
    if len(found.lines) > MOST_LINES:
        out.print(f"and {len(found.lines) - MOST_LINES:,} more; --json prints all of them.")


def _summary(found: Backtest) -> list[tuple[str, str]]:
    sample = " · SAMPLE DATA" if found.sample else ""
    kinds = found.kinds
    told = [plural(kinds[k], k) for k in ("spike", "shift", "drift") if kinds[k]]
    number = sum(kinds[k] for k in ("spike", "shift", "drift"))
    alerts = plural(number, "alert")
    if told:
        alerts += f" ({', '.join(told)}), {found.per_account_month:.2f} per account and month"
    lines = [
        ("Backtest", day_range(found.span.first, found.span.last, year=True) + sample),
        ("Accounts", f"{found.accounts:,}"),
        ("Told", alerts),
    ]
    if kinds["threshold"]:
        lines.append(("Threshold", plural(kinds["threshold"], "breach", "breaches")))
    excess = sum((x.excess for x in found.lines if x.kind != "threshold"), Decimal(0))
    lines.append(("Excess", round_money(excess, found.currency)))
    return [*lines, *(("Grouped", _group(group)) for group in found.groups)]


def _group(group: EventGroup) -> str:
    together = plural(len(group.events), "account")
    return f"{neutral(group.driver)}: {together} since {group.start.isoformat()}, one alert"


def _row(line: BacktestLine, currency: str) -> tuple[str, ...]:
    end = "open" if line.end is None else line.end.isoformat()
    name = f" {neutral(line.team_name, 30)}" if line.team_name else ""
    return (
        line.notified_on.isoformat(),
        f"{line.account_id}{name}",
        neutral(line.service, 30),
        line.kind,
        f"{line.start.isoformat()} to {end}{', new normal' if line.accepted else ''}",
        money(line.excess, currency),
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their widest cell; money to the right."""
    wide = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    last = len(HEADINGS) - 1
    return [
        "  ".join(
            cell.rjust(wide[i]) if i == last else cell.ljust(wide[i]) for i, cell in enumerate(row)
        ).rstrip()
        for row in [HEADINGS, *rows]
    ]
