"""Formats numbers, days and names for people: in emails, in cards and on the command line.

The minus sign is U+2212 and ranges use an en dash, except in ``plain_money``, which is for machines.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

from services.domain import cents as cents  # noqa: PLC0414 - text and analysis round alike
from services.domain import moved as moved  # noqa: PLC0414 - as cents
from services.domain import percent_moved as percent_moved  # noqa: PLC0414 - as cents

MINUS = "−"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
MIN_WHOLE = 100
"""Amounts from here on are rounded to whole units in sentences."""
SPARK_LEVELS = "▁▂▃▄▅▆▇█"
LRM = "\u200e"
"""LEFT-TO-RIGHT MARK, without width."""
RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Letters of Hebrew, Arabic and other scripts that are written from right to left."""
RTL_RUN = re.compile(
    f"([{RIGHT_TO_LEFT}](?:[^{RIGHT_TO_LEFT}0-9A-Za-z<>&;\n]*[{RIGHT_TO_LEFT}])*){LRM}?"
)
"""Words written from right to left, with what is between them."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets treat as the start of a formula (OWASP, CSV injection), also in full width."""
THREE_DECIMALS = re.compile(r"\.\d{3}$")
NEW_SPEND = "new spend"
NO_CHANGE = "no change"
UNDER_ONE_TENTH = "under 0.1%"


def money(amount: Decimal, currency: str) -> str:
    """Format an amount with cents, as in tables and totals: ``$1,234.56``, ``−CHF 12.00``."""
    return _signed(cents(amount), currency, ",.2f")


def round_money(amount: Decimal, currency: str) -> str:
    """Format an amount for sentences and subjects, without cents from 100 up: ``$2,263``."""
    # Of the printed cents: $12,729.4999 is $12,729.50 in tables, which readers round to $12,730.
    printed = cents(amount)
    if abs(printed) < MIN_WHOLE:
        return money(printed, currency)
    return _signed(printed.quantize(Decimal(1), ROUND_HALF_UP), currency, ",.0f")


def change(amount: Decimal, currency: str) -> str:
    """Format a difference: ``+$12.00``, ``−$12.00`` or "no change"."""
    rounded = cents(amount)
    if rounded == 0:
        return NO_CHANGE
    return money(rounded, currency) if rounded < 0 else f"+{money(rounded, currency)}"


def _signed(amount: Decimal, currency: str, form: str) -> str:
    sign = MINUS if amount < 0 else ""
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{sign}{symbol}{abs(amount):{form}}"


def plain_money(amount: Decimal) -> str:
    """Format an amount for JSON and CSV: two places, an ASCII minus, no separators."""
    return f"{cents(amount):.2f}"


def percent(value: Decimal | None) -> str:
    """Format a change: ``+23.8%``; "new spend" for None, "under 0.1%" for a change that rounds to zero."""
    if value is None:
        return NEW_SPEND
    rounded = one_decimal(value)
    if rounded == 0:
        return UNDER_ONE_TENTH if value else "±0.0%"
    return f"{MINUS if rounded < 0 else '+'}{abs(rounded):,.1f}%"


def bare_percent(value: Decimal) -> str:
    """Format a percentage without its sign, as in "up 23.8%"."""
    if value and one_decimal(value) == 0:
        return UNDER_ONE_TENTH
    return f"{abs(one_decimal(value)):,.1f}%"


def one_decimal(value: Decimal) -> Decimal:
    """Round half up to one decimal; never returns a negative zero."""
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP) + 0


def percent_of(current: Decimal, previous: Decimal, *, is_new: bool = True) -> str:
    """Format that change; empty where a percentage makes no sense (from zero to a negative).

    ``is_new``: whether a change from zero is new spend; it is not where credits covered usage.
    """
    change_percent = percent_moved(current, previous)
    if change_percent is None and (not is_new or moved(current, previous) <= 0):
        return "" if moved(current, previous) else percent(Decimal(0))
    return percent(change_percent)


def change_line(current: Decimal, previous: Decimal, currency: str, *, is_new: bool = True) -> str:
    """Format a change: ``▲ +$3,539.16 (+23.8%)``; "no change" if the rounded amounts are equal.

    ``is_new``: see ``percent_of``.
    """
    difference = moved(current, previous)
    if difference == 0:
        return NO_CHANGE
    arrow = "▲" if difference > 0 else "▼"
    share = percent_of(current, previous, is_new=is_new)
    return f"{arrow} {change(difference, currency)}{f' ({share})' if share else ''}"


def threshold(value: float) -> str:
    """Format a threshold: ``20%``, ``12.5%``, ``1,000%``."""
    return f"{plain_number(value)}%"


def set_money(value: float, currency: str) -> str:
    """Format an amount from the settings, which store floats: ``$25.00``."""
    # repr gives the digits that were typed; Decimal(0.1) would give those of the binary fraction.
    return money(Decimal(repr(value)), currency)


def set_amount(amount: Decimal, currency: str) -> str:
    """Format an amount that somebody has set, without cents if it has none: ``$60``, ``$1.20``."""
    is_whole = amount == amount.to_integral_value()
    return _signed(amount, currency, ",.0f" if is_whole else ",.2f")


def exact_number(value: float) -> str:
    """Format a number with all its digits, for forms and files: ``20``, ``12.5``, ``12.3450``.

    Three decimals get a trailing zero: they would be read back as thousands (``parse_percent``).
    """
    text = f"{Decimal(repr(value)).normalize():f}"
    return f"{text}0" if THREE_DECIMALS.search(text) else text


def plain_number(value: float) -> str:
    """Format a number that somebody has set, without trailing zeros: ``20``, ``12.5``, ``1,000``."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def day(value: date) -> str:
    """Format a day without its year: ``20 Nov``."""
    return f"{value.day} {value:%b}"


def weekday(value: date) -> str:
    """Format a day with its weekday: ``Tue 17 Nov``."""
    return f"{value:%a} {day(value)}"


def clock_time(at: datetime) -> str:
    """Format an instant: ``23 Nov 14:02 UTC``."""
    utc = at.astimezone(UTC)
    return f"{day(utc.date())} {utc:%H:%M} UTC"


def exact_time(at: datetime) -> str:
    """Format an instant to the second: ``23 Nov 14:02:07 UTC``."""
    utc = at.astimezone(UTC)
    return f"{day(utc.date())} {utc:%H:%M:%S} UTC"


def day_range(first: date, last: date, *, year: bool = False) -> str:
    """Format a span of days: ``1–20 Nov``, ``28 Oct–3 Nov``; with ``year`` ``1–20 Nov 2026``."""
    if first == last:
        text = day(first)
    elif (first.year, first.month) == (last.year, last.month):
        text = f"{first.day}–{day(last)}"
    elif first.year == last.year:
        text = f"{day(first)}–{day(last)}"
    else:
        text = f"{day(first)} {first.year}–{day(last)}"
        return f"{text} {last.year}"
    return f"{text} {last.year}" if year else text


def plural(number: int, noun: str, plural_noun: str | None = None) -> str:
    """Format a count: ``1 email``, ``2 emails``."""
    return f"{number:,} {noun if number == 1 else plural_noun or noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Join names: ``a``, ``a and b``, ``a, b and c``."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sparkline(amounts: Sequence[Decimal | None]) -> str:
    """Draw amounts as bars of text, for plain-text emails; a dot means no data."""
    top = max([*(amount for amount in amounts if amount is not None), Decimal(0)])
    bars = []
    for amount in amounts:
        if amount is None:
            bars.append("·")
        elif top <= 0 or amount <= 0:
            bars.append(SPARK_LEVELS[0])
        else:
            level = min(int(amount / top * len(SPARK_LEVELS)), len(SPARK_LEVELS) - 1)
            bars.append(SPARK_LEVELS[level])
    return "".join(bars)


def neutral(text: str, max_length: int = 200) -> str:
    """Make untrusted text one visible line, without invisible and bidi characters, truncated."""
    visible = text if text.isprintable() else "".join(map(_visible, text))
    line = " ".join(visible.split())
    return line if len(line) <= max_length else f"{line[: max_length - 1].rstrip()}…"


def keep_order(text: str) -> str:
    """Add a mark after right-to-left names, so that the amount behind a name stays there.

    Without it the bidirectional algorithm (Unicode UAX 9) draws ``EC2 66%, <name> 22%`` as
    ``EC2 66%, 22 <name>%``.
    """
    return text if text.isascii() else RTL_RUN.sub(rf"\g<1>{LRM}", text)


def _visible(c: str) -> str:
    kind = unicodedata.category(c)
    if kind in {"Cf", "Cs"}:  # bidi and zero-width marks, tags, lone surrogates
        return ""
    return " " if kind in {"Cc", "Zl", "Zp"} else c


def safe_cell(text: str) -> str:
    """Make untrusted text a CSV cell that no spreadsheet treats as a formula.

    Text that looks as if it were quoted already is quoted once more, so that ``from_safe_cell``
    restores every text exactly.
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def from_safe_cell(cell: str) -> str:
    """Restore the text of a cell that ``safe_cell`` made."""
    quoted = cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS)
    return cell[1:] if quoted else cell
