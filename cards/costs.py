"""Cards about costs: the daily history, and why costs changed."""

from decimal import Decimal

from cards.days import chart, day_words
from cards.elements import (
    Cell,
    Element,
    card,
    execute,
    figure,
    heading,
    note,
    plain,
    show_card,
    table,
    text,
)
from cards.general import late, sample_notice
from services.model import ChangeLine, CostHistory, DayAmount, Explanation, TeamReport, WeekCost
from services.rendering.blocks import days_line, period_names, window_line
from services.rendering.change_rows import ROUNDING, change_row, remainder
from services.rendering.explanations import line_name, reasons
from services.wording import (
    cents,
    change,
    day,
    day_range,
    money,
    moved,
    percent_of,
    plural,
)

MOST_LINES = 10
WEEK = 7


def history(found: CostHistory, span: str) -> Element:
    """Daily costs as a chart and, week by week, as a table."""
    team, currency = found.team, found.currency
    label = day_range(found.span.first, found.span.last, year=True)
    head: list[Element | None] = [
        sample_notice(found.sample),
        note(f"{plain(team.team_name, 80)} · AWS account {team.aws_account_id}"),
        heading(label),
    ]
    other = ("Last 30 days", "30 days") if span == "month" else ("This month", "month")
    actions = [
        execute(other[0], "costs", {"team": team.id, "span": other[1]}),
        execute("Explain", "explain", {"team": team.id}),
    ]
    if all(one.amount is None for one in found.days):
        return card([*head, text("No AWS cost data.")], actions)
    series = [("All services", found.days)]
    series += [(plain(name, 60), days) for name, days in found.services]
    columns = [("Week", 4, False), ("Cost", 4, True), ("Change", 3, True)]
    return card(
        [
            *head,
            figure(money(found.total, currency)),
            note(f"data through {day(found.data_through)} (UTC) · {currency}, net"),
            chart(f"Cost per day, {label}", series),
            table(columns, _week_rows(found), bold_last=True),
        ],
        [*actions, show_card("Daily numbers", _numbers(series, currency))],
    )


def _numbers(series: list[tuple[str, tuple[DayAmount, ...]]], currency: str) -> list[Element]:
    """What the chart draws, as words."""
    found = []
    for name, days in series:
        found.append(text(name, weight="Bolder"))
        found += [note(words, isSubtle=False) for words in day_words(days, currency)]
    return found


def _week_rows(found: CostHistory) -> list[list[Cell]]:
    """Weeks that add up to the printed total; a shorter last one is not compared."""
    rows: list[list[Cell]] = []
    before: Decimal | None = None
    left = cents(found.total)
    known = [week for week in found.weeks if _has_data(found, week)]
    for week in found.weeks:
        label = day_range(week.first, week.last)
        if week not in known:
            rows.append([label, "no data", ""])
            before = None
            continue
        amount = left if week == known[-1] else cents(week.amount)
        left -= amount
        step: Cell = ""
        if before is not None and (week.last - week.first).days + 1 == WEEK:
            step = (change(amount - before, found.currency), percent_of(amount, before))
        rows.append([label, money(amount, found.currency), step])
        before = amount
    rows.append(["Total", money(found.total, found.currency), ""])
    return rows


def _has_data(found: CostHistory, week: WeekCost) -> bool:
    days = (one for one in found.days if week.first <= one.day <= week.last)
    return any(one.amount is not None for one in days)


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
    why = figures.explanation
    if why is None:
        raise AssertionError("a report that is not silent has its change taken apart")
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    step = change(current - previous, currency)
    same = current == previous
    return card(
        [
            *head,
            heading("No change in total" if same else f"Why costs changed: {step}"),
            note(window_line(figures.window, previous, currency)),
            note(days_line(figures.window, figures.data_through, currency)),
            *[text(words) for words in reasons(why, currency)],
            table(
                [("Line", 5, False), ("Change", 4, True), ("Running", 4, True)],
                [
                    [names[1], "", money(previous, currency)],
                    *_steps(why, current, previous, currency),
                    [names[0], step, money(current, currency)],
                ],
                bold_last=True,
            ),
        ],
        actions,
    )


def _steps(
    why: Explanation, current: Decimal, previous: Decimal, currency: str
) -> list[list[Cell]]:
    """A line for each large change, and one for all others; each with the sum so far."""
    lines = [one for one in why.lines if moved(one.current, one.previous)]
    shown = lines[:MOST_LINES]
    running = previous
    rows: list[list[Cell]] = []
    for one in shown:
        step = moved(one.current, one.previous)
        running += step
        name = (plain(line_name(one), 60), _mark(one))
        rows.append([name, change(step, currency), money(running, currency)])
    rest = remainder((current, previous), ((one.current, one.previous) for one in shown))
    others = len(lines) - len(shown)
    if others or rest[0] != rest[1]:
        row = change_row("", *rest, currency)
        name = (plural(others, "other") if others else ROUNDING, "")
        rows.append([name, row.change, money(current, currency)])
    return rows


def _mark(line: ChangeLine) -> str:
    if line.one_off:
        return ""
    if cents(line.previous) == 0:
        return "new"
    return "gone" if cents(line.current) == 0 else ""
