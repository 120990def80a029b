"""A team's report as the texts that its mail shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from services.analysis.quiet import is_above
from services.model import (
    AccountFigures,
    Anomaly,
    PlannedChange,
    TeamReport,
    WeekFigures,
    moved,
)
from services.rendering.blocks import (
    SAMPLE_NOTICE,
    Row,
    category_line,
    change_row,
    crossing,
    days_line,
    driver_words,
    drivers,
    headline,
    late_notice,
    masked_words,
    month_end_line,
    period_names,
    reasons,
    restated_words,
    service_rows,
    week_line,
    window_line,
)
from services.rendering.hints import hint
from services.wording import (
    bare_percent,
    cents,
    change_line,
    day,
    day_range,
    money,
    neutral,
    percent,
    percent_moved,
    percent_of,
    plural,
    round_money,
    sparkline,
    weekday,
)

MOST_SERVICES, MOST_WHEN_QUIET = 10, 5
MOST_ANOMALIES = 3
SUBJECT_NAME, NAME = 60, 80


@dataclass(frozen=True, slots=True)
class AnomalyBox:
    """An anomaly as two or three sentences."""

    what: str
    lines: list[str]
    """What was spent and expected, by which services; what it often is; whether it was answered."""
    explain: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar, with the same weekday of the week before."""

    label: str
    amount: str
    width: int
    width_before: int
    marked: bool


@dataclass(frozen=True, slots=True)
class TeamView:
    """Everything that a team's mail prints."""

    subject: str
    preheader: str
    title: str
    name: str
    account_id: str
    notices: list[str]
    figure: str = ""
    change: str = ""
    rising: bool = False
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
    footer: list[str] = field(default_factory=list)


def team_view(report: TeamReport, *, teams_app: bool) -> TeamView:
    """The view of a report in whichever state it is."""
    base = {
        "name": neutral(report.team.team_name, NAME),
        "account_id": report.team.aws_account_id,
        "notices": _notices(report),
        "footer": _footer(report, teams_app=teams_app),
    }
    if report.figures.silent:
        return TeamView(**base, **_no_data(report))  # type: ignore[arg-type] # texts by name
    return TeamView(**base, **_figures(report, teams_app=teams_app))  # type: ignore[arg-type] # as above


def _subject(report: TeamReport, text: str) -> str:
    mark = "[SAMPLE] " if report.sample else ""
    return f"{mark}{neutral(report.team.team_name, SUBJECT_NAME)}: {text}"


def _notices(report: TeamReport) -> list[str]:
    found = [
        SAMPLE_NOTICE if report.sample else None,
        late_notice(report.figures.data_through, report.expected_through),
        restated_words(report.restatement, report.figures.currency)
        if report.restatement
        else None,
    ]
    return [notice for notice in found if notice]


def _no_data(report: TeamReport) -> dict[str, object]:
    last = report.figures.last_day
    since = f" since {day(last + timedelta(days=1))}" if last else ""
    sentence = (
        f"The last day with costs was {weekday(last)}." if last else "No costs were ever read."
    )
    # The sample has a team without costs, so that this email can be looked at.
    advice = (
        ""
        if report.sample
        else " If the account still runs, ask your AWS cost admins to check that its costs reach "
        f"{report.source_title}."
    )
    return {
        "subject": _subject(report, f"no AWS cost data{since}"),
        "preheader": f"{sentence} Nothing was compared.",
        "title": f"No AWS cost data{since}",
        "no_data": f"{sentence} Nothing is compared and no zeros are shown.{advice}",
    }


def _figures(report: TeamReport, *, teams_app: bool) -> dict[str, object]:
    figures, currency = report.figures, report.figures.currency
    quiet = _is_quiet(report)
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    names = period_names(figures.window)
    open_ones = plural(len(report.anomalies), "anomaly", "anomalies")
    preheader = f"{money(current, currency)} vs {money(previous, currency)}."
    return {
        "subject": _subject(report, _news(report)),
        "preheader": f"{preheader} {open_ones} open." if report.anomalies else preheader,
        "title": headline("No unusual change" if quiet else _title(report)),
        "figure": money(current, currency),
        "change": change_line(current, previous, currency),
        "rising": current > previous,
        "crossing": crossing(figures),
        "planned": plan_line(report.plan, figures) if report.plan else "",
        "why": _why(figures, quiet=quiet),
        "window": window_line(figures.window, previous, currency),
        "days": days_line(figures.window, figures.data_through, currency),
        "anomalies_heading": _look_heading(report),
        "anomalies": [
            _box(report, one, teams_app)
            for one in (*report.anomalies, *report.ended)[:MOST_ANOMALIES]
        ],
        "changes_heading": f"What changed ({names[1]} = “was”)",
        "current_label": names[0],
        "rows": service_rows(
            figures.services,
            (current, previous),
            currency,
            MOST_WHEN_QUIET if quiet else MOST_SERVICES,
        ),
        "total": change_row("Total", current, previous, currency),
        "categories": category_line(figures.categories, current, currency),
        "week": week_line(figures.week, currency) if figures.week else "",
        "bars": [] if quiet or not figures.week else _bars(figures.week, report),
        "spark": sparkline([one.amount for one in figures.week.days]) if figures.week else "",
        "month_end": month_end_line(figures.forecast, figures.forecast_record, currency),
    }


def _look_heading(report: TeamReport) -> str:
    """``Needs a look (2 open anomalies, 1 ended)``."""
    ended = len(report.ended)
    if not report.anomalies:
        return f"Needs a look ({plural(ended, 'ended anomaly', 'ended anomalies')})"
    open_ones = plural(len(report.anomalies), "open anomaly", "open anomalies")
    more = f", {ended:,} ended" if ended else ""
    return f"Needs a look ({open_ones}{more})"


def _why(figures: AccountFigures, *, quiet: bool) -> list[str]:
    """What the change is made of; of a quiet one only whether the total hides something."""
    why = figures.explanation
    if why is None:
        return []
    if quiet:
        return [words for words in [masked_words(why, figures.currency)] if words]
    return reasons(why, figures.currency)


def _is_quiet(report: TeamReport) -> bool:
    figures = report.figures
    listed = report.anomalies or report.ended
    return not (listed or figures.breach or _is_new_spend(figures) or _is_drop(figures))


def _is_new_spend(figures: AccountFigures) -> bool:
    return cents(figures.previous_total) == 0 and cents(figures.current_total) > 0


def _is_drop(figures: AccountFigures) -> bool:
    """A large drop is worth a subject, and no more than that."""
    if figures.change_percent is None or _moved(figures) >= 0:
        return False
    return figures.change_percent < -Decimal(repr(figures.threshold))


def _moved(figures: AccountFigures) -> Decimal:
    return moved(figures.current_total, figures.previous_total)


def _share(current: Decimal, previous: Decimal) -> str:
    """`` (23.8%)``; empty from zero."""
    share = percent_moved(current, previous)
    return f" ({bare_percent(share)})" if share is not None else ""


def _news(report: TeamReport) -> str:
    """The subject after the team's name: the first that applies."""
    figures, currency = report.figures, report.figures.currency
    detected = [one for one in report.anomalies if one.kind != "threshold"]
    if detected:
        first = detected[0]
        return (
            f"{neutral(first.service, 30)} {round_money(first.excess, currency)} over expected "
            f"since {day(first.start)}"
        )
    if _is_new_spend(figures):
        names = drivers(figures.services, up=True).replace("new ", "")
        return f"new spend {round_money(figures.current_total, currency)} ({names})"
    if figures.breach is not None:
        return f"{_rise(figures)}, mostly {_driver(figures)}"
    if _is_drop(figures):
        share = _share(figures.current_total, figures.previous_total)
        names = drivers(figures.services, up=False)
        return f"down {round_money(-_moved(figures), currency)}{share}, mostly {names}"
    if report.ended:
        first = report.ended[0]
        return (
            f"{neutral(first.service, 30)} {round_money(first.excess, currency)} over expected, "
            f"{day_range(first.start, first.end or first.start)}"
        )
    total = round_money(figures.current_total, currency)
    return f"{total} for {period_names(figures.window)[0]}, no unusual change"


def _rise(figures: AccountFigures) -> str:
    """What went up: the net total, or usage alone where credits hide it."""
    current, previous, what = figures.current_total, figures.previous_total, "up"
    if _moved(figures) <= 0:
        current, previous, what = figures.usage_current, figures.usage_previous, "usage up"
    amount = round_money(moved(current, previous), figures.currency)
    return f"{what} {amount}{_share(current, previous)}"


def _driver(figures: AccountFigures) -> str:
    named = drivers(figures.services, up=True)
    return named or (neutral(figures.breach.service, 30) if figures.breach else "")


def _title(report: TeamReport) -> str:
    figures, currency = report.figures, report.figures.currency
    difference = _moved(figures)
    if _is_new_spend(figures):
        return f"New spend of {round_money(difference, currency)}"
    if difference > 0:
        names = drivers(figures.services, up=True)
        return f"Costs up {round_money(difference, currency)}, mostly {names}"
    down = f"down {round_money(-difference, currency)}" if difference else "unchanged"
    if figures.breach is not None:
        usage = round_money(figures.breach.excess, currency)
        return f"Usage up {usage}, mostly {_driver(figures)}; net costs {down}"
    if difference < 0:
        names = drivers(figures.services, up=False)
        return f"Costs {down}, mostly {names}"
    return "Costs unchanged in total"


def plan_line(plan: PlannedChange, figures: AccountFigures) -> str:
    """``Planned +30.0% 3–20 Nov (Ana: migration); actual +26.1%``."""
    reason = f": {neutral(plan.reason, 120)}" if plan.reason else ""
    days = day_range(plan.first, plan.last)
    said = f"Planned {percent(plan.percent)} {days} ({neutral(plan.by, 40)}{reason})"
    actual = percent_of(figures.usage_current, figures.usage_previous)
    return f"{said}; actual {actual}" if actual else said


def _box(report: TeamReport, anomaly: Anomaly, teams_app: bool) -> AnomalyBox:
    currency = anomaly.currency
    service = neutral(anomaly.service, 60)
    days = (report.figures.data_through - anomaly.start).days + 1
    if anomaly.kind == "threshold":
        _, before = period_names(report.figures.window)
        what = f"Usage is {money(anomaly.excess, currency)} above {before}; {service} grew most."
        state = "Open this month. Nobody has answered."
    elif anomaly.status == "ended":
        last = anomaly.end or anomaly.start
        when = day_range(anomaly.start, last)
        what = f"{service}: {money(anomaly.excess, currency)} more than expected, {when}."
        lasted = plural((last - anomaly.start).days + 1, "day")
        state = f"Ended after {lasted}. Its costs came late or were restated."
    else:
        what = (
            f"{service}: {money(anomaly.excess, currency)} more than expected since "
            f"{weekday(anomaly.start)}."
        )
        mark = ", above threshold" if is_above(anomaly, report.figures) else ""
        state = f"Open, {plural(days, 'day')}{mark}. Nobody has answered."
    name = neutral(report.team.team_name, NAME)
    explain = f"In Teams, write: explain {name}" if teams_app else ""
    lines = [one for one in (_parts(anomaly), _often(anomaly), state) if one]
    return AnomalyBox(what=what, lines=lines, explain=explain)


def _often(anomaly: Anomaly) -> str:
    """What such an anomaly often is."""
    if anomaly.kind == "threshold":
        return ""
    if anomaly.group:
        return "Other accounts rose with it on the same days: often a price."
    return hint(anomaly.service)


def _parts(anomaly: Anomaly) -> str:
    """``$3,812.90, expected $1,550.00. EC2 91%, S3 9%``."""
    said = []
    if anomaly.usage is not None:
        spent = money(anomaly.usage, anomaly.currency)
        wanted = money(cents(anomaly.usage) - cents(anomaly.excess), anomaly.currency)
        said.append(f"{spent}, expected {wanted}")
    if named := driver_words(anomaly):
        said.append(named)
    return f"{'. '.join(said)}." if said else ""


def _bars(week: WeekFigures, report: TeamReport) -> list[Bar]:
    """Newest first; widths in percent of the largest day of both weeks."""
    amounts = [one.amount or Decimal(0) for one in (*week.days, *week.days_before)]
    top = max([*amounts, Decimal(1)])
    starts = [one.start for one in report.anomalies if one.kind != "threshold"]
    bars = []
    for now, before in reversed(list(zip(week.days, week.days_before, strict=True))):
        bars.append(
            Bar(
                label=f"{now.day:%a} {now.day.day}",
                amount=money(now.amount, report.figures.currency)
                if now.amount is not None
                else "no data",
                width=_width(now.amount, top),
                width_before=_width(before.amount, top),
                marked=any(start <= now.day for start in starts),
            )
        )
    return bars


def _width(amount: Decimal | None, top: Decimal) -> int:
    if amount is None or amount <= 0:
        return 0
    return max(int(amount / top * 100), 1)


def _footer(report: TeamReport, *, teams_app: bool) -> list[str]:
    team = report.team
    name = neutral(team.team_name, NAME)
    lines = [
        f"You get this as a contact of the team {name}, AWS account {team.aws_account_id}.",
        "To change the address or to stop these mails, ask your AWS cost admins.",
        f"Report {report.period}, made {day(report.made_at.date())} {report.made_at.year}.",
    ]
    if teams_app:
        lines.insert(1, f"In Teams, write: team {name}")
    return lines
