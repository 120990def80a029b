"""A turn and its reply, independent of the SDK."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.chat import Chat
from services.domain import Actor, Conversation, Person, Role

Card = dict[str, Any]
Menu = Literal["", "personal", "shared", "everywhere"]
Group = Literal["Everyday", "Setting up", "Admins"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody wrote something or pressed a button."""

    person: Person
    role: Role
    conversation: Conversation
    now: datetime
    id: str = ""
    """The same for every copy of the activity: Teams sends it again when an answer is slow."""
    thread: str = ""
    """The ID of the conversation with the thread that is answered in."""
    raw_argument: str = ""
    """The text after the command with its line breaks, for pasted tables."""
    mentions: Sequence[tuple[str, str]] = ()
    """(user ID, name) of people who were mentioned."""
    about: Sequence[str] = ()
    """IDs of the messages that this one quotes, and of the one whose thread it is in."""
    files: Sequence[tuple[str, str]] = ()
    """(name, download URL) of attached files."""
    is_press: bool = False
    """A button was pressed; nothing was typed."""
    pressed_message_id: str | None = None
    """The message with the pressed button; None for a typed command, or when Teams omits it."""

    @property
    def actor(self) -> Actor:
        """The person as an actor of the audit trail."""
        name = self.person.name or self.person.object_id
        return Actor(interface="chat", name=name, id=self.person.object_id)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Reply:
    """A card, or a sentence. A typed command is answered with a new message.

    A press replaces the pressed card for everyone, unless ``is_new_message`` is set. A sentence
    without a card goes to the person who pressed, and to nobody else.
    """

    card: Card | None = None
    text: str = ""
    is_new_message: bool = False
    run_id: str | None = None
    """The card shows this run and is kept current until the run ends."""

    @property
    def replaces_pressed_card(self) -> bool:
        return self.card is not None and not self.is_new_message


class ChooseError(Exception):
    """A name matches several teams, or none: the card asks which."""

    def __init__(self, card: Card) -> None:
        super().__init__("which")
        self.card = card


CommandHandler = Callable[[Chat, Turn, str], Awaitable[Reply]]
"""The text is what follows the command's name, on one line."""


@dataclass(frozen=True, slots=True)
class Help:
    """Where a command is listed."""

    menu: Menu = ""
    """The Teams command menus that list it: of chats with the bot, of shared ones, or of all."""
    listed: bool = True
    """Whether the help lists it."""
    group: Group = "Everyday"
    """The heading of the help that it is listed under."""


@dataclass(frozen=True, slots=True)
class Command:
    """A typed command; ``bot.commands`` lists them all."""

    name: str
    usage: str
    description: str
    role: Role
    handler: CommandHandler
    aliases: tuple[str, ...] = ()
    admin_to_set: bool = False
    """Everyone may show the setting; with an argument, which changes it, the command is for admins."""
    help: Help = Help()

    @property
    def menu(self) -> Menu:
        """The Teams command menus that list it."""
        return self.help.menu

    def is_for(self, role: Role, argument: str) -> bool:
        """Whether somebody in this role may use it with this argument."""
        return role == "admin" or not (self.role == "admin" or (self.admin_to_set and argument))
