"""What Markdown renderers make of a text block."""

from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt

from tests.cards.strict import Json, walk

RENDERERS = (
    MarkdownIt("commonmark"),  # as the Agents Playground: HTML is markup
    MarkdownIt("js-default"),  # as the browser package calls it: with strikethrough and tables
)


def html_of(words: str) -> str:
    """As the Playground's renderer draws it."""
    return str(RENDERERS[0].render(words))


def texts_of_blocks(card: Json) -> Iterator[str]:
    """Every text in a card that clients read as Markdown."""
    for one in walk(card):
        if one["type"] == "TextBlock":
            yield one["text"]
        if one["type"] == "FactSet":
            yield from (words for fact in one["facts"] for words in (fact["title"], fact["value"]))
        if one["type"].startswith("Input."):
            yield one["errorMessage"]


def seen(words: str) -> set[str]:
    """What people see of a text block, in every renderer; markup shows as its tags."""
    return {_flat(renderer.parse(words)) for renderer in RENDERERS}


def _flat(tokens: list[Any]) -> str:
    found = []
    for token in tokens:
        if token.type == "inline":
            found.append(_flat(token.children or []))
        elif token.type == "text":
            found.append(token.content)
        elif token.type not in {"paragraph_open", "paragraph_close"}:
            found.append(f"<{token.type}>{token.content}")
    return "".join(found)
