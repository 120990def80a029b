"""Typed text as commands see it: without mentions, odd spaces and quotation marks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

SPACES = re.compile(r"[\s\u00a0\u200b\u200c\u200d\u202f\ufeff]+")
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})
QUOTED = re.compile(r'"([^"]*)"|(\S+)')
LONGEST = 4000


def said_to_bot(text: Any, entities: Any, bot_id: str) -> str:
    """The text without the mentions of the bot, and only those; spaces made plain."""
    words = text if isinstance(text, str) else ""
    for entity in entities if isinstance(entities, Sequence) else ():
        if not isinstance(entity, Mapping) or entity.get("type") != "mention":
            continue
        mentioned = entity.get("mentioned")
        mention = entity.get("text")
        of_bot = isinstance(mentioned, Mapping) and mentioned.get("id") == bot_id
        if of_bot and isinstance(mention, str) and mention:
            words = words.replace(mention, " ")
    words = words.replace("&nbsp;", " ")
    return SPACES.sub(" ", words.translate(QUOTES)).strip()[:LONGEST]


def mentioned_people(entities: Any, bot_id: str) -> list[tuple[str, str]]:
    """(user id, name) of everybody who is mentioned beside the bot."""
    found = []
    for entity in entities if isinstance(entities, Sequence) else ():
        mentioned = entity.get("mentioned") if isinstance(entity, Mapping) else None
        if not isinstance(mentioned, Mapping):
            continue
        user_id = mentioned.get("id")
        if isinstance(user_id, str) and user_id != bot_id:
            found.append((user_id, str(mentioned.get("name") or "")))
    return found


def parts(text: str) -> list[str]:
    """Words, with quoted ones kept together."""
    return [quoted or word for quoted, word in QUOTED.findall(text)]


def unquoted(text: str) -> str:
    """A name without the quotation marks around it."""
    return text.strip().strip('"').strip()
