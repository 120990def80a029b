"""One Teams turn: identify, authorize, parse, use case, card."""

import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from botbuilder.core import TurnContext
from botbuilder.core.teams import TeamsActivityHandler
from botbuilder.schema import Activity, Attachment, InvokeResponse

from bot.actions import read_consent, read_press, refusal
from bot.activities import (
    bot_id_of,
    conversation_of,
    deleted_conversation,
    files_of,
    is_bot_among,
    is_edited,
    messages_before,
    press_of,
    turn_id_of,
)
from bot.adapter import CARD
from bot.cards_in_progress import WORKING
from bot.chat import Chat
from bot.handlers.team_files import store_file
from bot.parser import Parsed, parse
from bot.people import People
from bot.replies import Replies
from bot.suggestions import suggestions_after, unknown_text
from bot.turn import Card, ChooseError, Command, Reply, Turn
from bot.words import MAX_TEXT, mentioned_people, raw_text_to_bot, skip_words, text_to_bot
from cards import general
from services.administration import Conversations, Roles
from services.domain import Actor, SourceDescription
from services.domain.errors import AgentError, InvalidError
from services.ports import Clock

log = structlog.get_logger()

PRESS = "adaptiveCard/action"
FILE_CONSENT = "fileConsent/invoke"
MESSAGE = "application/vnd.microsoft.activity.message"
TAKES_TABLES = "import teams"
"""The command after which people paste whole files."""


@dataclass(frozen=True, slots=True)
class TurnServices:
    """What a turn needs beyond the commands."""

    roles: Roles
    people: People
    conversations: Conversations
    chat: Chat
    replies: Replies
    clock: Clock
    source: SourceDescription


class CostBot(TeamsActivityHandler):  # type: ignore[misc] # the SDK ships no types
    """The bot's turns."""

    def __init__(self, commands: Sequence[Command], services: TurnServices) -> None:
        super().__init__()
        self._commands = commands
        self._services = services

    # What Teams sends

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """A typed command, or a button in a client that does not know ``Action.Execute``: its
        ``Action.Submit`` fallback arrives as a message with a ``value``.
        """
        activity = _raw(turn_context)
        is_press = isinstance(activity.get("value"), dict)
        turn = await self._turn(turn_context, activity, is_press=is_press)
        if turn is None:
            return
        if is_press:
            work = self._guarded(turn, self._press(turn, activity["value"]))
        else:
            work = self._typed(turn, activity)
        reply = await self._services.replies.in_time(turn, work)
        if reply is not None:
            await self._services.replies.show(turn, reply)

    async def on_message_update_activity(self, turn_context: TurnContext) -> None:
        """Somebody edited a message: answer the edited text."""
        if is_edited(_raw(turn_context)):
            await self.on_message_activity(turn_context)

    async def on_invoke_activity(self, turn_context: TurnContext) -> None:
        """A button. The response is for the person who pressed; ``Replies`` shows it to all.

        The SDK's own ``on_adaptive_card_invoke`` is not used: it cannot serialize a response whose
        value is a string, and fails on a malformed action.
        """
        activity = _raw(turn_context)
        if activity.get("name") == FILE_CONSENT:
            await self._file_consent(turn_context, activity)
            return
        if activity.get("name") != PRESS:
            await _respond(turn_context, MESSAGE, "The agent does not support this.", status=400)
            return
        turn = await self._turn(turn_context, activity, is_press=True)
        if turn is None:
            return
        work = self._press(turn, press_of(activity))
        reply = await self._services.replies.in_time(turn, self._guarded(turn, work))
        if reply is None:
            await _respond(turn_context, MESSAGE, WORKING)
            return
        if reply.replaces_pressed_card:
            await _respond(turn_context, CARD, reply.card)
        else:
            await _respond(turn_context, MESSAGE, reply.text or "Done.")
        if reply.card is not None:
            await self._services.replies.show(turn, reply)

    async def _file_consent(self, turn_context: TurnContext, activity: dict[str, Any]) -> None:
        """Somebody allowed the agent to store a file, or did not. Teams shows no response to this
        invoke; the answer takes the place of the question.
        """
        turn = await self._turn(turn_context, activity, is_press=True)
        if turn is None:
            return
        await turn_context.send_activity(
            Activity(type="invokeResponse", value=InvokeResponse(status=200))
        )
        work = self._guarded(turn, self._store_file(turn, activity.get("value")))
        reply = await self._services.replies.in_time(turn, work)
        if reply is not None:
            await self._services.replies.show(turn, reply)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        """The app was added or removed."""
        activity = _raw(turn_context)
        if str(activity.get("action", "")).startswith("remove"):
            await self._removed(activity)
        else:
            await self._welcome(turn_context, activity)

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        """The bot was added to a conversation or removed, or something else about it changed.

        Handled here because the SDK's dispatch looks every added member up in Teams, one request
        each.
        """
        activity = _raw(turn_context)
        if is_bot_among(activity.get("membersAdded"), activity):
            await self._welcome(turn_context, activity)
        elif is_bot_among(activity.get("membersRemoved"), activity):
            await self._removed(activity)
        elif deleted := deleted_conversation(activity):
            await self._deleted(deleted)

    async def _welcome(self, turn_context: TurnContext, activity: dict[str, Any]) -> None:
        conversation = await self._services.conversations.seen(
            conversation_of(activity, self._services.clock())
        )
        # Teams announces one installation twice, as installationUpdate and conversationUpdate.
        if await self._services.conversations.welcome_once(conversation.id):
            source = self._services.source
            card = general.welcome(conversation.kind, source.title, source.is_sample)
            await _send(turn_context, card)

    async def _removed(self, activity: dict[str, Any]) -> None:
        now = self._services.clock()
        conversation = conversation_of(activity, now)
        await self._services.chat.app.alerts.handle_lost(conversation.id, "uninstalled", now)

    async def _deleted(self, conversation_id: str) -> None:
        """Turn off the alerts of a channel that no longer exists."""
        services, now = self._services, self._services.clock()
        conversation = await services.conversations.get(conversation_id)
        if conversation is None:
            return
        await services.chat.app.alerts.handle_lost(conversation_id, "deleted", now)
        if conversation.alerts_since is not None:
            await services.conversations.stop(conversation, Actor(interface="chat"), now)

    # Who, and what

    async def _turn(
        self, turn_context: TurnContext, activity: dict[str, Any], *, is_press: bool
    ) -> Turn | None:
        """Return the turn; None if it was refused, after telling the sender why."""
        services = self._services
        try:
            person = await services.people.sender(activity)
            conversation = await services.conversations.seen(
                conversation_of(activity, services.clock())
            )
            role = await services.roles.role_of(person)
        except AgentError as error:
            if turn_context.activity.type == "invoke":
                await _respond(turn_context, MESSAGE, str(error))
            else:
                await _send(turn_context, general.closed(str(error)))
            return None
        message_id = activity.get("replyToId")
        has_message = is_press and isinstance(message_id, str) and message_id
        return Turn(
            person=person,
            role=role,
            conversation=conversation,
            now=services.clock(),
            id=turn_id_of(activity),
            thread=activity["conversation"]["id"],
            mentions=mentioned_people(activity.get("entities"), bot_id_of(activity)),
            about=() if is_press else messages_before(activity),
            files=files_of(activity),
            is_press=is_press,
            pressed_message_id=message_id if has_message else None,
        )

    async def _typed(self, turn: Turn, activity: dict[str, Any]) -> Reply:
        message = (activity.get("text"), activity.get("entities"), activity["recipient"])
        text = text_to_bot(*message)
        # A file without a word is meant to be imported.
        parsed = parse(text or ("import teams" if turn.files else ""), self._commands)
        if parsed.command is None:
            return await self._guarded(turn, unknown_text(self._services.chat, text, parsed))
        words_of_command = len(text.split()) - len(parsed.argument.split())
        raw_argument = skip_words(raw_text_to_bot(*message), words_of_command)
        turn = replace(turn, raw_argument=raw_argument)
        work = self._command(turn, parsed.command, parsed.argument)
        return await self._guarded(turn, work, parsed)

    async def _command(self, turn: Turn, command: Command, argument: str) -> Reply:
        if not command.is_for(turn.role, argument):
            return Reply(await self._denied(command))
        if len(argument) > MAX_TEXT and command.name != TAKES_TABLES:
            raise InvalidError(
                f"Nothing was changed: the message has {len(argument):,} characters after the command, "
                f"and the maximum is {MAX_TEXT:,}. Send it in parts."
            )
        return await command.handler(self._services.chat, turn, argument)

    async def _press(self, turn: Turn, data: Any) -> Reply:
        """Do what a button does. The role is checked on every press: everybody in a channel sees
        the buttons of whoever asked for the card.
        """
        press = read_press(data)
        if press.button.role == "admin" and not turn.is_admin:
            return Reply(text=refusal(await self._services.roles.names()))
        return await press.button.handler(self._services.chat, turn, press.payload)

    async def _store_file(self, turn: Turn, data: Any) -> Reply:
        consent = read_consent(data)
        if not turn.is_admin:
            return Reply(text=refusal(await self._services.roles.names()))
        return await store_file(self._services.chat, turn, consent)

    async def _denied(self, command: Command) -> Card:
        action = command.name if command.role == "admin" else f"change the {command.name}"
        return general.permission_denied(action, await self._services.roles.names())

    async def _guarded(
        self, turn: Turn, work: Awaitable[Reply], parsed: Parsed | None = None
    ) -> Reply:
        """The one place of this interface where errors become sentences.

        ``parsed``: the typed command that the work is for.
        """
        suggestions: Sequence[str] = ("status", "history") if turn.is_admin else ("status",)
        try:
            return await work
        except ChooseError as error:
            return Reply(error.card, is_new_message=turn.is_press)
        except AgentError as error:
            text, suggestions = str(error), suggestions_after(error, parsed)
        except Exception:
            reference = secrets.token_hex(2)
            log.exception("command_failed", reference=reference)
            text = (
                f"Something went wrong (ref {reference}). Details are in the log. "
                "Write `status` or `history` to see what was completed."
            )
        return Reply(text=text) if turn.is_press else Reply(general.error(text, suggestions))


def _raw(turn_context: TurnContext) -> dict[str, Any]:
    return dict(turn_context.turn_state["raw"])


async def _send(turn_context: TurnContext, card: Card) -> None:
    message = Activity(
        type="message",
        attachments=[Attachment(content_type=CARD, content=card)],
        summary=str(card.get("fallbackText") or "")[:200],
    )
    await turn_context.send_activity(message)


async def _respond(turn_context: TurnContext, kind: str, value: Any, *, status: int = 200) -> None:
    """Answer an invoke; a status other than 200 shows the presser nothing but a failure."""
    body = {"statusCode": status, "type": kind, "value": value}
    response = InvokeResponse(status=status, body=body)
    await turn_context.send_activity(Activity(type="invokeResponse", value=response))
