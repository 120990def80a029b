"""Pictures of every card, to be looked at: ``python -m tests.cards.gallery FOLDER``.

Needs Node with the packages of ``tests/node``, and Chromium. ``--sheets`` makes the contact sheets
of the docs instead.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.browser.page import chromium
from tests.cards.examples import HOSTILE, LARGEST, ORDINARY, every
from tests.cards.markdown import html_of, texts_of_blocks
from tests.conftest import ROOT
from tests.driving import driven

DRIVER = ROOT / "tests" / "cards" / "gallery.mjs"
SHEETS = ROOT / "docs" / "screenshots" / "cards"
PHONE, DESKTOP = 375, 700
SHOWN: dict[str, dict[str, Any]] = {
    "phone-light.png": {
        "theme": "light",
        "width": PHONE,
        "columns": (
            ("alert with all", "alert expected", "anomalies at the end"),
            ("team up", "form with problems"),
            ("preview up",),
            ("explain up", "costs of a month"),
        ),
    },
    "phone-dark.png": {
        "theme": "dark",
        "width": PHONE,
        "columns": (
            ("alert above threshold", "one failed"),
            ("what if for a team", "send all?"),
            ("status with problems", "progress"),
        ),
    },
    "alerts-light.png": {
        "theme": "light",
        "width": PHONE,
        "columns": (
            ("alert with all", "alert ended"),
            ("alert grown", "alert open again"),
            ("digest of one event", "digest"),
        ),
    },
    "feedback-light.png": {
        "theme": "light",
        "width": PHONE,
        "columns": (
            ("alert too small, with an offer", "alert too small, floor raised"),
            ("alert expected", "alert like an earlier one"),
            ("alert snoozed", "alert accepted, with its level"),
        ),
    },
    "feedback-dark.png": {
        "theme": "dark",
        "width": DESKTOP,
        "columns": (("alert too small, with an offer",), ("alert expected",)),
    },
    "desktop-light.png": {
        "theme": "light",
        "width": DESKTOP,
        "columns": (("help of an admin",), ("admin preview",)),
    },
}


def drawn(
    cards: dict[str, Any], shots: Sequence[dict[str, Any]], sheets: Sequence[dict[str, Any]] = ()
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


def main(arguments: Sequence[str]) -> None:
    """Makes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "var" / "cards")
    parser.add_argument("--sheets", action="store_true", help="the contact sheets of the docs")
    parser.add_argument("--texts", choices=("ordinary", "hostile", "largest"), default="ordinary")
    parser.add_argument("--names", default="", help="only cards with this in their name")
    given = parser.parse_args(arguments)
    texts = {"ordinary": ORDINARY, "hostile": HOSTILE, "largest": LARGEST}[given.texts]
    cards = {name: card for name, card in every(texts).items() if given.names in name}
    if given.sheets:
        SHEETS.mkdir(parents=True, exist_ok=True)
        drawn(cards, [], [{**one, "path": str(SHEETS / name)} for name, one in SHOWN.items()])
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    shots = [
        {"theme": theme, "width": width, "names": list(cards), "folder": str(given.folder)}
        for width in (PHONE, DESKTOP)
        for theme in ("light", "dark")
    ]
    for one in drawn(cards, shots):
        for what in ("complaints", "markup", "cut"):
            for words in one[what]:
                if not words.startswith("Unknown element type"):  # its fallback is drawn
                    print(f"{one['name']} at {one['width']}, {one['theme']}: {what}: {words}")


if __name__ == "__main__":
    main(sys.argv[1:])
