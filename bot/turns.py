"""One Teams turn: identify, authorise, parse, use case, card."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import structlog
from botbuilder.core import TurnContext
from botbuilder.core.teams import TeamsActivityHandler
from botbuilder.schema import Activity, Attachment, InvokeResponse

from bot.actions import handle, refused, role_of
from bot.adapter import CARD
from bot.authenticator import tenant_of
from bot.chat import Chat
from bot.parser import parse
from bot.people import People
from bot.press import pressed
from bot.turn import Card, ChooseError, Command, Reply, Turn
from bot.words import after_words, mentioned_people, said_to_bot, written_to_bot
from cards import general
from services.conversations import Conversations
from services.errors import AgentError
from services.model import Conversation, SourceDescription
from services.ports import Clock
from services.roles import Roles

log = structlog.get_logger()

PRESS = "adaptiveCard/action"
WORDS = "application/vnd.microsoft.activity.message"
FILE = "application/vnd.microsoft.teams.file.download.info"
ANSWER_SECONDS = 0.8
"""After this long a card says that the answer is being worked on."""
WORKING = "Working on it…"
Kind = Literal["personal", "group", "channel"]
KINDS: dict[str, Kind] = {"personal": "personal", "groupChat": "group", "channel": "channel"}


class LongWork(Protocol):
    """Cards that change after the turn."""

    async def send(self, turn: Turn, reply: Reply) -> str:
        """Shows an answer as a new message; its id."""
        ...

    async def begun(self, turn: Turn) -> str:
        """Shows a card that says that an answer is being worked on; its id, empty without one."""
        ...

    async def finish(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Shows the answer in the place of that card, and goes on with a run if it has one."""
        ...

    async def replace(self, turn: Turn, reply: Reply) -> None:
        """Shows the answer in the place of the pressed card, for all."""
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
    source: SourceDescription


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
        pressed = isinstance(activity.get("value"), dict)
        turn = await self._turn(turn_context, activity, pressed=pressed)
        if turn is None:
            return
        if pressed:
            work = self._press(turn, activity["value"])
            reply = await self._in_time(turn, work)
            if reply is not None:
                fresh = reply.fresh or reply.card is None
                await self._show(turn, replace(reply, fresh=fresh))
            return
        said = (activity.get("text"), activity.get("entities"), activity["recipient"])
        turn = replace(turn, written=written_to_bot(*said))
        reply = await self._in_time(turn, self._command(turn, said_to_bot(*said)))
        if reply is not None:
            await self._show(turn, reply)

    async def on_invoke_activity(self, turn_context: TurnContext) -> None:
        """A button. The answer of the invoke is for the presser, the card's update for all."""
        activity = _raw(turn_context)
        if activity.get("name") != PRESS:
            await _respond(turn_context, WORDS, "This is not known here.", status=400)
            return
        value = activity.get("value")
        action = value.get("action") if isinstance(value, dict) else None
        turn = await self._turn(turn_context, activity, pressed=True)
        if turn is None:
            return
        data = action.get("data") if isinstance(action, dict) else None
        verb = action.get("verb") if isinstance(action, dict) else None
        payload = {"verb": verb, **(data if isinstance(data, dict) else {})}
        reply = await self._in_time(turn, self._press(turn, payload))
        if reply is None:
            await _respond(turn_context, WORDS, WORKING)
            return
        if reply.card is not None and not reply.fresh:
            await _respond(turn_context, CARD, reply.card)
        else:
            await _respond(turn_context, WORDS, reply.words or "Done.")
        if reply.card is not None:
            await self._show(turn, reply)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        """The app was added or removed."""
        activity = _raw(turn_context)
        if str(activity.get("action", "")).startswith("remove"):
            await self._left(activity)
        else:
            await self._welcome(turn_context, activity)

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        """The bot was added to a conversation or removed, or something else about it changed."""
        activity = _raw(turn_context)
        if _is_among(activity.get("membersAdded"), _bot_id(activity)):
            await self._welcome(turn_context, activity)
        elif _is_among(activity.get("membersRemoved"), _bot_id(activity)):
            await self._left(activity)

    async def _welcome(self, turn_context: TurnContext, activity: dict[str, Any]) -> None:
        found = conversation_of(activity, self._services.clock)
        known = await self._services.conversations.seen(found)
        if await self._services.conversations.welcome_once(known.id):
            source = self._services.source
            card = general.welcome(known.kind, source.title, source.is_sample)
            await _send(turn_context, card)

    async def _left(self, activity: dict[str, Any]) -> None:
        conversation = conversation_of(activity, self._services.clock)
        await self._services.chat.alerts.gone(
            conversation.id, "uninstalled", self._services.clock()
        )

    # Who, and what

    async def _turn(
        self, turn_context: TurnContext, activity: dict[str, Any], *, pressed: bool
    ) -> Turn | None:
        """The turn, or None when the person has been told that it cannot be."""
        services = self._services
        try:
            person = await services.people.speaker(activity)
            conversation = await services.conversations.seen(
                conversation_of(activity, services.clock)
            )
            role = await services.roles.role_of(person)
        except AgentError as error:
            if turn_context.activity.type == "invoke":
                await _respond(turn_context, WORDS, str(error))
            else:
                await _send(turn_context, general.closed(str(error)))
            return None
        target = activity.get("replyToId")
        return Turn(
            person=person,
            role=role,
            conversation=conversation,
            now=services.clock(),
            id=_id_of(activity),
            thread=activity["conversation"]["id"],
            mentions=mentioned_people(activity.get("entities"), _bot_id(activity)),
            files=_files(activity),
            pressed=target if pressed and isinstance(target, str) and target else None,
            by_button=pressed,
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
        if not parsed.command.is_for(turn.role, parsed.rest):
            return Reply(await self._denied(parsed.command))
        before = len(words.split()) - len(parsed.rest.split())
        turn = replace(turn, written=after_words(turn.written, before))
        return await parsed.command.handler(self._services.chat, turn, parsed.rest)

    async def _press(self, turn: Turn, payload: Any) -> Reply:
        press = pressed(payload)
        if role_of(press.verb) == "admin" and not turn.is_admin:
            return Reply(words=refused(await self._services.roles.names()))
        return await handle(self._services.chat, turn, press)

    async def _denied(self, command: Command) -> Card:
        what = command.name if command.role == "admin" else f"change the {command.name}"
        return general.denied(what, await self._services.roles.names())

    async def _guarded(self, turn: Turn, work: Awaitable[Reply]) -> Reply:
        """The one place of this door where errors become words."""
        try:
            return await work
        except ChooseError as error:
            return Reply(error.card, fresh=turn.by_button)
        except AgentError as error:
            words = str(error)
        except Exception:
            reference = secrets.token_hex(2)
            log.exception("command_failed", reference=reference)
            words = (
                "The agent failed at this; it stands in its log. See with status and history what "
                f"was done. Ref {reference}"
            )
        return Reply(words=words) if turn.by_button else Reply(general.error(words))

    # Showing

    async def _in_time(self, turn: Turn, work: Coroutine[Any, Any, Reply]) -> Reply | None:
        """The answer; None when it takes longer: then a card says so until it is there."""
        task = asyncio.ensure_future(self._guarded(turn, work))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if done:
            return task.result()
        self._services.long_work.start("answer", self._late(turn, task))
        return None

    async def _late(self, turn: Turn, task: "asyncio.Future[Reply]") -> None:
        activity_id = await self._services.long_work.begun(turn)
        await self._services.long_work.finish(turn, activity_id, await task)

    async def _show(self, turn: Turn, reply: Reply) -> None:
        """Shows an answer; whatever Teams makes of that, what was done is done.

        What takes longer to show goes on behind the turn.
        """
        long_work = self._services.long_work
        replaced = turn.by_button and not reply.fresh
        work = long_work.replace(turn, reply) if replaced else long_work.send(turn, reply)
        task: asyncio.Future[object] = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if not done:
            long_work.start("showing", _awaited(task))
        elif error := task.exception():
            raise error


async def _awaited(task: "asyncio.Future[object]") -> None:
    await task


def _is_among(members: Any, bot_id: str) -> bool:
    found = members if isinstance(members, list) else []
    return any(isinstance(one, dict) and one.get("id") == bot_id for one in found)


def _id_of(activity: dict[str, Any]) -> str:
    """The same for every copy of an activity, and for no other one."""
    given = activity.get("id")
    if not isinstance(given, str) or not given:
        return secrets.token_hex(12)
    return hashlib.sha256(f"{activity['conversation']['id']}|{given}".encode()).hexdigest()[:24]


def _raw(turn_context: TurnContext) -> dict[str, Any]:
    """The activity as it came; the SDK's classes lose fields."""
    return dict(turn_context.turn_state["raw"])


def _bot_id(activity: dict[str, Any]) -> str:
    return str(activity["recipient"].get("id") or "")


def conversation_of(activity: dict[str, Any], clock: Clock) -> Conversation:
    """The conversation of an activity, without its thread."""
    given = activity["conversation"]
    channel_data = activity.get("channelData")
    data = channel_data if isinstance(channel_data, dict) else {}
    found = given["id"].partition(";")[0]
    kind = _kind(given.get("conversationType"), found, data)
    return Conversation(
        id=found,
        kind=kind,
        service_url=str(activity.get("serviceUrl") or "").rstrip("/"),
        tenant_id=tenant_of(activity),
        bot_id=_bot_id(activity),
        title=_title(given, data, found),
        with_id=_object_id(activity) if kind == "personal" else "",
        updated_at=clock(),
    )


def _object_id(activity: dict[str, Any]) -> str:
    """Of whom the activity comes from; empty where Teams does not say it."""
    sender = activity.get("from")
    said = sender.get("aadObjectId") if isinstance(sender, dict) else None
    return said if isinstance(said, str) else ""


def _kind(said: Any, conversation_id: str, data: dict[str, Any]) -> Kind:
    """Where Teams does not say it, the shape of the id and the team do."""
    if isinstance(said, str) and said in KINDS:
        return KINDS[said]
    if not conversation_id.startswith("19:"):
        return "personal"
    return "channel" if data.get("team") else "group"


def _title(given: dict[str, Any], data: dict[str, Any], conversation_id: str) -> str:
    """What people call it; of a team's first channel, whose id is the team's, the team's name."""
    channel, team = data.get("channel"), data.get("team")
    names = [given.get("name"), channel.get("name") if isinstance(channel, dict) else None]
    if isinstance(team, dict) and team.get("id") == conversation_id:
        names.append(team.get("name"))
    return next((name[:100] for name in names if isinstance(name, str) and name), "")


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


def _message(card: Card) -> Activity:
    return Activity(
        type="message",
        attachments=[Attachment(content_type=CARD, content=card)],
        summary=str(card.get("fallbackText") or "")[:200],
    )


async def _send(turn_context: TurnContext, card: Card) -> None:
    await turn_context.send_activity(_message(card))


async def _respond(turn_context: TurnContext, kind: str, value: Any, *, status: int = 200) -> None:
    body = {"statusCode": status, "type": kind, "value": value}
    response = InvokeResponse(status=status, body=body)
    await turn_context.send_activity(Activity(type="invokeResponse", value=response))
