"""Schedule, recipients, and the conversations that get alerts."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from zoneinfo import available_timezones

from bot.chat import Chat
from bot.handlers.common import role_in
from bot.payloads import Payload, Text
from bot.turn import Reply, Turn
from bot.words import split_words
from cards import general
from cards.conversations import alert_conversations, alerts_on
from cards.field_names import setting_errors
from cards.recipients import recipients_card
from cards.schedule import schedule_card, schedule_saved
from services.administration import new_entry_id
from services.domain import StoredConfig
from services.domain.errors import InvalidError
from services.domain.pasted import split_addresses
from services.domain.schedule import WEEKDAYS

HOUR = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.]00)? ?(?:h|(?P<half>[ap])\.?m\.?)?", re.ASCII | re.IGNORECASE
)
HALF_WORD = re.compile(r"(?<=\d) (?=[ap]\.?m\b)", re.IGNORECASE)
"""The space in ``9 am``."""
FILLERS = {"at", "on", "every", "in"}
NOON = 12
MIN_DAY = 3
"""Letters of a weekday: ``mon``."""


class SchedulePayload(Payload):
    """The form of the schedule."""

    day: Text = ""
    hour: Text = ""
    zone: Text = ""


class RecipientsPayload(Payload):
    """The form of the recipients: addresses separated by commas, semicolons or spaces."""

    mails: Text = ""


# Schedule


async def show_schedule(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show when the reports go out, or change it."""
    if argument:
        return await _save_schedule(chat, turn, *_typed(argument))
    config = await chat.app.administration.config.stored(turn.now)
    return Reply(
        schedule_card(config, await chat.app.runs.requests.upcoming(turn.now), role_in(turn))
    )


def _typed(argument: str) -> tuple[str, str, str]:
    words = split_words(HALF_WORD.sub("", argument))
    match [word for word in words if word.casefold() not in FILLERS]:
        case [day, hour, *zone]:
            return day, hour, " ".join(zone)
    raise InvalidError("Write the day, the hour and the zone: schedule monday 9 Europe/Berlin")


async def save_schedule(chat: Chat, turn: Turn, payload: SchedulePayload) -> Reply:
    """Store the form; if it is invalid, show it again with the choices that were made."""
    chosen = (payload.day, payload.hour, payload.zone)
    try:
        return await _save_schedule(chat, turn, *chosen)
    except InvalidError as error:
        config = await chat.app.administration.config.stored(turn.now)
        slots = await chat.app.runs.requests.upcoming(turn.now)
        return Reply(schedule_card(config, slots, role_in(turn), chosen, [str(error)]))


async def _save_schedule(chat: Chat, turn: Turn, day: str, hour: str, zone: str) -> Reply:
    body: dict[str, object] = {"schedule_day": _weekday(day), "schedule_hour": _hour(hour)}
    if zone:
        body["schedule_timezone"] = await asyncio.to_thread(_zone, zone)
    entry = new_entry_id()
    await _change(chat, turn, body, entry)
    config = await chat.app.administration.config.stored(turn.now)
    slots = await chat.app.runs.requests.upcoming(turn.now)
    is_changed = await chat.app.administration.audit_trail.get(entry) is not None
    skipped_week = await chat.app.runs.requests.skipped_week(turn.now) if is_changed else None
    return Reply(
        schedule_saved(config, slots, skipped_week, turn.actor.name, entry if is_changed else None)
    )


def _hour(text: str) -> int:
    """``9``, ``09:00``, ``9am``, ``9 pm``."""
    match = HOUR.fullmatch(text.strip())
    hour = int(match["hour"]) if match else -1
    if match and match["half"]:
        hour = hour % NOON + NOON * (match["half"].casefold() == "p") if 1 <= hour <= NOON else -1
    if hour < 0:
        raise InvalidError(f"“{text[:20]}” is not an hour. Give one from 0 to 23.")
    return hour


def _zone(text: str) -> str:
    """The time zone as its database writes it: ``Europe/Berlin`` for ``europe/berlin``."""
    key = "_".join(text.split())
    return _zones().get(key.casefold(), key)


@cache
def _zones() -> Mapping[str, str]:
    """Time zones by their name in lower case; the first call reads some 600 files."""
    return {zone.casefold(): zone for zone in available_timezones()}


def _weekday(text: str) -> str:
    wanted = text.strip().casefold()
    days = [day for day in WEEKDAYS if day.startswith(wanted)]
    return days[0] if len(wanted) >= MIN_DAY and len(days) == 1 else wanted


async def _change(
    chat: Chat,
    turn: Turn,
    body: Mapping[str, object] | Callable[[StoredConfig], Mapping[str, object]],
    entry: str,
) -> None:
    """Change settings. Raises InvalidError that names them as people do, not as REST does."""
    try:
        await chat.app.administration.config.change(body, turn.actor, turn.now, entry_id=entry)
    except InvalidError as error:
        reasons = setting_errors(error.errors)
        if not reasons:
            raise
        raise InvalidError(f"Nothing was changed: {'; '.join(reasons)}.") from error


# Recipients


async def show_recipients(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show who gets the consolidated report, or change it."""
    config = await chat.app.administration.config.stored(turn.now)
    if not argument:
        return Reply(recipients_card(config, role_in(turn)))
    verb, _, typed = argument.partition(" ")
    addresses = split_addresses(typed)
    if verb.casefold() == "add" and addresses:
        return await _save_recipients(chat, turn, lambda stored: [*stored, *addresses])
    if verb.casefold() in {"remove", "delete"} and addresses:
        return await _save_recipients(chat, turn, lambda stored: _without(stored, addresses))
    raise InvalidError("Write recipients, recipients add mail@x or recipients remove mail@x.")


def _without(stored: Sequence[str], addresses: Sequence[str]) -> list[str]:
    known = {address.casefold() for address in stored}
    for address in addresses:
        if address.casefold() not in known:
            raise InvalidError(f"{address} is not one of the addresses. Write recipients.")
    removed = {address.casefold() for address in addresses}
    return [address for address in stored if address.casefold() not in removed]


async def save_recipients(chat: Chat, turn: Turn, payload: RecipientsPayload) -> Reply:
    """Store the form; if it is invalid, show it again with the text that was typed."""
    addresses = split_addresses(payload.mails)
    try:
        return await _save_recipients(chat, turn, lambda _: addresses)
    except InvalidError as error:
        config = await chat.app.administration.config.stored(turn.now)
        return Reply(recipients_card(config, role_in(turn), payload.mails, [str(error)]))


async def _save_recipients(
    chat: Chat, turn: Turn, change: Callable[[Sequence[str]], list[str]]
) -> Reply:
    """Store the addresses that ``change`` returns.

    It receives those that are stored at that moment, so two simultaneous additions are both kept.
    """
    entry = new_entry_id()

    def body(stored: StoredConfig) -> dict[str, object]:
        return {"global_admin_emails": change(stored.global_admin_emails)}

    await _change(chat, turn, body, entry)
    stored = (await chat.app.administration.config.stored(turn.now)).global_admin_emails
    text = f"The admins' report goes to {', '.join(stored) or 'nobody'}."
    is_changed = await chat.app.administration.audit_trail.get(entry) is not None
    return Reply(general.setting_saved(text, turn.actor.name, entry if is_changed else None))


# Alerts


async def show_channels(chat: Chat, turn: Turn, argument: str) -> Reply:
    """The conversations that get alerts."""
    registered = await chat.app.administration.conversations.with_alerts()
    return Reply(alert_conversations(registered, turn.conversation, role_in(turn)))


async def alerts_here(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Send alerts to this conversation from now on."""
    conversation = await chat.app.administration.conversations.register(
        turn.conversation, turn.actor, turn.now
    )
    chat.app.runs.scheduler.send_alerts()
    return Reply(alerts_on(conversation))


async def press_alerts_here(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """Do what ``alerts_here`` does, for a button."""
    return await alerts_here(chat, turn, "")


async def alerts_off(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Send no more alerts to this conversation."""
    await chat.app.administration.conversations.stop(turn.conversation, turn.actor, turn.now)
    return Reply(general.closed(f"No more alerts come here. Turned off by {turn.actor.name}."))


async def press_alerts_off(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """Do what ``alerts_off`` does, for a button."""
    return await alerts_off(chat, turn, "")


async def test_alerts(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """Post a test message the way an alert is posted, not as the answer to a turn."""
    await chat.poster.test(turn.conversation)
    return Reply(text="A test message was posted.")
