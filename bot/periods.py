"""Periods as people write them: ISO weeks and calendar months."""

import re
from datetime import date, timedelta

from services.domain import Month
from services.domain.schedule import month_of, period_label

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
MONTH_ABBREVIATION = 3
"""Letters: ``oct`` is October."""
WEEK = re.compile(r"(?:(?P<year>\d{4})[- ]?)?(?:w|week )(?P<week>\d{1,2})", re.ASCII)
NAMED = re.compile(r"(?P<name>[a-z]{3,9})\.?(?: (?P<year>\d{4}))?", re.ASCII)
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
