"""A team's report as the texts that its email shows."""

from dataclasses import dataclass, field
from decimal import Decimal

from services.domain import AccountFigures, DataState, PlannedChange, TeamReport, WeekFigures
from services.domain.formatting import (
    cents,
    change_line,
    day,
    day_range,
    money,
    neutral,
    percent,
    percent_of,
    plural,
    sparkline,
)
from services.domain.schedule import period_words
from services.presentation.anomaly_boxes import (
    MAX_NAME,
    AnomalyBox,
    anomalies_heading,
    anomaly_boxes,
)
from services.presentation.change_rows import (
    Row,
    category_line,
    change_row,
    service_rows,
    services_as_named_now,
)
from services.presentation.explanations import masked_words, move_words, reasons
from services.presentation.missing_data import (
    last_cost_words,
    no_data_subject,
    no_data_title,
    no_data_words,
)
from services.presentation.next_steps import NextStep, next_steps
from services.presentation.phrases import (
    SAMPLE_NOTICE,
    crossing,
    days_line,
    late_notice,
    learning_notice,
    month_end_line,
    period_names,
    restated_words,
    week_line,
    window_line,
)
from services.presentation.team_headlines import is_quiet, subject, subject_text, title

MAX_SERVICES, MAX_SERVICES_IF_QUIET = 10, 5
MAX_MOVES = 3
MAX_REASON = 120
MAX_PERSON = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar, with the same weekday of the week before; widths in percent."""

    label: str
    amount: str
    width: int
    width_before: int
    marked: bool
    """Whether an open anomaly had begun by that day."""


@dataclass(frozen=True, slots=True)
class TeamView:
    """Everything that a team's email prints."""

    subject: str
    preheader: str
    title: str
    name: str
    account_id: str
    notices: list[str]
    figure: str = ""
    change: str = ""
    crossing: str = ""
    planned: str = ""
    why: list[str] = field(default_factory=list)
    window: str = ""
    days: str = ""
    anomalies_heading: str = ""
    anomalies: list[AnomalyBox] = field(default_factory=list)
    changes_heading: str = ""
    current_label: str = ""
    rows: list[Row] = field(default_factory=list)
    total: Row | None = None
    categories: str | None = None
    week: str = ""
    bars: list[Bar] = field(default_factory=list)
    spark: str = ""
    month_end: str = ""
    no_data: str = ""
    next_steps: list[NextStep] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)


def team_view(report: TeamReport, *, app_id: str | None) -> TeamView:
    """Build the view of a report; ``app_id``: the bot's, which links open; None in local mode."""
    common = {
        "name": neutral(report.team.team_name, MAX_NAME),
        "account_id": report.team.aws_account_id,
        "notices": _notices(report),
        "next_steps": next_steps(report, app_id),
        "footer": _footer(report),
    }
    if not report.figures.comparable:
        return TeamView(**common, **_no_data(report))  # type: ignore[arg-type] # texts by name
    return TeamView(**common, **_figures(report))  # type: ignore[arg-type] # as above


def _notices(report: TeamReport) -> list[str]:
    notices = [
        SAMPLE_NOTICE if report.sample else None,
        late_notice(report.figures.through, report.expected_through),
        restated_words(report.restatement, report.figures.currency)
        if report.restatement
        else None,
        learning_notice(report),
    ]
    return [notice for notice in notices if notice]


def _no_data(report: TeamReport) -> dict[str, object]:
    figures = report.figures
    known = no_data_words(figures)
    # The sample has a team without costs, so that this email can be looked at.
    advice = (
        ""
        if report.sample or figures.state is DataState.LEFT_OUT
        else " If the account is still in use, ask your AWS cost admins to check that its costs reach "
        f"{report.source_title}."
    )
    return {
        "subject": subject(report, no_data_subject(figures)),
        "preheader": known,
        "title": no_data_title(figures),
        "no_data": f"{known} Missing costs are not shown as zero.{advice}",
    }


def _figures(report: TeamReport) -> dict[str, object]:
    figures, currency = report.figures, report.figures.currency
    quiet = is_quiet(report)
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    current_name, previous_name = period_names(figures.window)
    return {
        "subject": subject(report, subject_text(report)),
        "preheader": _preheader(report),
        "title": title(report),
        "figure": money(current, currency),
        "change": change_line(current, previous, currency, is_new=figures.is_new_spend),
        "crossing": crossing(figures),
        "planned": planned_change_line(report.planned_change, figures)
        if report.planned_change
        else "",
        "why": _why(figures, quiet=quiet),
        "window": window_line(figures.window, previous, currency),
        "days": days_line(figures.window, figures.through, currency, report.metric)
        + last_cost_words(figures),
        "anomalies_heading": anomalies_heading(report),
        "anomalies": anomaly_boxes(report),
        "changes_heading": f"What changed vs {previous_name}",
        "current_label": current_name,
        "rows": service_rows(
            services_as_named_now(figures.services, figures.moves),
            (current, previous),
            currency,
            MAX_SERVICES_IF_QUIET if quiet else MAX_SERVICES,
        ),
        "total": change_row("Total", current, previous, currency, is_new=figures.is_new_spend),
        "categories": category_line(figures.categories, current, currency),
        **_week(report, quiet=quiet),
        "month_end": month_end_line(
            figures.forecast, figures.month_to_date, figures.data_through, currency
        ),
    }


def _preheader(report: TeamReport) -> str:
    figures = report.figures
    current = money(figures.current_total, figures.currency)
    totals = f"{current} vs {money(figures.previous_total, figures.currency)}."
    if not report.anomalies:
        return totals
    return f"{totals} {plural(len(report.anomalies), 'open anomaly', 'open anomalies')}."


def _week(report: TeamReport, *, quiet: bool) -> dict[str, object]:
    week = report.figures.week
    if week is None:
        return {}
    return {
        "week": week_line(week, report.figures.currency, is_late=report.figures.is_late),
        "bars": [] if quiet else _bars(week, report),
        "spark": sparkline([day_amount.amount for day_amount in week.days]),
    }


def _why(figures: AccountFigures, *, quiet: bool) -> list[str]:
    """What the change is made of; in a quiet report only whether the total hides something."""
    moves = [move_words(move, figures.currency) for move in figures.moves[-MAX_MOVES:]]
    explanation = figures.explanation
    if explanation is None:
        return moves
    if quiet:
        masked = masked_words(explanation, figures.currency)
        return [masked, *moves] if masked else moves
    return [*reasons(explanation, figures.currency), *moves]


def planned_change_line(planned: PlannedChange, figures: AccountFigures) -> str:
    """``Planned +30.0% 3–20 Nov (Ana: migration); actual +26.1%``."""
    reason = f": {neutral(planned.reason, MAX_REASON)}" if planned.reason else ""
    days = day_range(planned.first, planned.last)
    sentence = (
        f"Planned {percent(planned.percent)} {days} ({neutral(planned.by, MAX_PERSON)}{reason})"
    )
    actual = percent_of(figures.usage_current, figures.usage_previous)
    return f"{sentence}; actual {actual}" if actual else sentence


def _bars(week: WeekFigures, report: TeamReport) -> list[Bar]:
    """Newest first; widths in percent of the largest day of both weeks."""
    amounts = [day.amount or Decimal(0) for day in (*week.days, *week.days_before)]
    top = max([*amounts, Decimal(1)])
    starts = [anomaly.start for anomaly in report.anomalies if anomaly.kind != "threshold"]
    bars = []
    for day_amount, before in reversed(list(zip(week.days, week.days_before, strict=True))):
        date, amount = day_amount.day, day_amount.amount
        bars.append(
            Bar(
                label=f"{date:%a} {date.day}",
                amount="no data" if amount is None else money(amount, report.figures.currency),
                width=_width(amount, top),
                width_before=_width(before.amount, top),
                marked=any(start <= date for start in starts),
            )
        )
    return bars


def _width(amount: Decimal | None, top: Decimal) -> int:
    if amount is None or amount <= 0:
        return 0
    return max(int(amount / top * 100), 1)  # a small cost is still a bar


def _footer(report: TeamReport) -> list[str]:
    team = report.team
    name = neutral(team.team_name, MAX_NAME)
    return [
        (
            f"You get this email because your address is a contact for team {name}, AWS account "
            f"{team.aws_account_id}."
        ),
        "To change the address or stop these emails, ask your AWS cost admins.",
        f"Report for {period_words(report.period)}, created {day(report.made_at.date())} {report.made_at.year}.",
    ]
