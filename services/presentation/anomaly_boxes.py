"""The anomalies of a team's report, each as a box of two or three sentences."""

from dataclasses import dataclass

from services.analysis.suppression import is_above_threshold
from services.domain import Anomaly, TeamReport
from services.domain.formatting import day_range, money, plural, weekday
from services.domain.service_names import service_name
from services.presentation.anomaly_amounts import account_words, actual_words
from services.presentation.explanations import driver_words
from services.presentation.hints import hint
from services.presentation.phrases import period_names

MAX_ANOMALIES = 3
FOUND_AT_INSTALL = "Found when the agent was installed."
MAX_NAME = 80
MAX_SERVICE_NAME = 60


@dataclass(frozen=True, slots=True)
class AnomalyBox:
    """An anomaly as two or three sentences."""

    what: str
    lines: list[str]
    """Actual and expected costs, the services behind them; what it often is; whether answered."""


def anomalies_heading(report: TeamReport) -> str:
    """``Needs attention (2 open anomalies, 1 ended)``."""
    ended = len(report.ended)
    if not report.anomalies:
        return f"Needs attention ({plural(ended, 'ended anomaly', 'ended anomalies')})"
    open_count = plural(len(report.anomalies), "open anomaly", "open anomalies")
    return f"Needs attention ({open_count}{f', {ended:,} ended' if ended else ''})"


def anomaly_boxes(report: TeamReport) -> list[AnomalyBox]:
    """The first anomalies: open ones, then those of the last week that have ended."""
    anomalies = (*report.anomalies, *report.ended)[:MAX_ANOMALIES]
    return [_box(report, anomaly) for anomaly in anomalies]


def _box(report: TeamReport, anomaly: Anomaly) -> AnomalyBox:
    if anomaly.kind == "threshold":
        what, state = _threshold_sentences(report, anomaly)
    elif anomaly.status == "ended":
        what, state = _ended_sentences(anomaly)
    else:
        what, state = _open_sentences(report, anomaly)
    return AnomalyBox(
        what=what,
        lines=[line for line in (_amounts(anomaly), _likely_cause(anomaly), state) if line],
    )


def _threshold_sentences(report: TeamReport, anomaly: Anomaly) -> tuple[str, str]:
    current, previous = period_names(report.figures.window)
    is_closed = report.figures.window.closed_months
    excess, service = money(anomaly.excess, anomaly.currency), _service(anomaly)
    what = f"Usage is {excess} above {previous}; {service} grew the most."
    state = f"Above the threshold in {current}." if is_closed else "Open this month."
    return what, f"{state} {_answer_words(anomaly)}"


def _ended_sentences(anomaly: Anomaly) -> tuple[str, str]:
    last = anomaly.end or anomaly.start
    what = _excess_sentence(anomaly, f", {day_range(anomaly.start, last)}")
    days = plural((last - anomaly.start).days + 1, "day")
    if anomaly.found_at_install:
        return what, f"Ended after {days}. {FOUND_AT_INSTALL}"
    return what, f"Ended after {days}. Its costs arrived late or were restated."


def _open_sentences(report: TeamReport, anomaly: Anomaly) -> tuple[str, str]:
    what = _excess_sentence(anomaly, f" since {weekday(anomaly.start)}")
    days = plural((report.figures.data_through - anomaly.start).days + 1, "day")
    above = ", above the threshold" if is_above_threshold(anomaly, report.figures) else ""
    return what, f"Open for {days}{above}. {_answer_words(anomaly)}"


def _answer_words(anomaly: Anomaly) -> str:
    """Nobody could have answered what was there before the agent."""
    return FOUND_AT_INSTALL if anomaly.found_at_install else "No one has answered yet."


def _excess_sentence(anomaly: Anomaly, when: str) -> str:
    excess = money(anomaly.amounts.excess, anomaly.currency)
    if anomaly.is_of_driver:
        return f"{_service(anomaly)}: {excess} more than expected{when}."
    return f"Whole account: {excess} more than expected{when}; {_service(anomaly)} rose most."


def _service(anomaly: Anomaly) -> str:
    return service_name(anomaly.service, MAX_SERVICE_NAME)


def _likely_cause(anomaly: Anomaly) -> str:
    if anomaly.kind == "threshold":
        return ""
    if anomaly.group:
        return "Other accounts rose on the same days."
    return hint(anomaly.service)


def _amounts(anomaly: Anomaly) -> str:
    """``Actual $3,812.90, expected $1,550.00. By service: EC2 91%, S3 9%``."""
    if anomaly.kind == "threshold":
        return ""
    sentences = []
    if words := actual_words(anomaly.amounts, anomaly.currency):
        sentences.append(f"Actual {words}.")
    if words := account_words(anomaly):
        sentences.append(words)
    if services := driver_words(anomaly):
        sentences.append(f"By service: {services}.")
    return " ".join(sentences)
