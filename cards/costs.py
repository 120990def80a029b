"""Cards of costs: the daily history, and why costs changed."""

from collections.abc import Sequence
from decimal import Decimal

from cards.alerts import anomaly_summary
from cards.daily_costs import cost_chart, daily_amounts
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
from cards.notices import late_data_notice, sample_notice
from services.domain import (
    AnomalyContent,
    ChangeLine,
    CostHistory,
    DayAmount,
    Explanation,
    TeamReport,
    WeekCost,
)
from services.domain.formatting import (
    cents,
    change,
    day,
    day_range,
    money,
    moved,
    percent_of,
    plural,
)
from services.domain.service_names import service_names
from services.presentation import (
    ROUNDING,
    change_row,
    days_line,
    line_name,
    move_words,
    no_data_title,
    no_data_words,
    period_names,
    reasons,
    remainder,
    unit_words,
    window_line,
)

MAX_LINES = 10
MAX_MOVES = 3
WEEK_DAYS = 7


def cost_history(history: CostHistory, span: str) -> Element:
    """Daily costs as a chart and, week by week, as a table."""
    team, currency = history.team, history.currency
    label = day_range(history.span.first, history.span.last, year=True)
    head: list[Element | None] = [
        sample_notice(history.sample),
        note(f"{plain(team.team_name, 80)} · AWS account {team.aws_account_id}"),
        heading(label),
    ]
    other = ("Last 30 days", "30 days") if span == "month" else ("This month", "month")
    actions = [
        execute(other[0], "costs", {"team": team.id, "span": other[1]}),
        execute("Explain", "explain", {"team": team.id}),
    ]
    if all(d.amount is None for d in history.days):
        return card([*head, text("No AWS cost data.")], actions)
    series = [("All services", history.days)]
    names = service_names((name for name, _ in history.services), 60)
    series += [(names[name], days) for name, days in history.services]
    columns = [("Week", 4, False), ("Cost", 4, True), ("Change", 3, True)]
    return card(
        [
            *head,
            figure(money(history.total, currency)),
            note(
                f"data through {day(history.data_through)} (UTC) · {unit_words(currency, history.metric)}"
            ),
            cost_chart(f"Cost per day, {label}", series, currency),
            table(columns, _week_rows(history), bold_last=True),
        ],
        [*actions, show_card("Daily costs", _daily_costs(series, currency))],
    )


def _daily_costs(
    series: Sequence[tuple[str, Sequence[DayAmount]]], currency: str
) -> list[Element]:
    """The numbers of the chart as text."""
    elements = []
    for name, days in series:
        elements.append(text(name, weight="Bolder"))
        elements += [note(line, isSubtle=False) for line in daily_amounts(days, currency)]
    return elements


def _week_rows(history: CostHistory) -> list[list[Cell]]:
    """Weeks that add up to the printed total: the last one closes the gap left by rounding.

    A shorter week has no change, as there is nothing to compare it with; neither has a week whose
    last days are missing, as they may be late.
    """
    last = max(d.day for d in history.days if d.amount is not None)
    rows: list[list[Cell]] = []
    previous: Decimal | None = None
    remaining = cents(history.total)
    weeks_with_data = [week for week in history.weeks if _has_data(history, week)]
    for week in history.weeks:
        label = day_range(week.first, week.last)
        if week not in weeks_with_data:
            rows.append([label, "no data", ""])
            previous = None
            continue
        amount = remaining if week == weeks_with_data[-1] else cents(week.amount)
        remaining -= amount
        step: Cell = ""
        is_whole = (week.last - week.first).days + 1 == WEEK_DAYS and week.last <= last
        if previous is not None and is_whole:
            step = (
                change(amount - previous, history.currency),
                percent_of(amount, previous, is_new=False),
            )
        rows.append([label, money(amount, history.currency), step])
        previous = amount
    rows.append(["Total", money(history.total, history.currency), ""])
    return rows


def _has_data(history: CostHistory, week: WeekCost) -> bool:
    days = (d for d in history.days if week.first <= d.day <= week.last)
    return any(d.amount is not None for d in days)


def cost_explanation(report: TeamReport, about: AnomalyContent | None = None) -> Element:
    """From the total before to the total now, service by service, adding up exactly.

    ``about``: the anomaly that was asked about.
    """
    figures, currency, team = report.figures, report.figures.currency, report.team
    actions = [
        execute("Costs", "costs", {"team": team.id, "span": "month"}),
        execute("Preview", "preview", {"team": team.id}),
    ]
    head: list[Element | None] = [
        sample_notice(report.sample),
        late_data_notice(figures.through, report.expected_through),
        *(anomaly_summary(about) if about else []),
        note(f"{plain(team.team_name, 80)} · AWS account {team.aws_account_id}"),
    ]
    if not figures.comparable:
        words = [heading(no_data_title(figures)), text(no_data_words(figures))]
        return card([*head, *words], actions)
    explanation = figures.explanation
    if explanation is None:
        raise AssertionError("figures with data always have an explanation")
    current, previous = cents(figures.current_total), cents(figures.previous_total)
    total_change = change(current - previous, currency)
    unchanged = current == previous
    period, previous_period = period_names(figures.window)
    columns = [("Line", 5, False), ("Change", 4, True), ("Running total", 4, True)]
    rows: list[list[Cell]] = [
        [previous_period, "", money(previous, currency)],
        *_steps(explanation, current, previous, currency),
        [period, total_change, money(current, currency)],
    ]
    return card(
        [
            *head,
            heading("No change in total" if unchanged else f"Why costs changed: {total_change}"),
            note(window_line(figures.window, previous, currency)),
            note(days_line(figures.window, figures.through, currency, report.metric)),
            *[text(words) for words in reasons(explanation, currency)],
            *[text(move_words(move, currency)) for move in figures.moves[-MAX_MOVES:]],
            table(columns, rows, bold_last=True),
        ],
        actions,
    )


def _steps(
    explanation: Explanation, current: Decimal, previous: Decimal, currency: str
) -> list[list[Cell]]:
    """A row for each large change and one for all others, each with the running total."""
    lines = [line for line in explanation.lines if moved(line.current, line.previous)]
    shown = lines[:MAX_LINES]
    running = previous
    rows: list[list[Cell]] = []
    for line in shown:
        step = moved(line.current, line.previous)
        running += step
        rows.append([_name(line), change(step, currency), money(running, currency)])
    rest = remainder((current, previous), ((line.current, line.previous) for line in shown))
    others = len(lines) - len(shown)
    if others or rest[0] != rest[1]:
        row = change_row("", *rest, currency)
        rows.append(
            [plural(others, "other") if others else ROUNDING, row.change, money(current, currency)]
        )
    return rows


def _name(line: ChangeLine) -> Cell:
    """The line by its name, with the code that the source has for it where that is another one."""
    name = plain(line_name(line), 60)
    code = "" if line.one_off or plain(line.name, 60) == name else plain(line.name, 60)
    return name, " · ".join(words for words in (code, _mark(line)) if words)


def _mark(line: ChangeLine) -> str:
    """Whether there are costs only now or only before; credits and the like begin and end."""
    if cents(line.previous) == 0:
        return "new"
    if cents(line.current) == 0:
        return "ended" if line.one_off else "no cost now"
    return ""
