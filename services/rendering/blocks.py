"""Blocks that both mails share, as texts ready to print.

Printed columns add up to printed totals: every row is rounded to the cent first, and the rows
that are left out are what remains of the rounded total.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.analysis.drivers import excess_lines
from services.model import (
    AccountFigures,
    Anomaly,
    Category,
    CategoryAmounts,
    ChangeLine,
    Explanation,
    Forecast,
    Restatement,
    ServiceChange,
    SharedMove,
    TrackRecord,
    WeekFigures,
    WindowDays,
)
from services.wording import (
    NO_CHANGE,
    bare_percent,
    cents,
    change,
    day,
    day_range,
    listed,
    money,
    moved,
    neutral,
    one_decimal,
    percent,
    percent_moved,
    percent_of,
    plural,
    round_money,
    threshold,
)

CATEGORY_NAMES = {
    Category.CREDIT: "credits",
    Category.REFUND: "refunds",
    Category.TAX: "tax",
    Category.FEE: "fees",
}


LEAST_ONE_OFF = Decimal("0.05")
"""Credits, refunds, tax and fees that make up less of all movement are no reason of a change."""
MOST_DRIVERS = 3
LEAST_DRIVER = 5
"""Percent of an excess below which a service is not named."""
ALONE = 95
"""Percent from which on a service is all of an excess."""
LEAST_HIDDEN = Decimal("0.01")
"""Ups and downs that cancel less of the total are no news."""
ROUNDING = "Rounding"
"""The row of what is left of a total when every row is shown: a few cents at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table of changes."""

    name: str
    change: str
    percent: str
    current: str
    previous: str
    note: str = ""


def change_row(
    name: str, current: Decimal, previous: Decimal, currency: str, note: str = ""
) -> Row:
    """A row from two amounts; the printed change is the difference of the printed amounts."""
    current, previous = cents(current), cents(previous)
    return Row(
        name=name,
        change=change(current - previous, currency),
        percent=percent_of(current, previous) if current != previous and name != ROUNDING else "",
        current=money(current, currency),
        previous=money(previous, currency),
        note=note,
    )


def service_rows(
    services: Sequence[ServiceChange],
    total: tuple[Decimal, Decimal],
    currency: str,
    most: int,
) -> list[Row]:
    """The largest changes, and what is left of the total as "N other services"."""
    shown = services[:most]
    rows = [change_row(neutral(s.name, 60), s.current, s.previous, currency) for s in shown]
    rest = remainder(total, ((s.current, s.previous) for s in shown))
    left = len(services) - len(shown)
    if left or any(rest):
        name = plural(left, "other service") if left else ROUNDING
        rows.append(change_row(name, *rest, currency))
    return rows


def remainder(
    total: tuple[Decimal, Decimal], shown: Iterable[tuple[Decimal, Decimal]]
) -> tuple[Decimal, Decimal]:
    """What the rounded total holds beyond the rounded rows."""
    current, previous = cents(total[0]), cents(total[1])
    for now, before in shown:
        current -= cents(now)
        previous -= cents(before)
    return current, previous


def category_line(
    categories: Sequence[CategoryAmounts], total: Decimal, currency: str
) -> str | None:
    """``Usage $18,612.36 − credits $350.00 + tax $150.00``; None when all is usage."""
    others = [
        (CATEGORY_NAMES[one.category], cents(one.current))
        for one in categories
        if one.category is not Category.USAGE and cents(one.current)
    ]
    if not others:
        return None
    usage = cents(total) - sum((amount for _, amount in others), Decimal(0))
    parts = [f"Usage {money(usage, currency)}"]
    for name, amount in others:
        sign = "−" if amount < 0 else "+"
        parts.append(f"{sign} {name} {money(abs(amount), currency)}")
    return " ".join(parts)


def crossing(figures: AccountFigures, whose: str = "your") -> str:
    """``Usage up 23.5%, above your 20% threshold``; empty when no threshold was crossed."""
    if figures.breach is None:
        return ""
    limit = f"{whose} {threshold(figures.threshold)} threshold"
    share = percent_moved(figures.usage_current, figures.usage_previous)
    if share is None:
        return f"Usage is all new spend, above {limit}"
    if one_decimal(share) <= Decimal(repr(figures.threshold)):
        return f"Usage up by just over {limit}"
    return f"Usage up {bare_percent(share)}, above {limit}"


def week_line(week: WeekFigures, currency: str) -> str:
    """``Last 7 days: $7,860.16 vs $5,390.18 (+45.8%)``."""
    same = moved(week.current, week.previous) == 0
    share = NO_CHANGE if same else percent_of(week.current, week.previous)
    return (
        f"Last 7 days: {money(week.current, currency)} vs {money(week.previous, currency)}"
        f"{f' ({share})' if share else ''}"
    )


def window_line(window: WindowDays, previous_total: Decimal, currency: str) -> str:
    """``1–20 Nov 2026 vs 1–20 Oct 2026 ($14,873.20)``."""
    current, previous = window.current, window.previous
    before = money(previous_total, currency)
    if window.closed_months:
        same_year = current.first.year == previous.first.year
        now = f"{current.first:%B}" if same_year else f"{current.first:%B %Y}"
        return f"{now} vs {previous.first:%B %Y} ({before})"
    return (
        f"{day_range(current.first, current.last, year=True)} vs "
        f"{day_range(previous.first, previous.last, year=True)} ({before})"
    )


def days_line(window: WindowDays, data_through: date, currency: str) -> str:
    """``20 complete days each · data through 20 Nov (UTC) · USD, net``."""
    current = (window.current.last - window.current.first).days + 1
    previous = (window.previous.last - window.previous.first).days + 1
    days = (
        f"{current} and {previous} days"
        if window.closed_months
        else f"{plural(current, 'complete day')} each"
    )
    return f"{days} · data through {day(data_through)} (UTC) · {currency}, net"


def period_names(window: WindowDays) -> tuple[str, str]:
    """Short names of both parts: ``1–20 Nov`` and ``1–20 Oct``, or ``October``, ``September``."""
    if window.closed_months:
        return f"{window.current.first:%B}", f"{window.previous.first:%B}"
    return (
        day_range(window.current.first, window.current.last),
        day_range(window.previous.first, window.previous.last),
    )


def drivers(services: Sequence[ServiceChange], *, up: bool) -> str:
    """``EC2 and new Bedrock``: the one or two services that moved most in a direction."""
    found = [s for s in services if (s.change > 0) == up and s.change != 0]
    if not found:
        return ""
    first = abs(found[0].change)
    named = [s for s in found[:2] if abs(s.change) * 4 >= first]
    return listed(
        [f"new {neutral(s.name, 30)}" if s.previous == 0 else neutral(s.name, 30) for s in named]
    )


def line_name(line: ChangeLine) -> str:
    """The service, or what kind of charge it is: ``Credits``."""
    return CATEGORY_NAMES[line.category].capitalize() if line.one_off else line.name


def masked_words(why: Explanation, currency: str) -> str:
    """That ups and downs cancel; empty where they hide nothing that is worth a word."""
    if not cents(why.hidden) or why.hidden < LEAST_HIDDEN * max(abs(why.previous), why.current):
        return ""
    ups, downs = money(cents(why.up), currency), money(cents(why.down), currency)
    return f"More moved than the total shows: up {ups} and down {downs}."


def reasons(why: Explanation, currency: str) -> list[str]:
    """What a change is made of, in at most three sentences; the largest line first."""
    up = why.change > 0
    first = next((line for line in why.lines if line.change and (line.change > 0) == up), None)
    found = []
    share, masked = why.explains(), masked_words(why, currency)
    if first is not None and share is not None and not first.one_off and cents(why.change):
        whole = f"explains {share}% of the {'increase' if up else 'decrease'}"
        part = f"is {share}% of what went {'up' if up else 'down'}"
        found.append(f"{neutral(first.name, 60)} {part if masked else whole}.")
    if abs(why.one_off_change) >= LEAST_ONE_OFF * (why.up + why.down) > 0:
        usage = change(cents(why.change) - cents(why.one_off_change), currency)
        others = change(cents(why.one_off_change), currency)
        found.append(f"Usage {usage}; credits, refunds, tax and fees {others}.")
    return [*found, masked] if masked else found


def driver_words(anomaly: Anomaly) -> str:
    """``EC2 91%, S3 9%``: the services behind an excess; empty where one is all of it."""
    lines = [
        line
        for line in excess_lines(anomaly.excess, anomaly.shares, MOST_DRIVERS)
        if line.service and line.percent >= LEAST_DRIVER
    ]
    if len(lines) == 1 and lines[0].percent >= ALONE and lines[0].service == anomaly.service:
        return ""
    return ", ".join(f"{neutral(line.service, 60)} {line.percent}%" for line in lines)


def shared_words(move: SharedMove, currency: str) -> str:
    """``EC2 rose in 12 of the 84 accounts that use it, $3,200 together: often a price``."""
    way = "rose" if move.up else "fell"
    together = round_money(abs(move.change), currency)
    return (
        f"{neutral(move.service, 60)} {way} in {move.accounts:,} of the {move.using:,} accounts "
        f"that use it, {together} together: often a price."
    )


def month_end_line(forecast: Forecast | None, record: TrackRecord | None, currency: str) -> str:
    """Where the month probably ends, and how such forecasts came out; empty without one."""
    if forecast is None:
        return ""
    amount, low, high = (
        round_money(one, currency) for one in (forecast.amount, forecast.low, forecast.high)
    )
    said = f"Month end: probably {amount} (80% range {low} to {high})"
    known = record_line(record) if record else ""
    return f"{said}. {known}." if known else said


def record_line(record: TrackRecord) -> str:
    """``On this day of the last 6 months: within 3.1% (median), 5 of 6 inside the range``.

    Empty without a closed month to judge by.
    """
    error = record.typical_error_percent
    if error is None:
        return ""
    months = len(record.months)
    of = plural(months, "month") if months > 1 else "month"
    return (
        f"On this day of the last {of}: off by {one_decimal(error)}%"
        f"{' (median)' if months > 1 else ''}, {record.inside} of {months} inside the range"
    )


def restated_words(restatement: Restatement, currency: str) -> str:
    """``September is now $41,230.10; on 3 Oct we reported $39,800.00 (+3.6%)``."""
    return (
        f"{restatement.label} is now {money(restatement.now, currency)}; on "
        f"{day(restatement.reported_on)} we reported {money(restatement.reported, currency)} "
        f"({percent(restatement.percent)})."
    )


def late_notice(data_through: date, expected: date) -> str | None:
    """What a report says when data is late."""
    if data_through >= expected:
        return None
    return (
        f"Data is late: complete through {day(data_through)}, normally {day(expected)}. "
        "Comparisons stop there."
    )


def headline(text: str, longest: int = 90) -> str:
    """A headline, cut at its limit."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


SAMPLE_NOTICE = "SAMPLE DATA. These are not your costs."
