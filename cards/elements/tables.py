"""Tables whose amounts stay on one line on a phone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cards.elements.texts import (
    Element,
    break_long_words,
    display_text,
    has_markup,
    note,
    text,
    words_of,
)

Cell = str | Sequence[str | Element]
"""A text with small ones below it, or elements."""
Column = tuple[str, int, bool]
"""Heading, share of the width, and whether it is right-aligned."""

MAX_COLUMNS = 3
"""Phones do not scroll sideways."""
ROW_CHARACTERS = 42
"""What the columns share on a phone of 375 pixels, where a digit is 7.8 pixels wide in Arial."""
MIN_NAME_CHARACTERS = 8
"""What a column of names keeps beside large amounts."""
SMALL = 6 / 7
"""How wide a small line (12 pixels) is compared with others (14 pixels)."""
DIGIT = re.compile(r"\d")
UNBREAKABLE_FACT = re.compile(r"\S{31,}")
"""A word that a fact set, which breaks none, cannot hold on a phone."""


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, bold_last: bool = False
) -> Element:
    """A table of at most three columns.

    The headings are small, and the last row stands out if it is a total (``bold_last``).
    """
    if len(columns) > MAX_COLUMNS:
        raise ValueError("a card's table has at most three columns")
    headings = [(text(name, isSubtle=True, size="Small"),) for name, _, _ in columns]
    widths = column_widths(columns, [[_lines(cell) for cell in row] for row in rows])
    aligned = [(width, right) for width, (_, _, right) in zip(widths, columns, strict=True)]
    return _draw(aligned, [headings, *rows], headers=True, bold_last=bold_last)


def column_widths(columns: Sequence[Column], rows: Sequence[Sequence[Sequence[str]]]) -> list[int]:
    """Each column's width in characters.

    A right-aligned column gets its share, or as much as its longest amount needs; names share the
    rest. ``rows`` contains the lines of every cell; all but the first line are small.
    """
    total = sum(share for _, share, _ in columns)
    amounts = {
        i: max([share * ROW_CHARACTERS // total, *(_amount_length(row[i]) for row in rows)])
        for i, (_, share, right) in enumerate(columns)
        if right
    }
    names = sum(share for _, share, right in columns if not right)
    rest = ROW_CHARACTERS - sum(amounts.values())
    return [
        amounts.get(i, max(rest * share // (names or 1), MIN_NAME_CHARACTERS))
        for i, (_, share, _) in enumerate(columns)
    ]


def _amount_length(lines: Sequence[str]) -> int:
    """Characters of a cell's longest amount; words may continue on the next line."""
    sizes = (1, *[SMALL] * (len(lines) - 1))
    return max(
        (
            round(len(line) * size)
            for line, size in zip(lines, sizes, strict=True)
            if DIGIT.search(line)
        ),
        default=0,
    )


def _lines(cell: Cell) -> list[str]:
    lines = (cell,) if isinstance(cell, str) else cell
    return [line if isinstance(line, str) else words_of(line) for line in lines]


def facts(pairs: Iterable[tuple[str, str]]) -> Element:
    """Titles and values below each other; a table where a fact set would not show them whole."""
    shown = list(pairs)
    if any(
        has_markup(words) or UNBREAKABLE_FACT.search(words) for pair in shown for words in pair
    ):
        title_width = min(max(len(title) for title, _ in shown) + 1, ROW_CHARACTERS // 2)
        return _draw(
            ((title_width, False), (ROW_CHARACTERS - title_width, False)),
            [[(text(title, weight="Bolder"),), value] for title, value in shown],
        )
    unbroken = [(title.replace(" ", "\u00a0"), display_text(value)) for title, value in shown]
    return {"type": "FactSet", "facts": [{"title": t, "value": v} for t, v in unbroken]}


def _draw(
    columns: Sequence[tuple[int, bool]],
    rows: Sequence[Sequence[Cell]],
    *,
    headers: bool = False,
    bold_last: bool = False,
) -> Element:
    return {
        "type": "Table",
        "columns": [{"width": width} for width, _ in columns],
        "firstRowAsHeaders": headers,
        "showGridLines": False,
        "spacing": "Small",
        "rows": [
            _row(row, columns, {"weight": "Bolder"} if bold_last and i == len(rows) - 1 else {})
            for i, row in enumerate(rows)
        ],
    }


def _row(
    cells: Sequence[Cell], columns: Sequence[tuple[int, bool]], look: Mapping[str, Any]
) -> Element:
    return {
        "type": "TableRow",
        "cells": [
            {"type": "TableCell", "items": _items(cell, look, width, right=right)}
            for cell, (width, right) in zip(cells, columns, strict=True)
        ],
    }


def _items(cell: Cell, look: Mapping[str, Any], width: int, *, right: bool) -> list[Element]:
    aligned = {"horizontalAlignment": "Right"} if right else {}
    items: list[Element] = []
    for line in (cell,) if isinstance(cell, str) else cell:
        if not isinstance(line, str):
            items.append({**line, **aligned})
        elif not items:
            items.append(text(line, **look, **aligned))
        elif line:
            items.append(note(line, spacing="None", **aligned))
    return [break_long_words(item, width) for item in items]
