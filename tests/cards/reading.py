"""A card as somebody would read it aloud: for golden texts and for what tests look for."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from cards.elements import INVISIBLE
from services.domain.formatting import LRM, RIGHT_TO_LEFT

Json = dict[str, Any]
UNSEEN = {**INVISIBLE, ord("\u00a0"): " "}
"""What says only where lines end and in which order words are drawn."""


AFTER_RIGHT_TO_LEFT = re.compile(f"(?<=[{RIGHT_TO_LEFT}]){LRM}")
"""Without this mark, an amount behind a name that is written from right to left changes its place."""


def invisible_in(text: str) -> set[str]:
    """Characters that people would copy without seeing them."""
    shown = AFTER_RIGHT_TO_LEFT.sub("", text)
    return {c for c in shown if unicodedata.category(c) == "Cf"}


def read(card: Json) -> str:
    """All that is to be seen, a line each."""
    return "\n".join(_lines(card))


def words(element: Json) -> str:
    """The words of a text."""
    if element["type"] == "RichTextBlock":
        return "".join(map(_unbroken, element["inlines"])).translate(UNSEEN)
    return str(element["text"]).translate(UNSEEN)


def _unbroken(run: Json) -> str:
    """A long word of a run stands on several lines; only monospace text has line ends of its own."""
    text = str(run["text"])
    return text if run.get("fontType") == "Monospace" else text.replace("\n", "")


def _lines(element: Json) -> Iterator[str]:
    kind = element["type"]
    if kind in {"TextBlock", "RichTextBlock"}:
        yield words(element)
    elif kind == "FactSet":
        yield from (
            f"{fact['title']}: {fact['value']}".translate(UNSEEN) for fact in element["facts"]
        )
    elif kind == "Table":
        yield from (" | ".join(map(_cell, row["cells"])) for row in element["rows"])
    elif kind in {"AdaptiveCard", "Container", "ActionSet"}:
        mark = "# " if kind == "Container" else ""
        for one in (*element.get("body", ()), *element.get("items", ())):
            yield from (f"{mark}{line}" for line in _lines(one))
        yield from _buttons(element.get("actions", []))
    else:
        yield _line(element)


def _line(element: Json) -> str:
    kind = element["type"]
    if kind.startswith("Input."):
        value = element.get("value", "")
        titles = {one["value"]: one["title"] for one in element.get("choices", [])}
        return f"{element['label']}: [{titles.get(value, value)}]"
    if kind.startswith("Chart."):
        return (
            f"(chart: {element['title']}; {', '.join(one['legend'] for one in element['data'])})"
        )
    assert kind == "ProgressBar", f"nobody knows how to read {kind}"
    return f"(bar: {element.get('value', '')} of {element.get('max', '')})"


def _cell(cell: Json) -> str:
    return " / ".join(line for item in cell["items"] for line in _lines(item))


def _buttons(actions: list[Json]) -> Iterator[str]:
    titles = [f"[{action['title']}]" for action in actions]
    if len(titles) > 3:
        titles.insert(3, "…")
    if titles:
        yield " ".join(titles)
    for one in actions:
        if one["type"] == "Action.ShowCard":
            yield from (f"  {one['title']} > {line}" for line in _lines(one["card"]))
