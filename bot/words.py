"""Typed text as commands see it: without mentions of the bot, odd spaces and typographic quotes."""

import re
from collections.abc import Mapping
from typing import Any

BLANK = r"\s\u00a0\u200b\u200c\u200d\u202f\u2060\ufeff"
SPACES = re.compile(f"[{BLANK}]+")
WORD = re.compile(f"[^{BLANK}]+")
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f")
"""LRM and RLM: cards and emails put them around names, and they are copied with the name."""
QUOTED = re.compile(r'"([^"]*)"|([^\s"]+)')
TAG = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>", re.IGNORECASE)
ENTITIES = {"&nbsp;": " ", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
ENTITY = re.compile("|".join(ENTITIES), re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
MAX_TEXT = 4000


def text_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """The text on one line, without mentions of the bot; other mentions become the plain name.

    ``bot`` is the activity's recipient, with its ID and name. The SDK's own
    ``remove_recipient_mention`` removes the bot's name everywhere, also inside other words, and
    fails on a mention without a text.
    """
    words = _without_bot(text, entities, bot).translate(QUOTES)
    return SPACES.sub(" ", words).strip()[:MAX_TEXT].strip()


def raw_text_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """The same with its line breaks, which a pasted table needs."""
    return BREAK.sub("\n", _without_bot(text, entities, bot)).strip()


def _without_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    words = text if isinstance(text, str) else ""
    # A lone surrogate, which JSON can carry, can be neither stored nor sent.
    words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    words = words.translate(DIRECTION_MARKS)
    for mentioned, mention in _mentions(entities):
        if mentioned.get("id") != bot.get("id") or not mention:
            continue
        if "<at" in mention.lower():
            words = words.replace(mention, " ")
        else:  # a bare name may be a word of the text too, so only at the beginning
            words = words.lstrip().removeprefix(mention)
    name = str(bot.get("name") or "").casefold()
    words = TAG.sub(
        lambda tag: " " if name and tag[1].strip().casefold() == name else tag[1], words
    )
    return ENTITY.sub(lambda entity: ENTITIES[entity[0].lower()], words)


def _mentions(entities: Any) -> list[tuple[Mapping[str, Any], str]]:
    """(account, how it is written in the text) of each mention."""
    mentions = []
    for entity in entities if isinstance(entities, list | tuple) else ():
        if not isinstance(entity, Mapping) or entity.get("type") != "mention":
            continue
        mentioned, mention = entity.get("mentioned"), entity.get("text")
        if isinstance(mentioned, Mapping):
            mentions.append((mentioned, mention if isinstance(mention, str) else ""))
    return mentions


def mentioned_people(entities: Any, bot_id: str) -> list[tuple[str, str]]:
    """(user ID, name) of everyone who is mentioned except the bot, each once."""
    people: dict[str, str] = {}
    for mentioned, _ in _mentions(entities):
        user_id = mentioned.get("id")
        if isinstance(user_id, str) and user_id and user_id != bot_id:
            people.setdefault(user_id, str(mentioned.get("name") or ""))
    return list(people.items())


def split_words(text: str) -> list[str]:
    """Words, with quoted ones kept together."""
    return [quoted or word for quoted, word in QUOTED.findall(text)]


def unquote(text: str) -> str:
    """A name without the quotation marks around it."""
    return text.strip().strip('"').strip()


def skip_words(text: str, count: int) -> str:
    """The text after its first ``count`` words, with its line breaks."""
    for index, word in enumerate(WORD.finditer(text)):
        if index == count:
            return text[word.start() :]
    return ""
