"""What one turn knows, and what it answers; nothing here knows the SDK."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.chat import Chat
from bot.press import Press
from services.model import Actor, Conversation, Person, Role

Card = dict[str, Any]
Menu = Literal["", "personal", "shared", "everywhere"]
Group = Literal["Everyday", "Setting up", "Admins"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody wrote or pressed something."""

    person: Person
    role: Role
    conversation: Conversation
    now: datetime
    id: str = ""
    """Of what was written or pressed: the same when Teams sends it twice."""
    thread: str = ""
    """The conversation with the thread that is answered in."""
    written: str = ""
    """What stands after the command, with its lines."""
    mentions: Sequence[tuple[str, str]] = ()
    """(user id, name) of people who were mentioned."""
    files: Sequence[tuple[str, str]] = ()
    """(name, download address) of attached files."""
    pressed: str | None = None
    """The message whose button was pressed."""
    by_button: bool = False
    """Not typed; ``pressed`` is the message, where Teams names it."""

    @property
    def actor(self) -> Actor:
        """For the audit trail."""
        name = self.person.name or self.person.object_id
        return Actor(door="chat", name=name, id=self.person.object_id)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is shown: a card, or a sentence.

    A press replaces the card that was pressed, for all, unless ``fresh`` (a new message) or
    without a card (a sentence to the presser alone).
    """

    card: Card | None = None
    words: str = ""
    fresh: bool = False
    run_id: str | None = None
    """The card shows this run, and is brought up to date until it ends."""


class ChooseError(Exception):
    """A name fits several teams, or none: the card asks which."""

    def __init__(self, card: Card) -> None:
        super().__init__("which")
        self.card = card


Handler = Callable[[Chat, Turn, str], Awaitable[Reply]]
Button = Callable[[Chat, Turn, Press], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Command:
    """One typed command; the table of all is ``bot.commands``."""

    name: str
    usage: str
    does: str
    role: Role
    handler: Handler
    aliases: tuple[str, ...] = ()
    menu: Menu = ""
    """Where Teams' own menu lists it: chats with the bot alone, shared ones, everywhere."""
    admin_to_set: bool = False
    """With text after it, the command is for admins."""
    listed: bool = True
    """Listed in the help."""
    group: Group = "Everyday"
    """Under which heading."""

    def is_for(self, role: Role, rest: str) -> bool:
        """Whether somebody in a role may give it with this text after it."""
        return role == "admin" or not (self.role == "admin" or (self.admin_to_set and rest))
