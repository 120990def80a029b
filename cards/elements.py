"""The elements that all cards are made of: plain dicts of Adaptive Cards 1.5, as Teams draws them.

No words here are Markdown. Clients disagree about it (docs/decisions/0007-literal-words.md), so a
text in which any of them would see markup is drawn as runs, which none of them reads; all others
are ordinary text blocks. What phones or the Agents Playground do not draw carries a ``fallback``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from cards.fitting import buttons_in_sight, column_widths
from services.wording import LRM, keep_order, neutral

Element = dict[str, Any]
Words = str | Element
"""A text, or a run of it that looks different (``bold``)."""
Cell = str | Sequence[str | Element]
"""What stands in a table: a text, with small ones below it, or elements."""
Style = Literal["default", "emphasis", "good", "attention", "warning", "accent"]

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.5"
MARKUP = re.compile(
    r"[\\`*_\[\]<>&~|#{}^\n\r\t]|==|://|www\.|^\s|\s$"
    # Starts of lists, of headings and of rules; phones look for them after a parenthesis, too.
    r"|(?:^|\))(?:[-+]|\d+[.)])(?:\s|$)|^[-=]"
)
"""What some client takes for something else than text."""
SPLIT = re.compile(r"(?<=\{)(?=\{)|(?<=<)(?=/?at\b)", re.IGNORECASE)
"""Inside ``{{DATE(…)}}`` and ``<at>``, which are looked for in runs, too."""
LONG_WORD = re.compile(r"\S{17,}")
TOO_WIDE = re.compile(r"\S{31,}")
"""A word that a set of facts, which breaks none, cannot hold on a phone."""
BREAK = "\u200b"
"""A place where a line may end; it has no width."""
CURRENCY = re.compile(r"\b([A-Z]{3}) (?=\d)")
WORD_PART = re.compile(r"[^@./_-]{1,12}[@./_-]?|.")
"""A long word ends its lines behind these signs, or after twelve letters."""
SPACES = re.compile(r"^ +| {2,}", re.MULTILINE)
UNSEEN = str.maketrans("", "", BREAK + LRM)
OF_BLOCK = ("spacing", "horizontalAlignment", "separator", "targetWidth", "id", "isVisible")
WIDE = ("Table", "Chart.Line")
"""What needs all the room that a conversation has."""
MOST_BYTES = 20_000
"""Of a whole card; what is longer is paged or cut by whoever makes the card."""


def plain(text: str, longest: int = 200) -> str:
    """Text from outside as one visible line. Every element shows it as it is."""
    return neutral(text, longest)


def sentence(text: str, longest: int = 400) -> str:
    """The same with a full stop at its end, so that another sentence can follow."""
    words = plain(text, longest)
    return words if not words or words.endswith((".", "…", "!", "?")) else f"{words}."


def has_markup(words: str) -> bool:
    """Whether some client would show anything but these very words."""
    return MARKUP.search(words) is not None


def bold(words: str) -> Element:
    """Words that stand out within a text."""
    return {"type": "TextRun", "text": words, "weight": "Bolder"}


def for_eyes(words: str) -> str:
    """The same, in which a currency stays with its amount, and an amount at its place behind words
    that are written from right to left.
    """
    return keep_order(CURRENCY.sub("\\1\u00a0", words))


def text(*words: Words, **look: Any) -> Element:
    """A paragraph, shown letter by letter as it is."""
    joined = "".join(one for one in words if isinstance(one, str))
    if all(isinstance(one, str) for one in words) and not has_markup(joined):
        return {"type": "TextBlock", "text": for_eyes(joined), "wrap": True, **look}
    of_block = {key: value for key, value in look.items() if key in OF_BLOCK}
    of_runs = {k: v for k, v in look.items() if k not in OF_BLOCK and k != "style"}
    return {
        "type": "RichTextBlock",
        "inlines": [run for one in words for run in _runs(one, of_runs)],
        **of_block,
    }


def _runs(words: Words, look: Mapping[str, Any]) -> Iterator[Element]:
    """One run, or several where a client would read something into the whole."""
    run = {"type": "TextRun", "text": words} if isinstance(words, str) else words
    for part in SPLIT.split(LONG_WORD.sub(_breakable, for_eyes(run["text"]))):
        if part:
            yield {**run, "text": part, **{key: look[key] for key in look if key not in run}}


def _breakable(word: re.Match[str]) -> str:
    """Runs, unlike text blocks, end no line inside a word; a phone would cut it off."""
    return BREAK.join(WORD_PART.findall(word[0]))


def heading(*words: Words) -> Element:
    """The headline of a card."""
    return text(*words, size="Large", weight="Bolder", style="heading")


def figure(words: str) -> Element:
    """The one large number."""
    return text(words, size="ExtraLarge", weight="Bolder", spacing="Small")


def section(*words: Words) -> Element:
    """The heading of a part."""
    return text(*words, size="Medium", weight="Bolder", spacing="Large")


def note(*words: Words, **look: Any) -> Element:
    """Small print."""
    return text(*words, **{"size": "Small", "isSubtle": True, "spacing": "Small", **look})


def crossing(words: str, **look: Any) -> Element:
    """What is past a threshold, or wrong; the only red text."""
    return text(words, color="Attention", weight="Bolder", **look)


def box(items: Sequence[Element], style: Style = "emphasis") -> Element:
    """Elements that belong together, on a ground of their own."""
    return {"type": "Container", "style": style, "items": list(items), "spacing": "Medium"}


def notice(words: str) -> Element:
    """What must be read first: sample data, late data."""
    return box([text(words, weight="Bolder", size="Small")], "warning")


def facts(pairs: Iterable[tuple[str, str]]) -> Element:
    """Titles and values below each other."""
    shown = list(pairs)
    if any(has_markup(words) or TOO_WIDE.search(words) for pair in shown for words in pair):
        return _drawn(
            ((3, False), (5, False)), [[(text(t, weight="Bolder"),), v] for t, v in shown]
        )
    unbroken = [(t.replace(" ", "\u00a0"), for_eyes(v)) for t, v in shown]
    return {"type": "FactSet", "facts": [{"title": t, "value": v} for t, v in unbroken]}


def table(
    columns: Sequence[tuple[str, int, bool]],
    rows: Sequence[Sequence[Cell]],
    *,
    bold_last: bool = False,
) -> Element:
    """A table of at most three columns (heading, width, right-aligned)."""
    if len(columns) > 3:  # noqa: PLR2004 - phones do not scroll sideways
        raise ValueError("a card's table has at most three columns")
    head = [(text(name, isSubtle=True, size="Small"),) for name, _, _ in columns]
    small = [("", name) for name, _, _ in columns]
    shown = [[_lines(cell) for cell in row] for row in (small, *rows)]
    widths = column_widths([(width, right) for _, width, right in columns], shown)
    return _drawn(widths, [head, *rows], headers=True, bold_last=bold_last)


def _lines(cell: Cell) -> list[str]:
    lines = (cell,) if isinstance(cell, str) else cell
    return [line if isinstance(line, str) else words_of(line) for line in lines]


def _drawn(
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
            {"type": "TableCell", "items": _cell(cell, look, right=right)}
            for cell, (_, right) in zip(cells, columns, strict=True)
        ],
    }


def _cell(cell: Cell, look: Mapping[str, Any], *, right: bool) -> list[Element]:
    aligned = {"horizontalAlignment": "Right"} if right else {}
    found: list[Element] = []
    for line in (cell,) if isinstance(cell, str) else cell:
        if not isinstance(line, str):
            found.append({**line, **aligned})
        elif not found:
            found.append(text(line, **look, **aligned))
        elif line:
            found.append(note(line, spacing="None", **aligned))
    return found


def line_chart(
    title: str, series: Sequence[tuple[str, Sequence[tuple[str, float]]]], in_words: str
) -> Element:
    """Lines over days ((legend, [(ISO day, amount)])); ``in_words`` stands in where it is not
    drawn. Whoever draws a chart puts the same numbers as text beside it.
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


def progress_bar(done: int, total: int) -> Element:
    """How much is done; without a total only that something is."""
    if not total:
        return {"type": "ProgressBar", "fallback": note("At work…")}
    return {
        "type": "ProgressBar",
        "value": done,
        "max": total,
        "fallback": note(f"{done * 100 // total}% done"),
    }


def monospace(words: str) -> Element:
    """Text with its own line ends, such as a mail."""
    look = {"fontType": "Monospace", "size": "Small"}
    # Browsers draw several spaces as one.
    kept = SPACES.sub(lambda found: "\u00a0" * len(found[0]), words)
    return {"type": "RichTextBlock", "inlines": list(_runs(kept, look))}


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
    name: str, label: str, choices: Sequence[tuple[str, str]], *, value: str = ""
) -> Element:
    """One of several (title, value), from a list that opens; none is chosen without a value."""
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": label,
        "style": "compact",
        "isRequired": True,
        "errorMessage": "Choose one.",
        "choices": [{"title": title, "value": choice} for title, choice in choices],
        **({"value": value} if value else {"placeholder": "Choose one"}),
    }


def problem(lines: Sequence[str]) -> Element:
    """Why a form was not taken."""
    return box([crossing(line, spacing="Small") for line in lines], "attention")


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


def below_each_other(actions: Sequence[Element]) -> list[Element]:
    """Buttons with long titles, which would not fit beside each other on a phone."""
    return [{"type": "ActionSet", "actions": [one], "spacing": "Small"} for one in actions]


def show_card(title: str, body: Sequence[Element], actions: Sequence[Element] = ()) -> Element:
    """A button that opens a small card inside the card."""
    return {
        "type": "Action.ShowCard",
        "title": title,
        "card": {
            "type": "AdaptiveCard",
            "version": VERSION,
            "body": list(body),
            **({"actions": list(actions)} if actions else {}),
        },
    }


# Whole cards


def card(
    body: Sequence[Element | None], actions: Sequence[Element] = (), *, speak: str = ""
) -> Element:
    """A whole card; empty elements are left out, buttons beyond three, or beyond what fits a
    phone, go behind the menu.

    ``speak`` is what a notification says, after the card's notices; else its headline does.
    """
    shown = [one for one in body if one is not None]
    # An arrow stands behind the title of what opens.
    titles = [f"{one['title']}{'⌄' * (one['type'] == 'Action.ShowCard')}" for one in actions]
    in_sight = buttons_in_sight(titles)
    behind_menu = [
        {**action, "mode": "secondary"} if i >= in_sight else action
        for i, action in enumerate(actions)
    ]
    return {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": neutral(_summary(shown, speak), 300),
        "body": shown,
        **({"actions": behind_menu} if behind_menu else {}),
        **({"msteams": {"width": "full"}} if any(one["type"] in WIDE for one in shown) else {}),
    }


def _summary(body: Sequence[Element], speak: str) -> str:
    notices = [words_of(one) for one in body if one.get("style") == "warning"]
    others = [one for one in body if one.get("style") != "warning"]
    first = next((one for one in others if _is_headline(one)), others[0] if others else {})
    return " ".join([*notices, speak or words_of(first)])


def _is_headline(one: Element) -> bool:
    looks = (one, *one.get("inlines", []))
    return any(look.get("size") == "Large" for look in looks)


def words_of(element: Element) -> str:
    """The words that people see of an element, without its looks."""
    if "inlines" in element:
        return "".join(run["text"] for run in element["inlines"]).translate(UNSEEN)
    if "items" in element:
        return " ".join(words_of(one) for one in element["items"])
    return str(element.get("text", "")).translate(UNSEEN)


def size_of(element: Element) -> int:
    """Bytes of UTF-8."""
    return len(json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode())
