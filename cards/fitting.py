"""What finds room on a phone of 375 pixels, the narrowest that cards are drawn for.

Nobody knows the font that a client uses; letters are taken to be as wide as Arial's.
"""

from collections.abc import Sequence

COLUMNS_ROOM = 325
"""Pixels that a table's columns share."""
LEAST_NAME = 70
"""Pixels that a column of names keeps beside large amounts."""
FIRST_LINE, SMALL_LINE = 8, 7
"""Pixels of a digit in a cell; points, commas and spaces are half as wide."""
BUTTONS_ROOM = 352
"""Pixels that buttons share."""
MOST_IN_SIGHT = 3
"""Buttons beyond these stand behind the overflow menu."""
PER_LETTER, AROUND_TITLE, BETWEEN, OF_MENU = 7.4, 26, 8, 40
"""Pixels of a button's title, of what is around it, between two, and of the menu's button."""


def column_widths(
    columns: Sequence[tuple[int, bool]], rows: Sequence[Sequence[Sequence[str]]]
) -> list[tuple[int, bool]]:
    """The widths of columns (width, right-aligned), shared out anew where figures would not fit.

    ``rows``: the lines of every cell; all but the first are small.
    """
    total = sum(width for width, _ in columns)
    needs = [
        max(_pixels(row[i]) for row in rows) if right else 0
        for i, (_, right) in enumerate(columns)
    ]
    if all(
        need <= width * COLUMNS_ROOM // total
        for need, (width, _) in zip(needs, columns, strict=True)
    ):
        return list(columns)
    names = needs.count(0)
    left = max((COLUMNS_ROOM - sum(needs)) // max(names, 1), LEAST_NAME)
    return [(need or left, right) for need, (_, right) in zip(needs, columns, strict=True)]


def _pixels(lines: Sequence[str]) -> int:
    """How wide a cell of figures is, at most."""
    sizes = (FIRST_LINE, *[SMALL_LINE] * (len(lines) - 1))
    return max(
        sum(size // 2 + 1 if c in ",. " else size for c in line)
        for line, size in zip(lines, sizes, strict=True)
    )


def buttons_in_sight(titles: Sequence[str]) -> int:
    """How many of the first three find room beside each other, and beside the menu if needed."""
    widths = [len(title) * PER_LETTER + AROUND_TITLE + BETWEEN for title in titles]
    if len(titles) <= MOST_IN_SIGHT and sum(widths) <= BUTTONS_ROOM + BETWEEN:
        return len(titles)
    fitting = 1
    while fitting < MOST_IN_SIGHT and sum(widths[: fitting + 1]) + OF_MENU <= BUTTONS_ROOM:
        fitting += 1
    return fitting
