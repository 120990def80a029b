"""The elements that all cards are made of."""

from cards.elements.blocks import box, line_chart, notice, problem, progress_bar
from cards.elements.buttons import execute, show_card, stacked
from cards.elements.card import MAX_BYTES, card, size_of
from cards.elements.inputs import choice_input, text_input
from cards.elements.tables import Cell, Column, facts, table
from cards.elements.texts import (
    INVISIBLE,
    Element,
    bold,
    crossing,
    figure,
    has_markup,
    heading,
    monospace,
    note,
    plain,
    section,
    sentence,
    text,
    words_of,
)

__all__ = [
    "INVISIBLE",
    "MAX_BYTES",
    "Cell",
    "Column",
    "Element",
    "bold",
    "box",
    "card",
    "choice_input",
    "crossing",
    "execute",
    "facts",
    "figure",
    "has_markup",
    "heading",
    "line_chart",
    "monospace",
    "note",
    "notice",
    "plain",
    "problem",
    "progress_bar",
    "section",
    "sentence",
    "show_card",
    "size_of",
    "stacked",
    "table",
    "text",
    "text_input",
    "words_of",
]
