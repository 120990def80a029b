"""Pictures of every card, to be looked at: ``python -m tests.cards.gallery FOLDER``.

Needs Node with the packages of ``tests/node``, and Chromium. ``make screenshots`` makes those of
the docs.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tests.browser.page import chromium
from tests.cards.awkward import every_awkward
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, areas, every
from tests.cards.markdown import html_of, texts_of_blocks
from tests.conftest import ROOT
from tests.driving import driven

DRIVER = ROOT / "tests" / "cards" / "gallery.mjs"
SHEETS = ROOT / "docs" / "screenshots" / "cards"
WIDTHS = {"phone": 375, "desktop": 700}
PHONE, DESKTOP = WIDTHS.values()
THEMES = ("light", "dark")
DOCUMENTED = (("phone", "light"), ("desktop", "dark"))
"""The looks whose contact sheets are committed."""
COLUMNS = {PHONE: 5, DESKTOP: 3}
"""Of a contact sheet."""
TITLE = 36
"""Pixels of a card's name and of the gap above it."""
SHOWN: dict[str, dict[str, Any]] = {
    "some-phone-light.png": {
        "theme": "light",
        "width": PHONE,
        "columns": (
            ("alert with all", "alert expected", "anomalies at the end"),
            ("team up", "form with problems"),
            ("preview up",),
            ("explain up", "costs of a month"),
        ),
    },
    "some-phone-dark.png": {
        "theme": "dark",
        "width": PHONE,
        "columns": (
            ("alert above threshold", "one failed"),
            ("what if for a team", "send all?"),
            ("status with problems", "progress"),
        ),
    },
}
"""The contact sheets of what is seen most."""


def drawn(
    cards: Mapping[str, Any],
    shots: Sequence[Mapping[str, Any]],
    sheets: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """What is to be seen on each of the shots."""
    browser = chromium()
    if browser is None:
        raise FileNotFoundError("There is no Chromium.")
    texts = {words for card in cards.values() for words in texts_of_blocks(card)}
    job = {
        "cards": cards,
        "markdown": {words: html_of(words) for words in texts},
        "shots": list(shots),
        "sheets": list(sheets),
    }
    found: list[dict[str, Any]] = driven(DRIVER, browser, job)["shots"]
    return found


def columns(heights: Mapping[str, float], number: int) -> list[list[str]]:
    """Names in so many columns, in their order, as equally high as that allows."""
    fits = [sum(heights.values()) / number]
    while True:
        found: list[list[str]] = [[]]
        height = 0.0
        for name, one in heights.items():
            if found[-1] and height + one > fits[-1]:
                found.append([])
                height = 0.0
            found[-1].append(name)
            height += one
        if len(found) <= number:
            return found
        fits.append(fits[-1] * 1.02)


def _sheets(
    area: str, cards: Mapping[str, Any], looks: Iterable[tuple[str, str]], folder: Path
) -> Iterator[dict[str, Any]]:
    """The contact sheets of an area in these looks (width, theme)."""
    for kind, theme in looks:
        width = WIDTHS[kind]
        shots = drawn(cards, [{"theme": theme, "width": width, "names": list(cards)}])
        heights = {shot["name"]: shot["height"] + TITLE for shot in shots}
        yield {
            "theme": theme,
            "width": width,
            "columns": columns(heights, COLUMNS[width]),
            "path": str(folder / f"{area}-{kind}-{theme}.png"),
        }


def make_sheets(folder: Path, looks: Iterable[tuple[str, str]]) -> None:
    """Every card on contact sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    for area, cards in {**areas(), "awkward": every_awkward()}.items():
        drawn(cards, [], list(_sheets(area, cards, looks, folder)))


def make_sheets_of_docs() -> None:
    """The contact sheets of the docs: every card at both widths and in both themes, and some
    together.
    """
    make_sheets(SHEETS, DOCUMENTED)
    drawn(every(), [], [{**one, "path": str(SHEETS / name)} for name, one in SHOWN.items()])


def main(arguments: Sequence[str]) -> None:
    """Makes the pictures."""
    kinds = {"ordinary": ORDINARY, "hostile": HOSTILE, "largest": LARGEST}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "var" / "cards")
    parser.add_argument(
        "--sheets", action="store_true", help="many cards on a picture, in all four looks"
    )
    parser.add_argument("--texts", choices=(*kinds, "awkward"), default="ordinary")
    parser.add_argument("--names", default="", help="only cards with this in their name")
    given = parser.parse_args(arguments)
    if given.sheets:
        make_sheets(given.folder, list(product(WIDTHS, THEMES)))
        return
    found = every(kinds[given.texts]) if given.texts in kinds else every_awkward()
    cards = {name: card for name, card in found.items() if given.names in name}
    given.folder.mkdir(parents=True, exist_ok=True)
    shots = [
        {"theme": theme, "width": width, "names": list(cards), "folder": str(given.folder)}
        for width in WIDTHS.values()
        for theme in THEMES
    ]
    for one in drawn(cards, shots):
        for what in ("complaints", "markup", "cut", "broken"):
            for words in one[what]:
                if not words.startswith("Unknown element type"):  # its fallback is drawn
                    print(f"{one['name']} at {one['width']}, {one['theme']}: {what}: {words}")


if __name__ == "__main__":
    main(sys.argv[1:])
