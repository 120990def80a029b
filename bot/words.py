"""Typed text as commands see it: without mentions, odd spaces and quotation marks."""

import re
from collections.abc import Mapping
from typing import Any

BLANK = r"\s\u00a0\u200b\u200c\u200d\u202f\u2060\ufeff"
SPACES = re.compile(f"[{BLANK}]+")
WORD = re.compile(f"[^{BLANK}]+")
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
DIRECTIONS = str.maketrans("", "", "\u200e\u200f")
"""Marks that come along when a name is copied from a card or a mail."""
QUOTED = re.compile(r'"([^"]*)"|([^\s"]+)')
TAG = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>", re.IGNORECASE)
ENTITIES = {"&nbsp;": " ", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
ENTITY = re.compile("|".join(ENTITIES), re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
LONGEST = 4000
MOST_DIGITS = 9


def said_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """The text without the mentions of the bot, and only those; spaces made plain.

    ``bot``: its id and name, as the activity's recipient.
    """
    words = _without_bot(text, entities, bot).translate(QUOTES)
    return SPACES.sub(" ", words).strip()[:LONGEST].strip()


def written_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """The same with its lines, as a pasted table needs them."""
    return BREAK.sub("\n", _without_bot(text, entities, bot)).strip()


def _without_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    words = text if isinstance(text, str) else ""
    words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    words = words.translate(DIRECTIONS)
    for mentioned, mention in _mentions(entities):
        if mentioned.get("id") != bot.get("id") or not mention:
            continue
        if "<at" in mention.lower():
            words = words.replace(mention, " ")
        else:  # a bare name may be a word of the text too
            words = words.lstrip().removeprefix(mention)
    name = str(bot.get("name") or "").casefold()
    words = TAG.sub(
        lambda tag: " " if name and tag[1].strip().casefold() == name else tag[1], words
    )
    return ENTITY.sub(lambda found: ENTITIES[found[0].lower()], words)


def _mentions(entities: Any) -> list[tuple[Mapping[str, Any], str]]:
    """(who, how it stands in the text) of every mention."""
    found = []
    for entity in entities if isinstance(entities, list | tuple) else ():
        if not isinstance(entity, Mapping) or entity.get("type") != "mention":
            continue
        mentioned, mention = entity.get("mentioned"), entity.get("text")
        if isinstance(mentioned, Mapping):
            found.append((mentioned, mention if isinstance(mention, str) else ""))
    return found


def mentioned_people(entities: Any, bot_id: str) -> list[tuple[str, str]]:
    """(user id, name) of everybody who is mentioned beside the bot, each once."""
    found: dict[str, str] = {}
    for mentioned, _ in _mentions(entities):
        user_id = mentioned.get("id")
        if isinstance(user_id, str) and user_id and user_id != bot_id:
            found.setdefault(user_id, str(mentioned.get("name") or ""))
    return list(found.items())


def parts(text: str) -> list[str]:
    """Words, with quoted ones kept together."""
    return [quoted or word for quoted, word in QUOTED.findall(text)]


def unquoted(text: str) -> str:
    """A name without the quotation marks around it."""
    return text.strip().strip('"').strip()


def whole(text: str, otherwise: int) -> int:
    """A number of at most nine digits; ``otherwise`` for anything else."""
    number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if number else otherwise


def after_words(written: str, number: int) -> str:
    """What was written after so many words, with its lines."""
    for at, found in enumerate(WORD.finditer(written)):
        if at == number:
            return written[found.start() :]
    return ""
