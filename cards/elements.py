"""The elements that all cards are made of: plain dicts of Adaptive Cards 1.5, as Teams draws them.

Text from outside goes through ``plain`` (Markdown-escaped, one visible line). What Teams on phones
or the Agents Playground may not draw carries a ``fallback``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from services.wording import neutral

Element = dict[str, Any]
Style = Literal["default", "emphasis", "good", "attention", "warning", "accent"]

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.5"
MARKDOWN = re.compile(r"([\\`*_\[\]#>~|])")
LIST_START = re.compile(r"^(\d+)([.)])(\s)|^([-+])(\s)")
PRIMARY_ACTIONS = 3
"""Buttons beyond these stand behind the overflow menu."""


def plain(text: str, longest: int = 200) -> str:
    """Text from outside as card Markdown shows it unchanged: one line, nothing obeyed."""
    line = MARKDOWN.sub(r"\\\1", neutral(text, longest))
    line = line.replace("{{", "{ {").replace("}}", "} }").replace("<at>", "< at>")
    return LIST_START.sub(lambda m: "\\" + m[0] if m[4] else f"{m[1]}\\{m[2]}{m[3]}", line)


def text(words: str, **more: Any) -> Element:
    """A paragraph; ``words`` is Markdown, so text from outside must be ``plain``."""
    return {"type": "TextBlock", "text": words, "wrap": True, **more}


def heading(words: str) -> Element:
    """The headline of a card."""
    return text(words, size="Large", weight="Bolder", style="heading")


def figure(words: str) -> Element:
    """The one large number."""
    return text(words, size="ExtraLarge", weight="Bolder", spacing="Small")


def section(words: str) -> Element:
    """The heading of a part."""
    return text(words, size="Medium", weight="Bolder", spacing="Large")


def note(words: str) -> Element:
    """Small print."""
    return text(words, size="Small", isSubtle=True, spacing="Small")


def crossing(words: str) -> Element:
    """What is past a threshold; the only red text."""
    return text(words, color="Attention", weight="Bolder")


def box(items: Sequence[Element], style: Style = "emphasis") -> Element:
    """Elements that belong together, on a ground of their own."""
    return {"type": "Container", "style": style, "items": list(items), "spacing": "Medium"}


def notice(words: str) -> Element:
    """What must be read first: sample data, late data."""
    return box([text(words, weight="Bolder", size="Small")], "warning")


def facts(pairs: Iterable[tuple[str, str]]) -> Element:
    """Titles and values below each other; both are Markdown."""
    return {"type": "FactSet", "facts": [{"title": t, "value": v} for t, v in pairs]}


def table(
    columns: Sequence[tuple[str, int, bool]],
    rows: Sequence[Sequence[str]],
    *,
    bold_last: bool = False,
) -> Element:
    """A table of at most three columns (heading, width, right-aligned); cells are Markdown."""
    if len(columns) > 3:  # noqa: PLR2004 - phones do not scroll sideways
        raise ValueError("a card's table has at most three columns")
    head = _row([name for name, _, _ in columns], columns, isSubtle=True, size="Small")
    body = [
        _row(row, columns, **({"weight": "Bolder"} if bold_last and i == len(rows) - 1 else {}))
        for i, row in enumerate(rows)
    ]
    return {
        "type": "Table",
        "columns": [{"width": width} for _, width, _ in columns],
        "firstRowAsHeaders": True,
        "showGridLines": False,
        "spacing": "Small",
        "rows": [head, *body],
    }


def _row(cells: Sequence[str], columns: Sequence[tuple[str, int, bool]], **look: Any) -> Element:
    return {
        "type": "TableRow",
        "cells": [
            {
                "type": "TableCell",
                "items": [text(cell, horizontalAlignment="Right" if right else "Left", **look)],
            }
            for cell, (_, _, right) in zip(cells, columns, strict=True)
        ],
    }


def line_chart(
    title: str, series: Sequence[tuple[str, Sequence[tuple[str, float]]]], in_words: str
) -> Element:
    """Lines over days ((legend, [(ISO day, amount)])); ``in_words`` stands in where it is not
    drawn, and on narrow screens.
    """
    return {
        "type": "Chart.Line",
        "title": title,
        "data": [
            {
                "legend": legend,
                "color": colour,
                "values": [{"x": day, "y": round(amount, 2)} for day, amount in points],
            }
            for (legend, points), colour in zip(
                series, ("categoricalBlue", "neutral", "categoricalTeal"), strict=False
            )
        ],
        "targetWidth": "atLeast:Standard",
        "fallback": text(in_words, isSubtle=True),
    }


# Forms


def text_input(
    name: str,
    label: str,
    *,
    value: str = "",
    required: bool = False,
    error: str = "",
    longest: int = 200,
    lines: bool = False,
    hint: str = "",
) -> Element:
    """A line (or several) to type in."""
    found: Element = {
        "type": "Input.Text",
        "id": name,
        "label": label,
        "maxLength": longest,
        "isMultiline": lines,
        "isRequired": required,
        "errorMessage": error or f"{label} is missing.",
    }
    if value:
        found["value"] = value
    if hint:
        found["placeholder"] = hint
    return found


def choice_input(
    name: str,
    label: str,
    choices: Sequence[tuple[str, str]],
    *,
    value: str = "",
    expanded: bool = False,
) -> Element:
    """One of several (title, value)."""
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": label,
        "style": "expanded" if expanded else "compact",
        "isRequired": True,
        "errorMessage": f"Choose: {label}.",
        "choices": [{"title": title, "value": choice} for title, choice in choices],
        **({"value": value} if value else {}),
    }


def problem(words: str) -> Element:
    """Why a form was not taken; ``words`` is Markdown."""
    return box([crossing(words)], "attention")


# Buttons


def execute(
    title: str,
    verb: str,
    data: Mapping[str, Any] | None = None,
    *,
    style: Literal["default", "positive", "destructive"] = "default",
    inputs: bool = False,
) -> Element:
    """A button that asks the bot; ``inputs``: what was typed goes with it."""
    payload = {"verb": verb, **(data or {})}
    takes = {} if inputs else {"associatedInputs": "none"}
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": verb,
        "data": payload,
        **({"style": style} if style != "default" else {}),
        **takes,
        "fallback": {"type": "Action.Submit", "title": title, "data": payload, **takes},
    }


def show_card(title: str, body: Sequence[Element], actions: Sequence[Element]) -> Element:
    """A button that opens a small card inside the card."""
    return {
        "type": "Action.ShowCard",
        "title": title,
        "card": {"type": "AdaptiveCard", "body": list(body), "actions": list(actions)},
    }


def card(
    body: Sequence[Element | None], actions: Sequence[Element] = (), *, speak: str = ""
) -> Element:
    """A whole card; empty elements are left out, buttons beyond three go behind the menu."""
    shown = [
        {**action, "mode": "secondary"} if i >= PRIMARY_ACTIONS else action
        for i, action in enumerate(actions)
    ]
    first = next((one["text"] for one in body if one and one["type"] == "TextBlock"), "")
    return {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": speak or first,
        "body": [one for one in body if one is not None],
        **({"actions": shown} if shown else {}),
        "msteams": {"width": "Full"},
    }
