"""``backtest``: the alerts that detection would have raised in the past."""

import argparse
import json
import sys
from datetime import date
from decimal import Decimal

from rich.console import Console

from cli.arguments import day, percent
from cli.progress import RunProgress
from services.analysis.detection.groups import EventGroup
from services.anomalies import Backtest, BacktestLine
from services.application import Application
from services.domain.formatting import cents, day_range, money, neutral, plural, round_money
from services.domain.service_names import service_name
from services.presentation import SAMPLE_NOTICE

STORED = -1.0
"""``--threshold`` without a number."""
MAX_LINES = 100
DETECTED_KINDS = ("spike", "shift", "drift")
HEADINGS = ("Notified", "Account", "Rose most", "Kind", "Days", "Account excess")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="first", type=day, metavar="DAY", help="first day; default: all that exist"
    )
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="last day")
    parser.add_argument(
        "--threshold",
        nargs="?",
        type=percent,
        const=STORED,
        metavar="PERCENT",
        help="include crossings of the threshold; without a number, of the stored one",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


async def backtest(
    app: Application,
    *,
    first: date | None = None,
    last: date | None = None,
    with_threshold: bool = False,
    percent: float | None = None,
    as_json: bool = False,
) -> int:
    """Replay history and print the alerts; returns 0."""
    with RunProgress() as progress:
        result = await app.anomalies.backtester.run(
            app.context.clock(),
            first=first,
            last=last,
            with_threshold=with_threshold,
            percent=percent,
            progress=progress,
        )
    if as_json:
        if result.sample:
            print(SAMPLE_NOTICE, file=sys.stderr)
        for line in result.lines:
            print(json_line(line))
    else:
        show(result)
    return 0


def json_line(line: BacktestLine) -> str:
    """Format an alert as JSON: days in ISO format, money to the cent, ``end`` null while open."""
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


def show(result: Backtest) -> None:
    """Print a summary and a table."""
    out = Console(highlight=False, soft_wrap=True)
    for name, text in _summary(result):
        out.print(f"{name:<10} {text}", markup=False)
    rows = [_row(line, result.currency) for line in result.lines[:MAX_LINES]]
    if rows:
        out.print()
        for text in _table(rows):
            out.print(text, markup=False)
    if len(result.lines) > MAX_LINES:
        out.print(f"and {len(result.lines) - MAX_LINES:,} more; --json prints all of them.")


def _summary(result: Backtest) -> list[tuple[str, str]]:
    sample = " · SAMPLE DATA" if result.sample else ""
    kinds = result.kinds
    by_kind = [plural(kinds[kind], kind) for kind in DETECTED_KINDS if kinds[kind]]
    alerts = plural(sum(kinds[kind] for kind in DETECTED_KINDS), "alert")
    if by_kind:
        alerts += f" ({', '.join(by_kind)}), {result.per_account_month:.2f} per account and month"
    lines = [
        ("Backtest", day_range(result.span.first, result.span.last, year=True) + sample),
        ("Accounts", f"{result.accounts:,}"),
        ("Notified", alerts),
    ]
    if kinds["threshold"]:
        lines.append(("Threshold", plural(kinds["threshold"], "breach", "breaches")))
    # Of printed amounts, so that whoever adds up the lines gets the same.
    excess = sum(
        (cents(line.excess) for line in result.lines if line.kind != "threshold"), Decimal(0)
    )
    lines.append(("Excess", round_money(excess, result.currency)))
    return [*lines, *(("Grouped", _group(group)) for group in result.groups)]


def _group(group: EventGroup) -> str:
    accounts = plural(len(group.events), "account")
    return f"{neutral(group.driver)}: {accounts} since {group.start.isoformat()}, one alert"


def _row(line: BacktestLine, currency: str) -> tuple[str, ...]:
    end = "open" if line.end is None else line.end.isoformat()
    name = f" {neutral(line.team_name, 30)}" if line.team_name else ""
    return (
        line.notified_on.isoformat(),
        f"{line.account_id}{name}",
        service_name(line.service, 30),
        line.kind,
        f"{line.start:%B %Y}"
        if line.kind == "threshold"
        else f"{line.start.isoformat()} to {end}{', new normal' if line.accepted else ''}",
        money(line.excess, currency),
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Align cells in columns, money to the right."""
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    last = len(HEADINGS) - 1
    return [
        "  ".join(
            cell.rjust(widths[i]) if i == last else cell.ljust(widths[i])
            for i, cell in enumerate(row)
        ).rstrip()
        for row in [HEADINGS, *rows]
    ]
