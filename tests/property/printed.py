"""What people read: emails, cards and CSV as texts and tables, and the numbers in them.

Nothing here is the product's: a mistake in its formatting must not be undone by the same mistake.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from typing import Any

MONEY = r"[+−]?(?:\$|[A-Z]{3} )[\d,]+(?:\.\d\d)?"
PERCENT = r"[+−±]?[\d,]+\.\d%|under 0\.1%"
DAY = r"\d{1,2} [A-Z][a-z]{2}"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def amount(text: str) -> Decimal:
    """Read a printed amount: ``+$1,234.56``, ``−$12``, ``no change``."""
    if text == "no change":
        return Decimal(0)
    if not re.fullmatch(MONEY, text):
        raise ValueError(f"not an amount: {text!r}")
    number = Decimal(re.sub(r"[^\d.]", "", text))
    return -number if text.startswith("−") else number


def is_printed_as(text: str, exact: Decimal) -> bool:
    """Whether a printed amount is this one: to the cent, or whole from 100 on."""
    step = CENT if "." in text else Decimal(1)
    is_whole_allowed = "." in text or abs(exact) >= 100
    return is_whole_allowed and amount(text) == exact.quantize(step, ROUND_HALF_UP) + 0


def money(exact: Decimal) -> str:
    sign = "−" if cents(exact) < 0 else ""
    return f"{sign}${abs(cents(exact)):,.2f}"


def percent_text(current: Decimal, previous: Decimal) -> str:
    """Format the change between two printed amounts: ``+23.8%``; empty where there is none."""
    if previous == 0:
        return "new spend" if current > 0 else ""
    exact = (current - previous) / abs(previous) * 100
    rounded = exact.quantize(Decimal("0.1"), ROUND_HALF_UP)
    if rounded == 0:
        return "under 0.1%" if exact else "±0.0%"
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):,.1f}%"


def day_text(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def range_text(first: date, last: date, *, year: bool = False) -> str:
    """Format days: ``1–20 Nov``, ``28 Oct–3 Nov``, ``28 Dec 2025–3 Jan 2026``."""
    if first.year != last.year:
        return f"{day_text(first)} {first.year}–{day_text(last)} {last.year}"
    text = f"{day_text(first)}–{day_text(last)}"
    if first == last:
        text = day_text(first)
    elif first.month == last.month:
        text = f"{first.day}–{day_text(last)}"
    return f"{text} {first.year}" if year else text


@dataclass
class Page:
    """An email or a card: its paragraphs, in order, and its tables' rows of cells."""

    paragraphs: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    """A cell's lines are separated by line feeds; rows of empty cells are left out."""

    @property
    def texts(self) -> list[str]:
        return [*self.paragraphs, *(cell for row in self.rows for cell in row)]


class _EmailReader(HTMLParser):
    """Collects paragraphs and rows; tables that only draw something have no words."""

    PARAGRAPHS = ("p", "h1", "h2")

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.hidden = ""
        self._rows: list[list[str]] = []
        self._cells: list[list[str]] = []
        self._paragraph: list[str] | None = None
        self._skipped = 0
        self._divs: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = dict(attrs).get("style") or ""
        if tag in ("head", "title", "style"):
            self._skipped += 1
        elif tag == "div":
            self._divs.append("display:none" in style)
        elif tag in self.PARAGRAPHS:
            self._paragraph = []
        elif tag == "br":
            self._add("\n")
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cells.append([])

    def handle_endtag(self, tag: str) -> None:
        if tag in ("head", "title", "style"):
            self._skipped -= 1
        elif tag == "div":
            self._divs.pop()
        elif tag in self.PARAGRAPHS and self._paragraph is not None:
            self._say(self._paragraph)
            self._paragraph = None
        elif tag in ("td", "th"):
            text = _clean("".join(self._cells.pop()))
            self._rows[-1].append(text)
        elif tag == "tr" and any(row := self._rows.pop()):
            self._keep(row)

    def handle_data(self, data: str) -> None:
        if self._divs and self._divs[-1]:
            self.hidden += data
        elif not self._skipped:
            self._add(data)

    def _add(self, data: str) -> None:
        if self._paragraph is not None:
            self._paragraph.append(data)
        elif self._cells:
            self._cells[-1].append(data)

    def _say(self, parts: list[str]) -> None:
        if text := _clean("".join(parts)):
            self.page.paragraphs.append(text)

    def _keep(self, row: list[str]) -> None:
        if len(row) == 1:  # not a table, but where a text lies
            self.page.paragraphs.append(row[0])
        elif not row[0] and self.page.rows and len(self.page.rows[-1]) == 1:
            self.page.rows[-1] += row[1:]  # the name stands in a row of its own
        else:
            self.page.rows.append(row)


def _clean(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.replace("\u200e", "").split("\n"))
    return "\n".join(line for line in lines if line)


def email_page(html: str) -> Page:
    """Read an email's HTML."""
    reader = _EmailReader()
    reader.feed(html)
    return reader.page


def hidden_text(html: str) -> str:
    """What the list of emails shows beside the subject."""
    reader = _EmailReader()
    reader.feed(html)
    return _clean(reader.hidden)


def card_page(card: Any) -> Page:
    """Read a card's elements."""
    page = Page()
    for element in _elements(card.get("body", [])):
        if element["type"] == "Table":
            page.rows += [
                ["\n".join(_texts(cell["items"])) for cell in row["cells"]]
                for row in element["rows"]
            ]
        else:
            page.paragraphs += _texts([element])
    return page


def _elements(items: Any) -> Iterator[dict[str, Any]]:
    for item in items:
        if item["type"] == "Container":
            yield from _elements(item["items"])
        else:
            yield item


def _texts(items: Any) -> list[str]:
    texts = []
    for item in items:
        if item["type"] == "TextBlock":
            texts.append(item["text"])
        elif item["type"] == "RichTextBlock":
            texts.append("".join(run["text"] for run in item["inlines"]).replace("\n", ""))
    return [_clean(text.replace("\u00a0", " ")) for text in texts]


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Read a CSV as a spreadsheet does."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def flat(text: str) -> str:
    """One line, in lower case, to find a sentence in a wrapped text."""
    return " ".join(text.replace("\u200e", "").split()).casefold()
