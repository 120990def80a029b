"""One Teams turn: identify, authorise, parse, use case, card."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from botbuilder.core import TurnContext
from botbuilder.core.teams import TeamsActivityHandler
from botbuilder.schema import Activity, Attachment, InvokeResponse

from bot.actions import handle, role_of
from bot.adapter import CARD
from bot.authenticator import tenant_of
from bot.chat import Chat
from bot.parser import parse
from bot.people import OutsiderError, People
from bot.press import pressed
from bot.turn import Card, ChooseError, Command, Reply, Turn
from bot.words import mentioned_people, said_to_bot
from cards import general
from services.conversations import Conversations
from services.errors import AgentError
from services.model import Conversation
from services.ports import Clock
from services.roles import Roles

log = structlog.get_logger()

WORDS = "application/vnd.microsoft.activity.message"
FILE = "application/vnd.microsoft.teams.file.download.info"
ANSWER_SECONDS = 0.8
"""After this long a card says that the answer is being worked on."""
KINDS = {"personal": "personal", "groupChat": "group", "channel": "channel"}


class LongWork(Protocol):
    """Cards that change after the turn."""

    async def begun(self, turn: Turn, activity_id: str) -> None:
        """A card says that an answer is being worked on."""
        ...

    async def finish(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Shows the answer in the place of that card, and goes on with a run if it has one."""
        ...

    def follow(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Keeps the card of a run up to date."""
        ...

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> object:
        """Background work with an owner."""
        ...


@dataclass(frozen=True, slots=True)
class TurnServices:
    """What a turn needs beside the commands."""

    roles: Roles
    people: People
    conversations: Conversations
    chat: Chat
    long_work: LongWork
    clock: Clock
    sample: bool


class CostBot(TeamsActivityHandler):  # type: ignore[misc] # the SDK ships no types
    """The bot's turns."""

    def __init__(self, commands: Sequence[Command], services: TurnServices) -> None:
        super().__init__()
        self._commands = commands
        self._services = services

    # What Teams sends

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """A typed command, or a button of a client that knows no Action.Execute."""
        activity = _raw(turn_context)
        turn = await self._turn(turn_context, activity)
        if turn is None:
            return
        if isinstance(activity.get("value"), dict):
            work = self._press(turn, activity["value"])
            await self._show_press(turn_context, turn, await self._guarded(turn, work))
        else:
            words = said_to_bot(activity.get("text"), activity.get("entities"), _bot_id(activity))
            await self._answer(turn_context, turn, self._command(turn, words))

    async def on_invoke_activity(self, turn_context: TurnContext) -> None:
        """A button. The answer of the invoke is for the presser, the card's update for all."""
        activity = _raw(turn_context)
        value = activity.get("value")
        action = value.get("action") if isinstance(value, dict) else None
        if activity.get("name") != "adaptiveCard/action" or not isinstance(action, dict):
            await _respond(turn_context, 200, WORDS, "This is not known here.", status=400)
            return
        turn = await self._turn(turn_context, activity, toast=True)
        if turn is None:
            return
        data = action.get("data")
        payload = {"verb": action.get("verb"), **(data if isinstance(data, dict) else {})}
        task = asyncio.ensure_future(self._guarded(turn, self._press(turn, payload)))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if not done:
            self._services.long_work.start(
                f"press {activity.get('id')}", self._late_press(turn, task)
            )
            await _respond(turn_context, 200, WORDS, "Working on it…")
            return
        reply = task.result()
        await self._show_press(turn_context, turn, reply)
        if reply.card is not None and not reply.fresh:
            await _respond(turn_context, 200, CARD, reply.card)
        else:
            await _respond(turn_context, 200, WORDS, reply.words or "Done.")

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        """The app was added or removed."""
        activity = _raw(turn_context)
        conversation = conversation_of(activity, self._services.clock)
        if str(activity.get("action", "")).startswith("remove"):
            await self._services.conversations.left(conversation.id, self._services.clock())
        else:
            await self._welcome(turn_context, conversation)

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        """The bot was added to a conversation, or something else about it changed."""
        activity = _raw(turn_context)
        added = activity.get("membersAdded")
        bot = _bot_id(activity)
        members = added if isinstance(added, list) else []
        if any(isinstance(one, dict) and one.get("id") == bot for one in members):
            await self._welcome(turn_context, conversation_of(activity, self._services.clock))

    async def _welcome(self, turn_context: TurnContext, conversation: Conversation) -> None:
        known = await self._services.conversations.seen(conversation)
        if await self._services.conversations.welcome_once(known.id):
            await _send(turn_context, general.welcome(known.kind, self._services.sample))

    # Who, and what

    async def _turn(
        self, turn_context: TurnContext, activity: dict[str, Any], *, toast: bool = False
    ) -> Turn | None:
        """The turn, or None when the person has been told that it cannot be."""
        services = self._services
        try:
            person = await services.people.speaker(activity)
            conversation = await services.conversations.seen(
                conversation_of(activity, services.clock)
            )
            role = await services.roles.role_of(person)
        except (OutsiderError, AgentError) as error:
            if toast:
                await _respond(turn_context, 200, WORDS, str(error))
            else:
                await _send(turn_context, general.closed(str(error)))
            return None
        return Turn(
            person=person,
            role=role,
            conversation=conversation,
            now=services.clock(),
            mentions=mentioned_people(activity.get("entities"), _bot_id(activity)),
            files=_files(activity),
            pressed=activity.get("replyToId"),
        )

    async def _command(self, turn: Turn, words: str) -> Reply:
        parsed = parse(words, self._commands)
        if parsed.command is None:
            if turn.files and not words:
                parsed = parse("import teams", self._commands)
            else:
                return Reply(general.unknown(words, parsed.closest))
        if parsed.command is None:
            raise AssertionError("import teams is a command")
        for_admins = parsed.command.role == "admin" or (
            parsed.command.admin_to_set and parsed.rest
        )
        if for_admins and not turn.is_admin:
            return Reply(await self._denied(parsed.command.does))
        return await parsed.command.handler(self._services.chat, turn, parsed.rest)

    async def _press(self, turn: Turn, payload: Any) -> Reply:
        press = pressed(payload)
        if role_of(press.verb) == "admin" and not turn.is_admin:
            names = await self._services.roles.names()
            listed = f" Admins: {', '.join(names)}." if names else ""
            return Reply(words=f"Only admins can do this.{listed}")
        return await handle(self._services.chat, turn, press)

    async def _denied(self, does: str) -> Card:
        return general.denied(does, await self._services.roles.names())

    async def _guarded(self, turn: Turn, work: Awaitable[Reply]) -> Reply:
        """The one place of this door where errors become words."""
        try:
            return await work
        except ChooseError as error:
            return Reply(error.card, fresh=turn.pressed is not None)
        except AgentError as error:
            if turn.pressed is not None:
                return Reply(words=str(error))
            return Reply(general.error(str(error)))

    # Showing

    async def _answer(
        self, turn_context: TurnContext, turn: Turn, work: Coroutine[Any, Any, Reply]
    ) -> None:
        """Shows the answer, or within a second that it is being worked on."""
        task = asyncio.ensure_future(self._guarded(turn, work))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        long_work = self._services.long_work
        if done:
            reply = task.result()
            activity_id = await _send(turn_context, reply.card or general.closed(reply.words))
            long_work.follow(turn, activity_id, reply)
            return
        activity_id = await _send(turn_context, general.working("Working on it…"))
        await long_work.begun(turn, activity_id)
        long_work.start(f"answer {activity_id}", self._late_answer(turn, activity_id, task))

    async def _late_answer(
        self, turn: Turn, activity_id: str, task: "asyncio.Future[Reply]"
    ) -> None:
        reply = await task
        shown = Reply(reply.card or general.closed(reply.words), run_id=reply.run_id)
        await self._services.long_work.finish(turn, activity_id, shown)

    async def _late_press(self, turn: Turn, task: "asyncio.Future[Reply]") -> None:
        reply = await task
        card = reply.card or general.closed(reply.words)
        target = None if reply.fresh or reply.card is None else turn.pressed
        await self._services.long_work.finish(turn, target or "", Reply(card, run_id=reply.run_id))

    async def _show_press(self, turn_context: TurnContext, turn: Turn, reply: Reply) -> None:
        """A new message, or the pressed card replaced for all."""
        if reply.card is None:
            if turn_context.activity.type == "message" and reply.words:
                await _send(turn_context, general.closed(reply.words))
            return
        if reply.fresh or turn.pressed is None:
            activity_id = await _send(turn_context, reply.card)
        else:
            activity_id = turn.pressed
            await turn_context.update_activity(_message(reply.card, activity_id))
        self._services.long_work.follow(turn, activity_id, reply)


def _raw(turn_context: TurnContext) -> dict[str, Any]:
    """The activity as it came; the SDK's classes lose fields."""
    return dict(turn_context.turn_state["raw"])


def _bot_id(activity: dict[str, Any]) -> str:
    return str(activity["recipient"].get("id") or "")


def conversation_of(activity: dict[str, Any], clock: Clock) -> Conversation:
    """The conversation of an activity, without its thread."""
    given = activity["conversation"]
    channel_data = activity.get("channelData")
    channel = channel_data.get("channel") if isinstance(channel_data, dict) else None
    title = given.get("name") or (channel.get("name") if isinstance(channel, dict) else None)
    return Conversation(
        id=given["id"].partition(";")[0],
        kind=KINDS.get(str(given.get("conversationType")), "personal"),
        service_url=str(activity.get("serviceUrl") or "").rstrip("/"),
        tenant_id=tenant_of(activity),
        bot_id=_bot_id(activity),
        title=str(title or "")[:100],
        updated_at=clock(),
    )


def _files(activity: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    attachments = activity.get("attachments")
    for one in attachments if isinstance(attachments, list) else []:
        if isinstance(one, dict) and one.get("contentType") == FILE:
            content = one.get("content")
            address = content.get("downloadUrl") if isinstance(content, dict) else None
            if isinstance(address, str):
                found.append((str(one.get("name") or "")[:200], address))
    return found


def _message(card: Card, activity_id: str | None = None) -> Activity:
    return Activity(
        type="message",
        id=activity_id,
        attachments=[Attachment(content_type=CARD, content=card)],
        summary=str(card.get("fallbackText") or "")[:200],
    )


async def _send(turn_context: TurnContext, card: Card) -> str:
    sent = await turn_context.send_activity(_message(card))
    return str(sent.id) if sent is not None else ""


async def _respond(
    turn_context: TurnContext, code: int, kind: str, value: Any, *, status: int = 200
) -> None:
    body = {"statusCode": code, "type": kind, "value": value}
    response = InvokeResponse(status=status, body=body)
    await turn_context.send_activity(Activity(type="invokeResponse", value=response))
