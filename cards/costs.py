"""Cards about costs: the daily history, and why costs changed."""

from decimal import Decimal

from cards.elements import (
    Element,
    card,
    execute,
    figure,
    heading,
    line_chart,
    note,
    plain,
    table,
    text,
)
from cards.general import late, sample_notice
from services.model import CostHistory, DayAmount, TeamReport
from services.rendering.blocks import (
    ROUNDING,
    change_row,
    days_line,
    period_names,
    remainder,
    window_line,
)
from services.wording import (
    cents,
    change,
    day_range,
    money,
    percent_of,
    plural,
    sparkline,
)

MOST_LINES = 10


def history(found: CostHistory, span: str) -> Element:
    """Daily costs as a chart and, week by week, as a table."""
    team, currency = found.team, found.currency
    label = day_range(found.span.first, found.span.last, year=True)
    series = [("All services", _points(found.days))]
    series += [(name[:60], _points(days)) for name, days in found.services]
    spark = sparkline([one.amount for one in found.days])
    rows = _week_rows(found)
    other = ("Last 30 days", "30 days") if span == "month" else ("This month", "month")
    known = any(one.amount is not None for one in found.days)
    return card(
        [
            sample_notice(found.sample),
            note(f"{plain(team.team_name, 80)} · AWS account {team.aws_account_id}"),
            heading(label),
            figure(money(found.total, currency)) if known else text("No AWS cost data."),
            note(f"data through {found.data_through.isoformat()} (UTC) · {currency}, net"),
            line_chart(f"Cost per day, {label}", series, spark) if known else None,
            table(
                [("Week", 4, False), ("Cost", 4, True), ("Change", 3, True)], rows, bold_last=True
            )
            if known
            else None,
        ],
        [
            execute(other[0], "costs", {"team": team.id, "span": other[1]}),
            execute("Explain", "explain", {"team": team.id}),
        ],
    )


def _points(days: tuple[DayAmount, ...]) -> list[tuple[str, float]]:
    return [(one.day.isoformat(), float(one.amount)) for one in days if one.amount is not None]


def _week_rows(found: CostHistory) -> list[list[str]]:
    """Weeks that add up to the printed total; a shorter last one is not compared."""
    rows, before = [], None
    left = cents(found.total)
    for i, week in enumerate(found.weeks):
        last = i == len(found.weeks) - 1
        amount = left if last else cents(week.amount)
        left -= amount
        whole = (week.last - week.first).days == 6  # noqa: PLR2004 - a week
        share = percent_of(amount, before) if before is not None and whole else ""
        rows.append([day_range(week.first, week.last), money(amount, found.currency), share])
        before = amount
    rows.append(["Total", money(found.total, found.currency), ""])
    return rows


def explain(report: TeamReport) -> Element:
    """From the total before to the total now, service by service, adding up exactly."""
    figures, currency = report.figures, report.figures.currency
    team = report.team
    names = period_names(figures.window)
    actions = [
        execute("Costs", "costs", {"team": team.id, "span": "month"}),
        execute("Preview", "preview", {"team": team.id}),
    ]
    head: list[Element | None] = [
        sample_notice(report.sample),
        late(figures.data_through, report.expected_through),
        note(f"{plain(team.team_name, 80)} · AWS account {team.aws_account_id}"),
    ]
    if figures.silent:
        return card([*head, heading("No AWS cost data to explain")], actions)
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    moved = change(current - previous, currency)
    return card(
        [
            *head,
            heading(f"Why costs changed: {moved}"),
            note(window_line(figures.window, previous, currency)),
            note(days_line(figures.window, figures.data_through, currency)),
            table(
                [("Line", 5, False), ("Change", 4, True), ("Running", 4, True)],
                [
                    [names[1], "", money(previous, currency)],
                    *_steps(report, current, previous),
                    [names[0], moved, money(current, currency)],
                ],
                bold_last=True,
            ),
            text("Credits, refunds, tax and fees are in their services' lines.", isSubtle=True)
            if len(figures.categories) > 1
            else None,
        ],
        actions,
    )


def _steps(report: TeamReport, current: Decimal, previous: Decimal) -> list[list[str]]:
    """A line for each large change, and one for all others; each with the sum so far."""
    figures, currency = report.figures, report.figures.currency
    services = [one for one in figures.services if cents(one.current) != cents(one.previous)]
    shown = services[:MOST_LINES]
    running, rows = previous, []
    for one in shown:
        step = cents(one.current) - cents(one.previous)
        running += step
        new = " (new)" if one.previous == 0 else ""
        gone = " (gone)" if one.current == 0 else ""
        rows.append(
            [
                f"{plain(one.name, 60)}{new}{gone}",
                change(step, currency),
                money(running, currency),
            ]
        )
    rest = remainder((current, previous), ((one.current, one.previous) for one in shown))
    row = change_row("", *rest, currency)
    others = len(services) - len(shown)
    if others or rest[0] != rest[1]:
        name = plural(others, "other") if others else ROUNDING
        rows.append([name, row.change, money(current, currency)])
    return rows
