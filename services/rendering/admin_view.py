"""The admins' report as the texts that its mail shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from services.model import UNATTRIBUTED, AdminReport, AlertRecord, AnomalyStatus, TeamLine
from services.rendering.blocks import (
    ROUNDING,
    SAMPLE_NOTICE,
    Row,
    category_line,
    change_row,
    days_line,
    drivers,
    headline,
    late_notice,
    month_end_line,
    period_names,
    reasons,
    remainder,
    restated_words,
    shared_words,
    window_line,
)
from services.wording import (
    bare_percent,
    cents,
    change_line,
    day,
    money,
    moved,
    neutral,
    plural,
    round_money,
)

MOST_ANOMALIES = MOST_MOVERS = MOST_UNMAPPED = MOST_SILENT = MOST_FAILED = 10
NAME = 60
MOST_SHARED = 2
RECORDED: dict[AnomalyStatus, str] = {
    "open": "unanswered",
    "expected": "expected",
    "accepted": "new normal",
    "not_an_anomaly": "not an anomaly",
    "too_small": "too small",
    "snoozed": "snoozed",
    "ended": "ended unanswered",
}


@dataclass(frozen=True, slots=True)
class AdminAnomaly:
    """A line of the table of anomalies."""

    team: str
    driver: str
    excess: str
    since: str
    """Its first day."""
    kind: str


@dataclass(frozen=True, slots=True)
class AdminView:
    """Everything that the admins' mail prints."""

    subject: str
    preheader: str
    title: str
    notices: list[str]
    scope: str
    figure: str
    change: str
    why: list[str]
    """What the change is made of, and what many accounts have in common."""
    window: str
    days: str
    month_end: str
    to_do: list[str]
    anomalies_heading: str
    anomalies: list[AdminAnomaly]
    more_anomalies: str
    current_label: str
    movers_heading: str
    movers: list[Row]
    total: Row
    categories: str | None
    unmapped: list[tuple[str, str, str]]
    more_unmapped: str
    silent: list[tuple[str, str, str]]
    more_silent: str
    delivery: str
    failed: list[tuple[str, str]]
    record: str
    """What became of the alerts of the last months."""
    notes: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)


def admin_view(report: AdminReport, most_movers: int = MOST_MOVERS) -> AdminView:
    """The view of the consolidated report, with so many movers; the rest of them is one row."""
    currency = report.currency
    current, previous = cents(report.current_total), cents(report.previous_total)
    names = period_names(report.window)
    mark = "[SAMPLE] " if report.sample else ""
    crossed = sum(line.above_threshold for line in report.teams)
    news, title = _news(report, current, previous, crossed)
    open_ones = plural(len(report.anomalies), "anomaly", "anomalies")
    return AdminView(
        subject=f"{mark}AWS costs: {news}",
        preheader=f"{money(current, currency)} vs {money(previous, currency)}. {open_ones} open.",
        title=headline(title),
        notices=_notices(report),
        scope=f"All teams, {plural(report.accounts, 'account')}",
        figure=money(current, currency),
        change=change_line(current, previous, currency),
        why=_why(report),
        window=window_line(report.window, previous, currency),
        days=days_line(report.window, report.data_through, currency),
        month_end=month_end_line(report.forecast, report.forecast_record, currency),
        to_do=_to_do(report),
        anomalies_heading=f"Anomalies ({len(report.anomalies):,} open)",
        anomalies=_anomalies(report),
        more_anomalies=_more(len(report.anomalies) - MOST_ANOMALIES),
        current_label=names[0],
        movers_heading=f"Movers ({names[1]} = “was”)",
        movers=_movers(report, (current, previous), most_movers),
        total=change_row("Total", current, previous, currency),
        categories=category_line(report.categories, current, currency),
        unmapped=[
            (
                _account_name(one.account_name),
                _account_id(one.aws_account_id),
                money(one.current, currency),
            )
            for one in report.unmapped[:MOST_UNMAPPED]
        ],
        more_unmapped=_more(len(report.unmapped) - MOST_UNMAPPED),
        silent=[
            (
                neutral(one.team_name, NAME),
                one.aws_account_id,
                f"no data since {day(one.last_day + timedelta(days=1))}"
                if one.last_day
                else "no data yet",
            )
            for one in report.silent[:MOST_SILENT]
        ],
        more_silent=_more(len(report.silent) - MOST_SILENT),
        delivery=_delivery(report),
        failed=[
            (neutral(recipient, NAME), neutral(reason, 160))
            for recipient, reason in (report.deliveries.failed if report.deliveries else ())
        ][:MOST_FAILED],
        record=_record(report.alert_record),
        notes=[neutral(note, 300) for note in report.notes],
        footer=[
            "You get this because your address is one of the global admin addresses.",
            "All teams are in the attached CSV. An admin can change the addresses at any time.",
            f"Report {report.period}, made {day(report.made_at.date())} {report.made_at.year}.",
        ],
    )


def _news(
    report: AdminReport, current: Decimal, previous: Decimal, crossed: int
) -> tuple[str, str]:
    """What follows "AWS costs:" in the subject, and the headline."""
    currency, difference = report.currency, moved(current, previous)
    amount = round_money(abs(difference), currency)
    share = "" if previous == 0 else f" ({bare_percent(difference / abs(previous) * 100)})"
    above = f", {plural(crossed, 'team')} above threshold" if crossed else ""
    if not (crossed or report.anomalies or _whole_moved(report)):
        return f"{round_money(current, currency)}, nothing unusual", "Nothing unusual"
    if difference == 0:
        return f"unchanged{above}", f"Costs unchanged{above}"
    way = "up" if difference > 0 else "down"
    names = drivers(report.services, up=difference > 0)
    mostly = f", mostly {names}" if names else ""
    return f"{way} {amount}{share}{above}", f"Costs {way} {amount}{mostly}"


def _whole_moved(report: AdminReport) -> bool:
    """Whether all accounts together moved too far to be called usual, as by unmapped spend."""
    if report.change_percent is None:
        return True
    return abs(report.change_percent) > Decimal(repr(report.threshold))


def _notices(report: AdminReport) -> list[str]:
    found = [
        SAMPLE_NOTICE if report.sample else None,
        late_notice(report.data_through, report.expected_through),
        _restated(report),
    ]
    return [notice for notice in found if notice]


def _restated(report: AdminReport) -> str:
    """The largest change of what was reported before, and how many others there are."""
    if not report.restated:
        return ""
    name, first = report.restated[0]
    said = f"{neutral(name, NAME)}: {restated_words(first, report.currency)}"
    more = len(report.restated) - 1
    return f"{said} {plural(more, 'other team')} restated too." if more else said


def _why(report: AdminReport) -> list[str]:
    found = reasons(report.explanation, report.currency) if report.explanation else []
    shared = [shared_words(one, report.currency) for one in report.shared_moves[:MOST_SHARED]]
    return [*found, *shared]


def _record(record: AlertRecord | None) -> str:
    """``90 days: 17 alerts: 9 expected, 2 too small, 6 unanswered; median 3 days to alert``."""
    if record is None:
        return ""
    if not record.total:
        return f"{record.days} days: no alerts"
    parts = ", ".join(f"{number:,} {RECORDED[status]}" for status, number in record.statuses)
    said = f"{record.days} days: {plural(record.total, 'alert')}: {parts}"
    if record.median_days is None:
        return said
    days = f"{record.median_days.normalize():f}"
    return f"{said}; median {days} {'day' if days == '1' else 'days'} to alert"


def _to_do(report: AdminReport) -> list[str]:
    found = []
    if report.unmapped:
        found.append(plural(len(report.unmapped), "unmapped account"))
    if report.silent:
        found.append(plural(len(report.silent), "silent team"))
    if report.deliveries and report.deliveries.failed:
        found.append(plural(len(report.deliveries.failed), "failed mail"))
    return found


def _anomalies(report: AdminReport) -> list[AdminAnomaly]:
    found = []
    for line in report.anomalies[:MOST_ANOMALIES]:
        one = line.anomaly
        kind = "above threshold" if one.kind == "threshold" else "over expected"
        if line.above_threshold:
            kind += ", above threshold"
        found.append(
            AdminAnomaly(
                team=neutral(line.team_name, NAME),
                driver=neutral(one.service, NAME),
                excess=money(one.excess, one.currency),
                since=day(one.start),
                kind=kind,
            )
        )
    return found


def _movers(report: AdminReport, total: tuple[Decimal, Decimal], most: int) -> list[Row]:
    shown = [line for line in report.teams[:most] if moved(line.current, line.previous)]
    rows = [_mover(line, report.currency) for line in shown]
    others = len(report.teams) - len(shown)
    unmapped = [(one.current, one.previous) for one in report.unmapped]
    unmapped_sum = _sums(unmapped)
    rest = remainder(total, [*((s.current, s.previous) for s in shown), unmapped_sum])
    if others or any(rest):
        name = plural(others, "other team" if shown else "team") if others else ROUNDING
        rows.append(change_row(name, *rest, report.currency))
    if report.unmapped:
        rows.append(change_row("Unmapped", *unmapped_sum, report.currency))
    return rows


def _sums(pairs: list[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    return (
        cents(sum((now for now, _ in pairs), Decimal(0))),
        cents(sum((before for _, before in pairs), Decimal(0))),
    )


def _mover(line: TeamLine, currency: str) -> Row:
    note = line.aws_account_id + (" · above threshold" if line.above_threshold else "")
    return change_row(neutral(line.team_name, NAME), line.current, line.previous, currency, note)


def _account_name(name: str | None) -> str:
    return neutral(name, NAME) if name else "no name known"


def _account_id(account: str) -> str:
    return "no account tag" if account == UNATTRIBUTED else account


def _more(number: int) -> str:
    return f"and {number:,} more" if number > 0 else ""


def _delivery(report: AdminReport) -> str:
    recap = report.deliveries
    if recap is None:
        return "No earlier report."
    parts = [f"{recap.sent:,} sent", f"{len(recap.failed):,} failed"]
    if recap.open:
        parts.append(f"{recap.open:,} still open")
    return f"{recap.period}: {', '.join(parts)}"
