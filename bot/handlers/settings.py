"""Schedule, recipients, and where alerts go."""

import re
from collections.abc import Callable, Mapping, Sequence

from bot.chat import Chat
from bot.handlers.common import role_in
from bot.press import Press
from bot.turn import Reply, Turn
from bot.words import parts
from cards import general
from cards import settings as cards
from services.audit import new_entry_id
from services.errors import InvalidError
from services.model import StoredConfig
from services.schedule import WEEKDAYS

HOUR = re.compile(r"(\d{1,2})(?::00)?(?:h)?", re.ASCII)
SHORTEST_DAY = 3


# Schedule


async def show_schedule(chat: Chat, turn: Turn, rest: str) -> Reply:
    """When the reports go out; or another time."""
    if rest:
        return await _save_schedule(chat, turn, *_typed(rest))
    config = await chat.config.stored(turn.now)
    return Reply(cards.schedule(config, await chat.runs.upcoming(turn.now), role_in(turn)))


def _typed(rest: str) -> tuple[str, str, str]:
    match parts(rest):
        case [day, hour]:
            return day, hour, ""
        case [day, hour, zone]:
            return day, hour, zone
    raise InvalidError("Write the day, the hour and the zone: schedule monday 9 Europe/Berlin")


async def save_schedule(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores the form; what was chosen is kept when something is wrong."""
    chosen = (press.day, press.hour, press.zone)
    try:
        return await _save_schedule(chat, turn, *chosen)
    except InvalidError as error:
        config = await chat.config.stored(turn.now)
        slots = await chat.runs.upcoming(turn.now)
        return Reply(cards.schedule(config, slots, role_in(turn), chosen, [str(error)]))


async def _save_schedule(chat: Chat, turn: Turn, day: str, hour: str, zone: str) -> Reply:
    matched = HOUR.fullmatch(hour.strip())
    if matched is None:
        raise InvalidError(f"“{hour[:20]}” is no hour. Give one from 0 to 23.")
    body: dict[str, object] = {"schedule_day": _weekday(day), "schedule_hour": int(matched[1])}
    if zone:
        body["schedule_timezone"] = zone
    entry = new_entry_id()
    await _change(chat, turn, body, entry)
    config = await chat.config.stored(turn.now)
    slots = await chat.runs.upcoming(turn.now)
    known = await chat.audit.get(entry)
    return Reply(cards.schedule_saved(config, slots, turn.actor.name, entry if known else None))


def _weekday(text: str) -> str:
    wanted = text.strip().casefold()
    found = [day for day in WEEKDAYS if day.startswith(wanted)]
    return found[0] if len(wanted) >= SHORTEST_DAY and len(found) == 1 else wanted


async def _change(
    chat: Chat,
    turn: Turn,
    body: Mapping[str, object] | Callable[[StoredConfig], Mapping[str, object]],
    entry: str,
) -> None:
    """Changes settings; InvalidError names them as people know them, not as REST does."""
    try:
        await chat.config.change(body, turn.actor, turn.now, entry_id=entry)
    except InvalidError as error:
        reasons = cards.problems_of(error.errors)
        if not reasons:
            raise
        raise InvalidError(f"Nothing was changed: {'; '.join(reasons)}.") from error


# Recipients


async def show_recipients(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Who gets the consolidated report; or one more, or one less."""
    config = await chat.config.stored(turn.now)
    if not rest:
        return Reply(cards.recipients(config, role_in(turn)))
    verb, _, address = rest.partition(" ")
    address = address.strip().strip("<>").removeprefix("mailto:")
    if verb.casefold() == "add" and address:
        return await _save_recipients(chat, turn, lambda known: [*known, address])
    if verb.casefold() in {"remove", "delete"} and address:
        return await _save_recipients(chat, turn, lambda known: _without(known, address))
    raise InvalidError("Write recipients, recipients add mail@x or recipients remove mail@x.")


def _without(known: Sequence[str], address: str) -> list[str]:
    left = [one for one in known if one.casefold() != address.casefold()]
    if len(left) == len(known):
        raise InvalidError(f"{address} is not one of the addresses. Write recipients.")
    return left


async def save_recipients(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores the form; what was typed is kept when something is wrong."""
    addresses = [one for one in re.split(r"[,;\s]+", press.mails) if one]
    try:
        return await _save_recipients(chat, turn, lambda _: addresses)
    except InvalidError as error:
        config = await chat.config.stored(turn.now)
        return Reply(cards.recipients(config, role_in(turn), press.mails, [str(error)]))


async def _save_recipients(
    chat: Chat, turn: Turn, changed: Callable[[Sequence[str]], list[str]]
) -> Reply:
    """``changed``: from the addresses as they are stored at the moment of the change."""
    entry = new_entry_id()

    def body(stored: StoredConfig) -> dict[str, object]:
        return {"global_admin_emails": changed(stored.global_admin_emails)}

    await _change(chat, turn, body, entry)
    stored = (await chat.config.stored(turn.now)).global_admin_emails
    words = f"The admins' report goes to {', '.join(stored) or 'nobody'}."
    known = await chat.audit.get(entry)
    return Reply(cards.saved(words, turn.actor.name, entry if known else None))


# Alerts


async def show_channels(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Where alerts go."""
    registered = await chat.conversations.with_alerts()
    return Reply(cards.channels(registered, turn.conversation, role_in(turn)))


async def alerts_here(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Alerts come to this conversation from now on."""
    found = await chat.conversations.register(turn.conversation, turn.actor, turn.now)
    chat.tell()
    return Reply(cards.channel(found))


async def press_alerts_here(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    return await alerts_here(chat, turn, "")


async def alerts_off(chat: Chat, turn: Turn, rest: str) -> Reply:
    """No more alerts come here."""
    await chat.conversations.stop(turn.conversation, turn.actor, turn.now)
    return Reply(general.closed(f"No more alerts come here. Turned off by {turn.actor.name}."))


async def press_alerts_off(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    return await alerts_off(chat, turn, "")


async def test_alerts(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Posts a message as an alert is posted: without being asked."""
    await chat.poster.test(turn.conversation)
    return Reply(words="A test message was posted.")
