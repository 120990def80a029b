"""The tables of the admins' report: anomalies, movers, unmapped accounts, silent teams."""

from dataclasses import dataclass
from decimal import Decimal

from services.domain import UNATTRIBUTED, AdminReport, DataState, TeamLine
from services.domain.formatting import cents, money, moved, neutral, plural
from services.domain.service_names import service_name
from services.presentation.anomaly_amounts import account_excess, driver_label
from services.presentation.change_rows import ROUNDING, Row, change_row, remainder
from services.presentation.missing_data import arrival_note, spent_words
from services.presentation.phrases import anomaly_days

MAX_ANOMALIES = MAX_MOVERS = MAX_UNMAPPED = MAX_SILENT = MAX_FAILED = 10
MAX_NAME = 60
MAX_REASON = 160


@dataclass(frozen=True, slots=True)
class AdminAnomaly:
    """A line of the table of anomalies."""

    team: str
    driver: str
    excess: str
    """The driver's own."""
    account: str
    """The account's, named as such, where it differs."""
    days: str
    """Since when, or the days that a threshold compares."""
    kind: str


def anomaly_lines(report: AdminReport) -> list[AdminAnomaly]:
    """The largest open anomalies."""
    lines = []
    for line in report.anomalies[:MAX_ANOMALIES]:
        anomaly = line.anomaly
        kind = "above threshold" if anomaly.kind == "threshold" else "over expected"
        if line.above_threshold:
            kind += ", above threshold"
        if anomaly.found_at_install:
            kind += ", found at installation"
        lines.append(
            AdminAnomaly(
                team=neutral(line.team_name, MAX_NAME),
                driver=driver_label(anomaly, service_name(anomaly.service, MAX_NAME)),
                excess=money(anomaly.amounts.excess, anomaly.currency),
                account=account_excess(anomaly),
                days=anomaly_days(anomaly),
                kind=kind,
            )
        )
    return lines


def mover_rows(report: AdminReport, total: tuple[Decimal, Decimal], max_rows: int) -> list[Row]:
    """The teams that changed most, all others, and unmapped accounts; they add up to ``total``."""
    shown = [line for line in report.teams[:max_rows] if moved(line.current, line.previous)]
    rows = [_mover(line, report.currency) for line in shown]
    others = len(report.teams) - len(shown)
    unmapped = _unmapped_total(report)
    rest = remainder(total, [*((line.current, line.previous) for line in shown), unmapped])
    if others or any(rest):
        name = plural(others, "other team" if shown else "team") if others else ROUNDING
        is_new = all(line.is_new_spend for line in report.teams[len(shown) :])
        rows.append(change_row(name, *rest, report.currency, is_new=is_new))
    if report.unmapped:
        is_new = all(account.is_new_spend for account in report.unmapped)
        rows.append(change_row("Unmapped", *unmapped, report.currency, is_new=is_new))
    return rows


def _unmapped_total(report: AdminReport) -> tuple[Decimal, Decimal]:
    return (
        sum((cents(account.current) for account in report.unmapped), Decimal(0)),
        sum((cents(account.previous) for account in report.unmapped), Decimal(0)),
    )


def _mover(line: TeamLine, currency: str) -> Row:
    notes = [line.aws_account_id]
    if line.above_threshold:
        notes.append("above threshold")
    if missing := arrival_note(line.state, line.last_day):
        notes.append(missing)
    name = neutral(line.team_name, MAX_NAME)
    notes_words = " · ".join(notes)
    return change_row(
        name, line.current, line.previous, currency, notes_words, is_new=line.is_new_spend
    )


def unmapped_rows(report: AdminReport) -> list[tuple[str, str, str, str]]:
    """(name, account ID, cost, what is missing of it) of the largest accounts without a team."""
    return [
        (
            neutral(account.account_name, MAX_NAME) if account.account_name else "name unknown",
            "no account tag" if account.aws_account_id == UNATTRIBUTED else account.aws_account_id,
            money(account.current, report.currency),
            arrival_note(account.state, account.last_day),
        )
        for account in report.unmapped[:MAX_UNMAPPED]
    ]


def silent_rows(report: AdminReport) -> list[tuple[str, str, str, str]]:
    """(name, account id, since when, what was spent before) of teams without data."""
    return [
        (
            neutral(team.team_name, MAX_NAME),
            team.aws_account_id,
            arrival_note(DataState.SILENT, team.last_day),
            spent_words(team.spent, report.currency) if team.spent else "",
        )
        for team in report.silent[:MAX_SILENT]
    ]


def failed_deliveries(report: AdminReport) -> list[tuple[str, str]]:
    """(recipient, reason) of emails of the previous report that failed."""
    failed = report.deliveries.failed if report.deliveries else ()
    return [
        (neutral(recipient, MAX_NAME), neutral(reason, MAX_REASON))
        for recipient, reason in failed[:MAX_FAILED]
    ]


def more(rows: int, max_rows: int) -> str:
    """``and 4 more``; empty when all rows are shown."""
    return f"and {rows - max_rows:,} more" if rows > max_rows else ""
