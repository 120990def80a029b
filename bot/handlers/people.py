"""Roles: who may do what."""

from bot.chat import Chat
from bot.press import Press
from bot.turn import Reply, Turn
from bot.words import unquoted
from cards import general
from cards import settings as cards
from services.errors import InvalidError
from services.model import Person


async def whoami(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Who the writer is."""
    return Reply(cards.whoami(turn.person, turn.role))


async def admins(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Who is an admin."""
    return Reply(
        cards.admins(await chat.roles.admins(), chat.roles.configured, chat.roles.everybody)
    )


async def claim(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Becomes the first admin with the code that was printed at the first start."""
    await chat.roles.claim(rest, turn.person, turn.actor, turn.now)
    return Reply(general.closed(f"{turn.actor.name} is an admin now. Write help to begin."))


async def grant(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Makes somebody an admin."""
    person = await _mentioned(chat, turn)
    added = await chat.roles.grant(person, turn.actor.name, turn.actor, turn.now)
    words = "is an admin now" if added else "is an admin already"
    return Reply(general.closed(f"{person.name} {words}."))


async def revoke(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Takes the role from somebody: mentioned, or by name or object id."""
    if turn.mentions:
        person = await _mentioned(chat, turn)
    else:
        person = await _granted(chat, turn, unquoted(rest))
    await chat.roles.revoke(person, turn.actor, turn.now)
    return Reply(general.closed(f"{person.name} is no admin any more."))


async def press_revoke(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    person = await _granted(chat, turn, press.person)
    await chat.roles.revoke(person, turn.actor, turn.now)
    words = f"{person.name} is no admin any more. Revoked by {turn.actor.name}."
    return Reply(general.closed(words))


async def _mentioned(chat: Chat, turn: Turn) -> Person:
    if len(turn.mentions) != 1:
        raise InvalidError("Mention one person: grant @name, or revoke @name.")
    user_id, name = turn.mentions[0]
    here = turn.conversation
    return await chat.people.somebody(
        here.service_url, here.id, user_id, name, turn.person.tenant_id
    )


async def _granted(chat: Chat, turn: Turn, wanted: str) -> Person:
    folded = wanted.casefold()
    found = [
        one
        for one in await chat.roles.admins()
        if folded and folded in {one.name.casefold(), one.object_id.casefold()}
    ]
    if len(found) != 1:
        raise InvalidError(f"“{wanted[:60]}” is no admin that was granted the role. Write admins.")
    (one,) = found
    return Person(object_id=one.object_id, tenant_id=one.tenant_id, name=one.name or one.object_id)
