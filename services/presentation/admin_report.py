"""The admins' report as the texts that its email shows."""

from dataclasses import dataclass, field
from decimal import Decimal

from services.analysis.sums import change_percent
from services.domain import AdminReport, AlertRecord, AnomalyStatus
from services.domain.formatting import (
    bare_percent,
    cents,
    change_line,
    day,
    money,
    neutral,
    plural,
    round_money,
)
from services.domain.schedule import period_title, period_words
from services.presentation.admin_tables import (
    MAX_ANOMALIES,
    MAX_MOVERS,
    MAX_NAME,
    MAX_SILENT,
    MAX_UNMAPPED,
    AdminAnomaly,
    anomaly_lines,
    failed_deliveries,
    more,
    mover_rows,
    silent_rows,
    unmapped_rows,
)
from services.presentation.change_rows import Row, category_line, change_row
from services.presentation.explanations import drivers, move_words, reasons
from services.presentation.missing_data import late_lines, missing_words, without_missing
from services.presentation.phrases import (
    SAMPLE_NOTICE,
    days_line,
    headline,
    late_notice,
    month_end_line,
    period_names,
    restated_words,
    window_line,
)

MAX_MOVES = 3
MAX_NOTE = 300
STATUS_NAMES: dict[AnomalyStatus, str] = {
    "open": "unanswered",
    "expected": "expected",
    "accepted": "new normal",
    "not_an_anomaly": "not an anomaly",
    "too_small": "too small",
    "snoozed": "snoozed",
    "ended": "ended unanswered",
}


@dataclass(frozen=True, slots=True)
class AdminView:
    """Everything that the admins' email prints."""

    subject: str
    preheader: str
    title: str
    notices: list[str]
    scope: str
    figure: str
    change: str
    why: list[str]
    """What the change is made of."""
    window: str
    days: str
    late: list[str]
    """Accounts whose last days are missing, and what that means for the total."""
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
    unmapped: list[tuple[str, str, str, str]]
    more_unmapped: str
    silent: list[tuple[str, str, str, str]]
    more_silent: str
    delivery: str
    failed: list[tuple[str, str]]
    record: str
    """What became of the alerts of the last months."""
    notes: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)


def admin_view(report: AdminReport, max_movers: int = MAX_MOVERS) -> AdminView:
    """Build the view of the consolidated report; teams beyond ``max_movers`` share one row."""
    currency = report.currency
    current, previous = cents(report.current_total), cents(report.previous_total)
    current_name, previous_name = period_names(report.window)
    is_new = cents(report.usage_previous) == 0
    summary, title = _summary_and_title(report, current, previous)
    return AdminView(
        subject=f"{'[SAMPLE] ' if report.sample else ''}AWS costs: {summary}",
        preheader=_preheader(report, current, previous),
        title=headline(title),
        notices=_notices(report),
        scope=f"All teams, {plural(report.accounts, 'account')}",
        figure=money(current, currency),
        change=change_line(current, previous, currency, is_new=is_new),
        why=_why(report),
        window=window_line(report.window, previous, currency),
        days=days_line(report.window, report.data_through, currency, report.metric),
        late=late_lines(report.late),
        month_end=month_end_line(
            report.forecast,
            report.month_to_date,
            report.data_through,
            currency,
            report.forecast_record,
        ),
        to_do=_to_do(report),
        anomalies_heading=f"Anomalies ({len(report.anomalies):,} open)",
        anomalies=anomaly_lines(report),
        more_anomalies=more(len(report.anomalies), MAX_ANOMALIES),
        current_label=current_name,
        movers_heading=f"Top movers vs {previous_name}",
        movers=mover_rows(report, (current, previous), max_movers),
        total=change_row("Total", current, previous, currency, is_new=is_new),
        categories=category_line(report.categories, current, currency),
        unmapped=unmapped_rows(report),
        more_unmapped=more(len(report.unmapped), MAX_UNMAPPED),
        silent=silent_rows(report),
        more_silent=more(len(report.silent), MAX_SILENT),
        delivery=_delivery(report),
        failed=failed_deliveries(report),
        record=_record(report.alert_record),
        notes=[neutral(note, MAX_NOTE) for note in report.notes],
        footer=_footer(report),
    )


def _preheader(report: AdminReport, current: Decimal, previous: Decimal) -> str:
    totals = f"{money(current, report.currency)} vs {money(previous, report.currency)}."
    if not report.anomalies:
        return f"{totals} No open anomalies."
    return f"{totals} {plural(len(report.anomalies), 'open anomaly', 'open anomalies')}."


def _summary_and_title(
    report: AdminReport, current: Decimal, previous: Decimal
) -> tuple[str, str]:
    """What follows "AWS costs:" in the subject, and the headline."""
    currency = report.currency
    now, before = without_missing(report.missing, current, previous)
    change = now - before
    crossed = sum(line.above_threshold for line in report.teams)
    if not (crossed or report.anomalies or _is_unusual(report)):
        words = _nothing_found(report)
        if report.missing:
            words += f", {plural(report.missing.accounts, 'silent account')}"
        return f"{round_money(current, currency)}, {words}", f"{words[0].upper()}{words[1:]}"
    above = f", {plural(crossed, 'team')} above threshold" if crossed else ""
    aside = (
        f" without {plural(report.missing.accounts, 'silent account')}" if report.missing else ""
    )
    if change == 0:
        return f"unchanged{aside}{above}", f"Costs unchanged{aside}{above}"
    verb, amount = "up" if change > 0 else "down", round_money(abs(change), currency)
    percent = "" if before == 0 else f" ({bare_percent(change / abs(before) * 100)})"
    explanation = report.missing.other_explanation if report.missing else report.explanation
    cause = drivers(explanation.lines if explanation else (), change, currency)
    return (
        f"{verb} {amount}{percent}{aside}{above}",
        f"Costs {verb} {amount}{aside}{f', {cause}' if cause else ''}",
    )


def _nothing_found(report: AdminReport) -> str:
    """What a quiet report says; that nothing is unusual only of the accounts that are known."""
    if not report.has_detected:
        return "not checked for anomalies yet"
    if rises := sum(line.week_rise for line in report.teams):
        return f"{plural(rises, 'team')} up in the last 7 days"
    learning = sum(line.learning for line in report.teams)
    if not learning:
        return "nothing unusual"
    if learning == len(report.teams):
        return "learning"
    return f"nothing unusual, {plural(learning, 'account')} learning"


def _is_unusual(report: AdminReport) -> bool:
    """Whether the total moved past the threshold, as unmapped spend can do without any team.

    What is missing of silent accounts has not moved.
    """
    current, previous = report.current_total, report.previous_total
    if report.missing is not None:
        current -= report.missing.current
        previous -= report.missing.previous
    percent = change_percent(current, previous)
    return percent is None or abs(percent) > Decimal(repr(report.threshold))


def _notices(report: AdminReport) -> list[str]:
    notices = [
        SAMPLE_NOTICE if report.sample else None,
        late_notice(report.data_through, report.expected_through),
        _restated(report),
        _learning(report),
    ]
    return [notice for notice in notices if notice]


def _learning(report: AdminReport) -> str:
    learning = sum(line.learning for line in report.teams)
    if not learning or not report.has_detected:
        return ""
    return (
        f"Learning: too little is known yet of {learning:,} of {plural(len(report.teams), 'team')} "
        "to say what is unusual there."
    )


def _restated(report: AdminReport) -> str:
    """The largest restatement, and how many other teams have one."""
    if not report.restated:
        return ""
    team_name, largest = report.restated[0]
    sentence = f"{neutral(team_name, MAX_NAME)}: {restated_words(largest, report.currency)}"
    others = len(report.restated) - 1
    return f"{sentence} Also restated: {plural(others, 'other team')}." if others else sentence


def _why(report: AdminReport) -> list[str]:
    explanation = report.missing.other_explanation if report.missing else report.explanation
    sentences = reasons(explanation, report.currency) if explanation else []
    current, previous = cents(report.current_total), cents(report.previous_total)
    if missing := missing_words(report.missing, current, previous, report.currency):
        sentences.insert(0, missing)
    return [*sentences, *(move_words(move, report.currency) for move in report.moves[:MAX_MOVES])]


def _record(record: AlertRecord | None) -> str:
    """``Last 90 days: 17 alerts (9 expected, 8 unanswered); median time to alert: 3 days``."""
    if record is None:
        return ""
    found = _found_at_install(record.found_at_install)
    if not record.total:
        return f"Last {record.days} days: no alerts{found}"
    statuses = ", ".join(f"{count:,} {STATUS_NAMES[status]}" for status, count in record.statuses)
    sentence = f"Last {record.days} days: {plural(record.total, 'alert')} ({statuses})"
    sentence += found
    if record.median_days is None:
        return sentence
    days = f"{record.median_days.normalize():f}"
    return f"{sentence}; median time to alert: {days} {'day' if days == '1' else 'days'}"


def _found_at_install(found: int) -> str:
    """Anomalies that had begun before anybody could have been alerted, in the record of alerts."""
    if not found:
        return ""
    return f", besides {plural(found, 'anomaly', 'anomalies')} found when the agent was installed"


def _to_do(report: AdminReport) -> list[str]:
    tasks = []
    if report.unmapped:
        tasks.append(plural(len(report.unmapped), "unmapped account"))
    if report.silent:
        tasks.append(plural(len(report.silent), "silent team"))
    if report.deliveries and report.deliveries.failed:
        tasks.append(plural(len(report.deliveries.failed), "failed email"))
    return tasks


def _delivery(report: AdminReport) -> str:
    recap = report.deliveries
    if recap is None:
        return "No earlier report."
    counts = [f"{recap.sent:,} sent", f"{len(recap.failed):,} failed"]
    if recap.open:
        counts.append(f"{recap.open:,} pending")
    return f"{period_title(recap.period)}: {', '.join(counts)}"


def _footer(report: AdminReport) -> list[str]:
    return [
        "You get this email because your address is a global admin address.",
        "All teams are in the attached CSV. An admin can change the addresses at any time.",
        f"Report for {period_words(report.period)}, created {day(report.made_at.date())} {report.made_at.year}.",
    ]
