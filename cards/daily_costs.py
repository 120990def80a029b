"""Daily costs as a chart, and the same numbers as text for clients that draw no charts."""

from collections.abc import Sequence

from cards.elements import Element, line_chart, note
from services.domain import DayAmount, WeekFigures
from services.domain.formatting import day_range, money, sparkline, weekday

DAYS_PER_LINE = 7


def week_chart(week: WeekFigures, currency: str, what: str = "Cost") -> list[Element]:
    """The last two weeks, day by day; ``what``: says whose cost it is where that is not clear."""
    days = (*week.days_before, *week.days)
    title = f"{what} per day, {day_range(days[0].day, days[-1].day)}"
    return [
        cost_chart(title, [("Cost", days)], currency),
        *(note(line) for line in daily_amounts(days, currency)),
    ]


def cost_chart(
    title: str, series: Sequence[tuple[str, Sequence[DayAmount]]], currency: str
) -> Element:
    """A line for each (legend, days).

    A day without data has no point, as a zero would look like a day without costs.
    """
    points = [
        (
            name,
            [(d.day.isoformat(), float(d.amount)) for d in days if d.amount is not None],
        )
        for name, days in series
    ]
    spark = sparkline([d.amount for d in series[0][1]])
    return line_chart(title, points, f"{title}: {spark}", f"{currency} a day")


def daily_amounts(days: Sequence[DayAmount], currency: str) -> list[str]:
    """``Sat 14 Nov $1,290.40 · Sun 15 $1,301.22 · …``, a line for each week from the first day on."""
    lines = []
    for begin in range(0, len(days), DAYS_PER_LINE):
        week = days[begin : begin + DAYS_PER_LINE]
        lines.append(" · ".join(_day_words(d, currency, is_first=d is week[0]) for d in week))
    return lines


def _day_words(amount: DayAmount, currency: str, *, is_first: bool) -> str:
    """A day and its amount, with the month where it begins and at the start of a line."""
    has_month = is_first or amount.day.day == 1
    label = weekday(amount.day) if has_month else f"{amount.day:%a} {amount.day.day}"
    words = "no data" if amount.amount is None else money(amount.amount, currency)
    return f"{label} {words}"
