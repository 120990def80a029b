"""Typed text as commands see it: without mentions of the bot, quotes of messages, odd spaces and
typographic quotation marks.
"""

import re
from collections.abc import Mapping
from typing import Any

SPACES = re.compile(r"\s+")
WORD = re.compile(r"\S+")
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
INVISIBLE = str.maketrans("", "", "\u00ad\u200b\u200e\u200f\u2060\ufeff")
"""Copied with a text, and not typed: soft hyphens, zero-width spaces, byte order marks, and the LRM
and RLM that cards and emails put around names. Joiners (U+200C, U+200D) are letters of some scripts.
"""
QUOTED_MESSAGE = re.compile(r"<quoted\b([^<>]*)>(?:\s*</quoted>)?", re.IGNORECASE)
"""Where a reply quotes a message, in a chat: ``<quoted messageId="1770000000001"/>``. The activity has an
entity ``quotedReply`` for each (Teams SDK, quoted replies).
"""
QUOTED_ID = re.compile(r"""messageId\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
QUOTED = re.compile(r'"([^"]*)"|([^\s"]+)')
TAG = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>", re.IGNORECASE)
ENTITIES = {"&nbsp;": " ", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
ENTITY = re.compile("|".join(ENTITIES), re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
MAX_TEXT = 4000
"""Characters of a command; a longer text is not cut, as the half of an address is an address too."""
MAX_MENTIONS = 50
"""Of a message; for each, the whole text is searched."""


def text_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """The text on one line, without mentions of the bot; other mentions become the plain name.

    ``bot`` is the activity's recipient, with its ID and name. The SDK's own
    ``remove_recipient_mention`` removes the bot's name everywhere, also inside other words, and
    fails on a mention without a text.
    """
    words = _without_bot(text, entities, bot).translate(QUOTES)
    return SPACES.sub(" ", words).strip()


def raw_text_to_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    """Like ``text_to_bot``, with the line breaks that a pasted table needs."""
    return BREAK.sub("\n", _without_bot(text, entities, bot)).strip()


def _without_bot(text: Any, entities: Any, bot: Mapping[str, Any]) -> str:
    words = text if isinstance(text, str) else ""
    # A lone surrogate, which JSON can carry, can be neither stored nor sent.
    words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    words = QUOTED_MESSAGE.sub(" ", words.translate(INVISIBLE))
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
    mentions: list[tuple[Mapping[str, Any], str]] = []
    for entity in entities if isinstance(entities, list | tuple) else ():
        if len(mentions) == MAX_MENTIONS:
            break
        if not isinstance(entity, Mapping) or entity.get("type") != "mention":
            continue
        mentioned, mention = entity.get("mentioned"), entity.get("text")
        if isinstance(mentioned, Mapping):
            mentions.append((mentioned, mention if isinstance(mention, str) else ""))
    return mentions


def quoted_message_ids(text: Any, entities: Any) -> list[str]:
    """The IDs of the messages that a reply quotes, each once."""
    ids: dict[str, None] = {}
    for entity in entities if isinstance(entities, list | tuple) else ():
        if isinstance(entity, Mapping) and entity.get("type") == "quotedReply":
            quoted = entity.get("quotedReply")
            message_id = quoted.get("messageId") if isinstance(quoted, Mapping) else None
            if isinstance(message_id, str) and message_id:
                ids[message_id] = None
    for marker in QUOTED_MESSAGE.finditer(text) if isinstance(text, str) else ():
        if match := QUOTED_ID.search(marker[1]):
            ids[match[1]] = None
    return list(ids)


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
