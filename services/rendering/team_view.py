"""A team's report as the texts that its mail shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from services.model import (
    AccountFigures,
    Anomaly,
    PlannedChange,
    Restatement,
    TeamReport,
    WeekFigures,
)
from services.rendering.blocks import (
    SAMPLE_NOTICE,
    Row,
    category_line,
    change_row,
    days_line,
    drivers,
    headline,
    late_notice,
    period_names,
    service_rows,
    window_line,
)
from services.wording import (
    bare_percent,
    cents,
    change,
    day,
    day_range,
    money,
    neutral,
    percent,
    percent_of,
    plural,
    round_money,
    sparkline,
    threshold,
    weekday,
)

MOST_SERVICES, MOST_WHEN_QUIET = 10, 5
MOST_ANOMALIES = 3
SUBJECT_NAME, NAME = 60, 80


@dataclass(frozen=True, slots=True)
class AnomalyBox:
    """An anomaly as two or three sentences."""

    what: str
    state: str
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
        _restated(report.restatement, report.figures.currency) if report.restatement else None,
    ]
    return [notice for notice in found if notice]


def _restated(restatement: Restatement, currency: str) -> str:
    return (
        f"{restatement.label} is now {money(restatement.now, currency)}; on "
        f"{day(restatement.reported_on)} we reported {money(restatement.reported, currency)} "
        f"({percent(restatement.percent)})."
    )


def _no_data(report: TeamReport) -> dict[str, object]:
    last = report.figures.last_day
    since = f" since {day(last + timedelta(days=1))}" if last else ""
    sentence = (
        f"The last day with costs was {weekday(last)}." if last else "No costs were ever read."
    )
    return {
        "subject": _subject(report, f"no AWS cost data{since}"),
        "preheader": f"{sentence} Nothing was compared.",
        "title": f"No AWS cost data{since}",
        "no_data": f"{sentence} Nothing is compared and no zeros are shown. If the account still "
        "runs, ask your AWS cost admins to check that its costs reach Datadog.",
    }


def _figures(report: TeamReport, *, teams_app: bool) -> dict[str, object]:
    figures, currency = report.figures, report.figures.currency
    quiet = _is_quiet(report)
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    moved = current - previous
    names = period_names(figures.window)
    open_ones = plural(len(report.anomalies), "anomaly", "anomalies")
    preheader = f"{money(current, currency)} vs {money(previous, currency)}."
    return {
        "subject": _subject(report, _news(report)),
        "preheader": f"{preheader} {open_ones} open." if report.anomalies else preheader,
        "title": headline("No unusual change" if quiet else _title(report)),
        "figure": money(current, currency),
        "change": _change_line(current, previous, currency),
        "rising": moved > 0,
        "crossing": _crossing(figures),
        "planned": plan_line(report.plan, figures.usage_percent) if report.plan else "",
        "window": window_line(figures.window, previous, currency),
        "days": days_line(figures.window, figures.data_through, currency),
        "anomalies_heading": f"Needs a look ({open_ones.replace(' ', ' open ', 1)})",
        "anomalies": [_box(report, one, teams_app) for one in report.anomalies[:MOST_ANOMALIES]],
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
        "week": _week_line(figures.week, currency) if figures.week else "",
        "bars": [] if quiet or not figures.week else _bars(figures.week, report),
        "spark": sparkline([one.amount for one in figures.week.days]) if figures.week else "",
        "month_end": _month_end(figures),
    }


def _is_quiet(report: TeamReport) -> bool:
    figures = report.figures
    new = figures.previous_total == 0 and figures.current_total > 0
    return not (report.anomalies or figures.breach or new or _is_drop(figures))


def _is_drop(figures: AccountFigures) -> bool:
    """A large drop is worth a subject, and no more than that."""
    if figures.change_percent is None:
        return False
    return figures.change_percent < -Decimal(repr(figures.threshold))


def _news(report: TeamReport) -> str:
    """The subject after the team's name: the first that applies."""
    figures, currency = report.figures, report.figures.currency
    moved = figures.current_total - figures.previous_total
    detected = [one for one in report.anomalies if one.kind != "threshold"]
    if detected:
        first = detected[0]
        return (
            f"{neutral(first.service, 30)} {round_money(first.excess, currency)} over expected "
            f"since {day(first.start)}"
        )
    if figures.previous_total == 0 and figures.current_total > 0:
        names = drivers(figures.services, up=True).replace("new ", "")
        return f"new spend {round_money(figures.current_total, currency)} ({names})"
    if figures.breach is not None:
        return f"{_rise(figures)}, mostly {_driver(figures)}"
    if _is_drop(figures):
        percents = bare_percent(figures.change_percent or Decimal(0))
        names = drivers(figures.services, up=False)
        return f"down {round_money(-moved, currency)} ({percents}), mostly {names}"
    total = round_money(figures.current_total, currency)
    return f"{total} for {period_names(figures.window)[0]}, no unusual change"


def _rise(figures: AccountFigures) -> str:
    """What went up: the net total, or usage alone where credits hide it."""
    moved = figures.current_total - figures.previous_total
    if moved > 0:
        share = figures.change_percent
        amount, what = moved, "up"
    else:
        share = figures.usage_percent
        amount, what = figures.usage_current - figures.usage_previous, "usage up"
    percents = f" ({bare_percent(share)})" if share is not None else ""
    return f"{what} {round_money(amount, figures.currency)}{percents}"


def _driver(figures: AccountFigures) -> str:
    named = drivers(figures.services, up=True)
    return named or (neutral(figures.breach.service, 30) if figures.breach else "")


def _title(report: TeamReport) -> str:
    figures, currency = report.figures, report.figures.currency
    moved = figures.current_total - figures.previous_total
    if figures.previous_total == 0 and figures.current_total > 0:
        return f"New spend of {round_money(moved, currency)}"
    if moved > 0:
        names = drivers(figures.services, up=True)
        return f"Costs up {round_money(moved, currency)}, mostly {names}"
    if figures.breach is not None:
        usage = round_money(figures.breach.excess, currency)
        down = round_money(-moved, currency)
        return f"Usage up {usage}, mostly {_driver(figures)}; net costs down {down}"
    if moved < 0:
        names = drivers(figures.services, up=False)
        return f"Costs down {round_money(-moved, currency)}, mostly {names}"
    return "Costs unchanged in total"


def _change_line(current: Decimal, previous: Decimal, currency: str) -> str:
    moved = current - previous
    if moved == 0:
        return change(moved, currency)
    arrow = "▲" if moved > 0 else "▼"
    return f"{arrow} {change(moved, currency)} ({percent_of(current, previous)})"


def _crossing(figures: AccountFigures) -> str:
    if figures.breach is None:
        return ""
    limit = f"above your {threshold(figures.threshold)} threshold"
    if figures.usage_percent is None:
        return f"Usage is new spend, {limit}"
    return f"Usage up {bare_percent(figures.usage_percent)}, {limit}"


def plan_line(plan: PlannedChange, actual: Decimal | None) -> str:
    """``Planned +30.0% 3–20 Nov (Ana: migration); actual +26.1%``."""
    reason = f": {neutral(plan.reason, 120)}" if plan.reason else ""
    days = day_range(plan.first, plan.last)
    said = f"Planned {percent(plan.percent)} {days} ({neutral(plan.by, 40)}{reason})"
    return f"{said}; actual {percent(actual)}"


def _box(report: TeamReport, anomaly: Anomaly, teams_app: bool) -> AnomalyBox:
    currency = anomaly.currency
    service = neutral(anomaly.service, 60)
    days = (report.figures.data_through - anomaly.start).days + 1
    if anomaly.kind == "threshold":
        _, before = period_names(report.figures.window)
        what = f"Usage is {money(anomaly.excess, currency)} above {before}; {service} grew most."
        state = "Open this month. Nobody has answered."
    else:
        what = (
            f"{service}: {money(anomaly.excess, currency)} more than expected since "
            f"{weekday(anomaly.start)}."
        )
        state = f"Open, {plural(days, 'day')}. Nobody has answered."
    name = neutral(report.team.team_name, NAME)
    explain = f"In Teams, write: explain {name}" if teams_app else ""
    return AnomalyBox(what=what, state=state, explain=explain)


def _week_line(week: WeekFigures, currency: str) -> str:
    return (
        f"Last 7 days: {money(week.current, currency)} vs {money(week.previous, currency)} "
        f"({percent_of(week.current, week.previous)})"
    )


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


def _month_end(figures: AccountFigures) -> str:
    if figures.forecast is None:
        return ""
    low, high = figures.forecast.low, figures.forecast.high
    currency = figures.currency
    return (
        f"Month end: probably {round_money(figures.forecast.amount, currency)} "
        f"(80% range {round_money(low, currency)} to {round_money(high, currency)})"
    )


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
