"""Daily costs on cards: a chart, and the same numbers as words for whoever does not see it."""

from collections.abc import Sequence

from cards.elements import Element, line_chart, note
from services.model import DayAmount, WeekFigures
from services.wording import day_range, money, sparkline

WEEK = 7


def week_chart(week: WeekFigures, currency: str) -> list[Element]:
    """The last two weeks, day by day."""
    days = (*week.days_before, *week.days)
    title = f"Cost per day, {day_range(days[0].day, days[-1].day)}"
    return [
        chart(title, [("Cost", days)]),
        *(note(words) for words in day_words(days, currency)),
    ]


def chart(title: str, series: Sequence[tuple[str, Sequence[DayAmount]]]) -> Element:
    """Lines over days; a day without data is left out, so that it does not look like nothing."""
    points = [
        (
            name,
            [(one.day.isoformat(), float(one.amount)) for one in days if one.amount is not None],
        )
        for name, days in series
    ]
    spark = sparkline([one.amount for one in series[0][1]])
    return line_chart(title, points, f"{title}: {spark}")


def day_words(days: Sequence[DayAmount], currency: str) -> list[str]:
    """``14–20 Nov: $1,290.40, $1,301.22, …``, a line for each week from the first day on."""
    found = []
    for begin in range(0, len(days), WEEK):
        week = days[begin : begin + WEEK]
        amounts = [
            money(one.amount, currency) if one.amount is not None else "no data" for one in week
        ]
        found.append(f"{day_range(week[0].day, week[-1].day)}: {', '.join(amounts)}")
    return found
