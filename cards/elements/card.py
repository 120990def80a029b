"""Whole cards, as plain dicts of Adaptive Cards 1.5."""

import json
from collections.abc import Sequence

from cards.elements.buttons import VERSION, with_overflow
from cards.elements.texts import Element, words_of
from services.domain.formatting import neutral

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
WIDE = ("Table", "Chart.Line")
"""What needs the full width of a conversation."""
MAX_BYTES = 20_000
"""Of a whole card. Teams refuses messages of more than about 28 KB; longer content is paged or cut
by the module that makes the card."""
MAX_SUMMARY = 300


def card(
    body: Sequence[Element | None], actions: Sequence[Element] = (), *, summary: str = ""
) -> Element:
    """A whole card. Empty elements are left out.

    The notification says the card's notices and then ``summary``, or its headline without one.
    """
    shown = [element for element in body if element is not None]
    return {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": neutral(_fallback_text(shown, summary), MAX_SUMMARY),
        "body": shown,
        **({"actions": with_overflow(actions)} if actions else {}),
        **({"msteams": {"width": "full"}} if any(e["type"] in WIDE for e in shown) else {}),
    }


def _fallback_text(body: Sequence[Element], summary: str) -> str:
    notices = [words_of(element) for element in body if element.get("style") == "warning"]
    others = [element for element in body if element.get("style") != "warning"]
    first = next(filter(_is_headline, others), others[0] if others else {})
    return " ".join([*notices, summary or words_of(first)])


def _is_headline(element: Element) -> bool:
    looks = (element, *element.get("inlines", []))
    return any(look.get("size") == "Large" for look in looks)


def size_of(element: Element) -> int:
    """Bytes of UTF-8."""
    return len(json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode())
