"""Text on cards: literal words, never Markdown.

Clients disagree about what Markdown is (docs/decisions/0007-no-markdown-on-cards.md). A text in which any
of them would see markup is therefore drawn as runs, which none of them parses; all other texts are
ordinary text blocks.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from services.domain.formatting import LRM, keep_order, neutral

Element = dict[str, Any]
Words = str | Element
"""A text, or a run of it that looks different (``bold``)."""
Style = Literal["default", "emphasis", "good", "attention", "warning", "accent"]

MARKUP = re.compile(
    r"[\\`*\[\]<>&~|#{}^\n\r\t]|==|://|www\.|^\s|\s$"
    # An underscore inside a word emphasizes nothing: CommonMark 0.31, 6.2, rules 2 and 4, and the
    # parser of phones (EmphasisParser in Microsoft's AdaptiveCards), for ASCII letters and digits.
    r"|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])"
    # Starts of lists, of headings and of rules; phones look for them after a parenthesis, too.
    r"|(?:^|\))(?:[-+]|\d+[.)])(?:\s|$)|^[-=]"
)
"""What at least one client would not show as it is."""
MACRO_PART = re.compile(r"(?<=\{)(?=\{)|(?<=<)(?=/?at\b)", re.IGNORECASE)
"""Inside ``{{DATE(…)}}`` and ``<at>``, which clients replace even in runs."""
MAX_WHOLE_WORD = 36
"""Characters of a word that fit the line of a phone."""
LONG_WORD = re.compile(rf"\S{{{MAX_WHOLE_WORD + 1},}}")
LINE_BREAK = "\n"
"""Visible, unlike a zero-width space, which people copied into files without knowing it."""
WORD_PART = re.compile(r"[^@./_-]{1,12}[@./_-]?|.")
"""A broken word ends its lines behind these characters, or after twelve others."""
CURRENCY = re.compile(r"\b([A-Z]{3}) (?=\d)")
SPACES = re.compile(r"^ +| {2,}", re.MULTILINE)
INVISIBLE = str.maketrans("", "", LRM)
BLOCK_KEYS = ("spacing", "horizontalAlignment", "separator", "targetWidth", "id", "isVisible")


def plain(words: str, max_length: int = 200) -> str:
    """Text from outside as one visible line. Every element shows it as it is."""
    return neutral(words, max_length)


def sentence(words: str, max_length: int = 400) -> str:
    """Like ``plain``, with a period at the end, so that another sentence can follow."""
    line = plain(words, max_length)
    return line if not line or line.endswith((".", "…", "!", "?")) else f"{line}."


def has_markup(words: str) -> bool:
    """Whether some client would show anything but these very words."""
    return MARKUP.search(words) is not None


def bold(words: str) -> Element:
    """Words that stand out within a text."""
    return {"type": "TextRun", "text": words, "weight": "Bolder"}


def display_text(words: str) -> str:
    """The words as they are drawn: a currency code stays on the line of its amount, and an amount
    stays behind a name that is written from right to left.

    A name alone needs no mark for that, and is copied as it is.
    """
    return keep_order(CURRENCY.sub("\\1\u00a0", words)).removesuffix(LRM)


def text(*words: Words, **look: Any) -> Element:
    """A paragraph that shows its words literally."""
    joined = "".join(part if isinstance(part, str) else part["text"] for part in words)
    is_plain = all(isinstance(part, str) for part in words)
    # Runs break no word, as blocks do: a long address that is whole is worth more than bold words.
    if not has_markup(joined) and (is_plain or LONG_WORD.search(joined)):
        return {"type": "TextBlock", "text": display_text(joined), "wrap": True, **look}
    block_look = {key: value for key, value in look.items() if key in BLOCK_KEYS}
    run_look = {k: v for k, v in look.items() if k not in BLOCK_KEYS and k != "style"}
    paragraph = {
        "type": "RichTextBlock",
        "inlines": [run for part in words for run in _runs(part, run_look)],
        **block_look,
    }
    return break_long_words(paragraph, MAX_WHOLE_WORD)


def _runs(words: Words, look: Mapping[str, Any]) -> Iterator[Element]:
    """One run, or several where a client would replace part of the whole."""
    run = {"type": "TextRun", "text": words} if isinstance(words, str) else words
    for part in MACRO_PART.split(display_text(run["text"])):
        if part:
            yield {**run, "text": part, **{key: look[key] for key in look if key not in run}}


def break_long_words(element: Element, max_length: int) -> Element:
    """The element, with words that are longer than this on several lines.

    Text blocks break words by themselves. Runs do not: Microsoft's renderer for browsers draws such
    a word beyond the edge of the card, where it is cut off. Everywhere else words stay as they are,
    as they are copied.
    """
    if "inlines" not in element:
        return element
    long_word = re.compile(rf"\S{{{max_length + 1},}}")
    inlines = [
        {**run, "text": long_word.sub(lambda word: _in_lines(word[0], max_length), run["text"])}
        for run in element["inlines"]
    ]
    return {**element, "inlines": inlines}


def _in_lines(word: str, max_length: int) -> str:
    lines = [""]
    for part in WORD_PART.findall(word):
        if lines[-1] and len(lines[-1]) + len(part) > max_length:
            lines.append("")
        lines[-1] += part
    return LINE_BREAK.join(lines)


def heading(*words: Words) -> Element:
    """The headline of a card."""
    return text(*words, size="Large", weight="Bolder", style="heading")


def figure(words: str) -> Element:
    """The one large number of a card."""
    return text(words, size="ExtraLarge", weight="Bolder", spacing="Small")


def section(*words: Words) -> Element:
    """The heading of a section."""
    return text(*words, size="Medium", weight="Bolder", spacing="Large")


def note(*words: Words, **look: Any) -> Element:
    """Small print."""
    return text(*words, **{"size": "Small", "isSubtle": True, "spacing": "Small", **look})


def crossing(words: str, **look: Any) -> Element:
    """What is above a threshold, or wrong: the only red text."""
    return text(words, color="Attention", weight="Bolder", **look)


def monospace(words: str) -> Element:
    """Text with its own line ends, such as an email."""
    look = {"fontType": "Monospace", "size": "Small"}
    # Browsers collapse several spaces into one.
    indented = SPACES.sub(lambda spaces: "\u00a0" * len(spaces[0]), words)
    paragraph = {"type": "RichTextBlock", "inlines": list(_runs(indented, look))}
    return break_long_words(paragraph, MAX_WHOLE_WORD)


def words_of(element: Element) -> str:
    """The words of an element as people see them, without formatting."""
    if "inlines" in element:
        return "".join(map(_unbroken, element["inlines"])).translate(INVISIBLE)
    if "items" in element:
        return " ".join(words_of(item) for item in element["items"])
    return str(element.get("text", "")).translate(INVISIBLE)


def _unbroken(run: Element) -> str:
    text = str(run["text"])
    return text if run.get("fontType") == "Monospace" else text.replace(LINE_BREAK, "")
