"""What a team's report says first: its subject and its headline."""

from collections.abc import Sequence
from decimal import Decimal

from services.domain import AccountFigures, Anomaly, ChangeLine, TeamReport, moved
from services.domain.formatting import (
    bare_percent,
    cents,
    day,
    day_range,
    neutral,
    percent_moved,
    round_money,
)
from services.domain.service_names import service_name
from services.presentation.explanations import drivers, new_services
from services.presentation.phrases import headline, period_names

MAX_NAME_IN_SUBJECT = 60
MAX_SERVICE_IN_SUBJECT = 30


def subject(report: TeamReport, text: str) -> str:
    """``[SAMPLE] Checkout: …``."""
    mark = "[SAMPLE] " if report.sample else ""
    return f"{mark}{neutral(report.team.team_name, MAX_NAME_IN_SUBJECT)}: {text}"


def is_quiet(report: TeamReport) -> bool:
    """Whether nothing in a report needs attention."""
    figures = report.figures
    has_anomaly = report.anomalies or report.ended
    has_moved = _is_new_spend(figures) or _is_drop(figures) or _is_rise(figures)
    return not (has_anomaly or figures.breach or has_moved or _week_rise(figures))


def subject_text(report: TeamReport) -> str:
    """The subject after the team's name: the first of these that applies."""
    figures, currency = report.figures, report.figures.currency
    detected = [anomaly for anomaly in report.anomalies if anomaly.kind != "threshold"]
    if detected:
        return f"{_over_expected(detected[0])} since {day(detected[0].start)}"
    if _is_new_spend(figures):
        services = new_services(_lines(figures), _change(figures))
        return f"new spend {round_money(figures.current_total, currency)} ({services})"
    if figures.breach is not None or _is_rise(figures):
        return _rise(figures)
    if _is_drop(figures):
        percent = _percent_suffix(figures.current_total, figures.previous_total)
        down = f"down {round_money(-_change(figures), currency)}{percent}"
        return _with_cause(down, _lines(figures), _change(figures), currency)
    if report.ended:
        first = report.ended[0]
        return f"{_over_expected(first)}, {day_range(first.start, first.end or first.start)}"
    return _week_rise(figures) or _quiet_subject(report)


def _quiet_subject(report: TeamReport) -> str:
    figures = report.figures
    total = round_money(figures.current_total, figures.currency)
    return f"{total} for {period_names(figures.window)[0]}, {_nothing_found(report)}"


def _over_expected(anomaly: Anomaly) -> str:
    """``EC2 $2,263 over expected``; the driver's own excess, or the account's under that name."""
    excess = f"{round_money(anomaly.amounts.excess, anomaly.currency)} over expected"
    name = (
        service_name(anomaly.service, MAX_SERVICE_IN_SUBJECT)
        if anomaly.is_of_driver
        else "account"
    )
    return f"{name} {excess}"


def title(report: TeamReport) -> str:
    """The headline of a report with figures."""
    if not is_quiet(report):
        return headline(_change_title(report))
    words = _nothing_found(report)
    return headline(f"{words[0].upper()}{words[1:]}")


def _nothing_found(report: TeamReport) -> str:
    """What a quiet report says; that nothing is unusual only when enough is known to say so."""
    if not report.has_detected:
        return "not checked for anomalies yet"
    return f"learning, {report.learning}" if report.learning else "no unusual changes"


def _change_title(report: TeamReport) -> str:
    figures, currency = report.figures, report.figures.currency
    change = _change(figures)
    if _is_new_spend(figures):
        return f"New spend of {round_money(change, currency)}"
    has_cause = report.anomalies or report.ended or figures.breach
    has_moved = _is_drop(figures) or _is_rise(figures)
    if not (has_cause or has_moved) and (words := _week_rise(figures)):
        return f"{words[0].upper()}{words[1:]}"
    if change > 0:
        up = f"Costs up {round_money(change, currency)}"
        return _with_cause(up, _lines(figures), change, currency)
    down = f"down {round_money(-change, currency)}" if change else "unchanged"
    if figures.breach is not None:
        up = f"Usage up {round_money(figures.breach.excess, currency)}"
        usage = _with_cause(up, _usage_lines(figures), figures.breach.excess, currency)
        return f"{usage}; total costs {down}"
    if change < 0:
        return _with_cause(f"Costs {down}", _lines(figures), change, currency)
    return "Total cost unchanged"


def _week_rise(figures: AccountFigures) -> str:
    """``up $2,470 (45.8%) in the last 7 days``; empty unless that is a large rise."""
    week, currency = figures.week, figures.currency
    if week is None or not week.is_large_rise:
        return ""
    percent = _percent_suffix(week.current, week.previous)
    return f"up {round_money(moved(week.current, week.previous), currency)}{percent} in the last 7 days"


def _with_cause(text: str, lines: Sequence[ChangeLine], change: Decimal, currency: str) -> str:
    cause = drivers(lines, change, currency)
    return f"{text}, {cause}" if cause else text


def _lines(figures: AccountFigures) -> tuple[ChangeLine, ...]:
    return figures.explanation.lines if figures.explanation else ()


def _usage_lines(figures: AccountFigures) -> list[ChangeLine]:
    return [line for line in _lines(figures) if not line.one_off]


def _is_new_spend(figures: AccountFigures) -> bool:
    return figures.is_new_spend and cents(figures.current_total) > 0


def _is_rise(figures: AccountFigures) -> bool:
    """Whether the total rose as far as usage must for a breach, because other charges changed."""
    change, percent = _change(figures), figures.change_percent
    if change <= 0 or change < figures.min_increase:
        return False
    return percent is None or percent > Decimal(repr(figures.threshold))


def _is_drop(figures: AccountFigures) -> bool:
    """Whether costs fell by more than the threshold: worth a subject, but no alert."""
    if figures.change_percent is None or _change(figures) >= 0:
        return False
    return figures.change_percent < -Decimal(repr(figures.threshold))


def _change(figures: AccountFigures) -> Decimal:
    return moved(figures.current_total, figures.previous_total)


def _percent_suffix(current: Decimal, previous: Decimal) -> str:
    """`` (23.8%)``; empty from zero."""
    percent = percent_moved(current, previous)
    return f" ({bare_percent(percent)})" if percent is not None else ""


def _rise(figures: AccountFigures) -> str:
    """What went up: the net total, or usage alone where credits hide it."""
    current, previous, what = figures.current_total, figures.previous_total, "up"
    lines: Sequence[ChangeLine] = _lines(figures)
    if _change(figures) <= 0:
        current, previous, what = figures.usage_current, figures.usage_previous, "usage up"
        lines = _usage_lines(figures)
    change = moved(current, previous)
    up = f"{what} {round_money(change, figures.currency)}{_percent_suffix(current, previous)}"
    return _with_cause(up, lines, change, figures.currency)
