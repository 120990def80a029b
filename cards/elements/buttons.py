"""Buttons, and how many of them a phone shows."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cards.elements.texts import Element

VERSION = "1.5"
MAX_VISIBLE = 3
"""Further buttons go behind the overflow menu."""
VISIBLE_CHARACTERS = 47
"""The titles that a row of buttons holds on a phone of 375 pixels."""
PADDING_CHARACTERS = 4
"""What a button needs around its title, in the same unit."""
MENU_CHARACTERS = 7
"""What the overflow menu needs."""


def execute(
    title: str,
    verb: str,
    data: Mapping[str, Any] | None = None,
    *,
    style: Literal["default", "positive", "destructive"] = "default",
    inputs: bool = False,
) -> Element:
    """A button that calls the bot; with ``inputs`` it sends what was typed, too."""
    payload = {"verb": verb, **(data or {})}
    sends = {} if inputs else {"associatedInputs": "none"}
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": verb,
        "data": payload,
        **({"style": style} if style != "default" else {}),
        **sends,
        "fallback": {"type": "Action.Submit", "title": title, "data": payload, **sends},
    }


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


def stacked(actions: Sequence[Element]) -> list[Element]:
    """Buttons below each other, for titles that would not fit beside each other on a phone."""
    return [{"type": "ActionSet", "actions": [action], "spacing": "Small"} for action in actions]


def with_overflow(actions: Sequence[Element]) -> list[Element]:
    """The buttons, with those that a phone has no room for moved behind the overflow menu."""
    visible = _visible([_shown_title(action) for action in actions])
    return [
        {**action, "mode": "secondary"} if i >= visible else action
        for i, action in enumerate(actions)
    ]


def _shown_title(action: Element) -> str:
    """Clients draw an arrow behind the title of what opens."""
    return f"{action['title']}{'⌄' * (action['type'] == 'Action.ShowCard')}"


def _visible(titles: Sequence[str]) -> int:
    """How many of the first buttons fit beside each other; at least one."""
    lengths = [len(title) + PADDING_CHARACTERS for title in titles]
    if len(titles) <= MAX_VISIBLE and sum(lengths) <= VISIBLE_CHARACTERS:
        return len(titles)
    return next(
        (
            number
            for number in range(MAX_VISIBLE, 1, -1)
            if sum(lengths[:number]) + MENU_CHARACTERS <= VISIBLE_CHARACTERS
        ),
        1,
    )
