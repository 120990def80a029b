"""Days and periods as people write them: days, spans of days, ISO weeks and calendar months."""

import re
from datetime import date, datetime, timedelta

from services.domain import Month
from services.domain.errors import InvalidError
from services.domain.schedule import month_of, period_label

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
MONTH_ABBREVIATION = 3
"""Letters: ``oct`` is October."""
WEEK = re.compile(r"(?:(?P<year>\d{4})[- ]?)?(?:w|week )(?P<week>\d{1,2})", re.ASCII)
NAMED = re.compile(r"(?P<name>[a-z]{3,9})\.?(?: (?P<year>\d{4}))?", re.ASCII)
DAY_FORMATS = ("%d %b", "%d %B", "%b %d", "%B %d")
HALF_A_YEAR = timedelta(days=183)
MAX_QUOTED = 40
WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]* ", re.IGNORECASE)
ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)
BETWEEN_DAYS = re.compile(
    r"\s+(?:to|until|till|through)\s+|\s*[–—]\s*|\s+-\s+|(?<=\d)-(?=\d{1,2} [a-z]{3})|(?<=[a-z] \d)-(?=\d)"
    r"|(?<=[a-z] \d\d)-(?=\d)",
    re.IGNORECASE,
)
"""Between the days of a span. A hyphen without spaces only where it cannot be one of ``2026-12-03``."""
DAY_NUMBER = re.compile(r"\d{1,2}", re.ASCII)
USAGE = "an ISO week such as 2026-W47, W47 or last week, or a month such as 2026-10, October or last month"


def parse_period(text: str, today: date) -> str | None:
    """The week (``2026-W47``) or month (``2026-10``) that a text means; None if it means neither.

    A week or month without a year is the last one that has begun.
    """
    text = text.strip().casefold()
    this_month = Month.of(today)
    fixed = {
        "this week": period_label(today),
        "last week": period_label(today - timedelta(days=7)),
        "month": str(this_month),
        "this month": str(this_month),
        "last month": str(this_month.before),
    }
    return fixed.get(text) or _week(text, today) or _month(text, this_month)


def _week(text: str, today: date) -> str | None:
    match = WEEK.fullmatch(text)
    if match is None:
        return None
    if match["year"]:
        return f"{match['year']}-W{int(match['week']):02d}"
    this = today.isocalendar()
    year = this.year if int(match["week"]) <= this.week else this.year - 1
    return f"{year}-W{int(match['week']):02d}"


def _month(text: str, this: Month) -> str | None:
    if month_of(text) is not None:
        return text
    match = NAMED.fullmatch(text)
    if match is None:
        return None
    number = next((n for n, name in enumerate(MONTHS, 1) if _is_name_of(match["name"], name)), 0)
    if not number:
        return None
    year = int(match["year"] or (this.year if number <= this.number else this.year - 1))
    return f"{year:04d}-{number:02d}"


def _is_name_of(word: str, name: str) -> bool:
    return word == name or word == name[:MONTH_ABBREVIATION] or (word, name) == ("sept", MONTHS[8])


def split_days(text: str) -> tuple[str, str] | None:
    """The first and the last day of a span, as they are written; None if the text is not two days.

    ``3 Dec to 10 Dec``, ``3 Dec – 10 Dec``, ``2026-12-03 - 2026-12-10``, and as the agent prints it
    ``3–10 Dec 2026``.
    """
    days = BETWEEN_DAYS.split(text.strip())
    if len(days) != 2 or not all(days):  # noqa: PLR2004 - the first and the last
        return None
    first, last = days
    if DAY_NUMBER.fullmatch(first):
        return f"{first} {last.partition(' ')[2]}", last
    if DAY_NUMBER.fullmatch(last):
        return first, f"{first.partition(' ')[0]} {last}"
    return first, last


def parse_day(text: str, now: datetime) -> date:
    """``2026-11-03``, ``3 Nov 2026``, or the ``3 Nov`` that is nearest to now. Raises InvalidError."""
    words = " ".join(text.replace(",", " ").split())
    words = ORDINAL.sub("", WEEKDAY.sub("", words, count=1))
    for day_format in DAY_FORMATS:
        for dated in (words, f"{words} {now.year}"):
            try:
                day = datetime.strptime(dated, f"{day_format} %Y").date()  # noqa: DTZ007 - a day
            except ValueError:
                continue
            return day if dated == words else _nearest(day, now.date())
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise InvalidError(
            f"“{text.strip()[:MAX_QUOTED]}” is not a day. Give one such as 2026-11-03 or 3 Nov."
        ) from None


def _nearest(day: date, today: date) -> date:
    if day - today > HALF_A_YEAR:
        return _in_year(day, day.year - 1)
    if today - day > HALF_A_YEAR:
        return _in_year(day, day.year + 1)
    return day


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)
