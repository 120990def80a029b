"""Roles: who may do what."""

from bot.chat import Chat
from bot.payloads import Payload, Text
from bot.turn import Reply, Turn
from bot.words import unquote
from cards import general
from cards.roles import admin_list, whoami_card
from services.domain import Person
from services.domain.errors import InvalidError
from services.domain.pasted import match_key


class RevokePayload(Payload):
    """The admin, chosen from a list."""

    person: Text = ""


async def whoami(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show who the writer is, and in which role."""
    return Reply(whoami_card(turn.person, turn.role))


async def admins(chat: Chat, turn: Turn, argument: str) -> Reply:
    """List the admins."""
    return Reply(
        admin_list(
            await chat.app.administration.roles.admins(),
            chat.app.administration.roles.configured,
            chat.app.administration.roles.everyone_is_admin,
        )
    )


async def claim(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Become the first admin, with the code that was printed at the first start."""
    await chat.app.administration.roles.claim(argument, turn.person, turn.actor, turn.now)
    return Reply(general.closed(f"{turn.actor.name} is an admin now. Write help to begin."))


async def grant(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Make somebody an admin."""
    person = await _mentioned(chat, turn)
    added = await chat.app.administration.roles.grant(
        person, turn.actor.name, turn.actor, turn.now
    )
    result = "is an admin now" if added else "is an admin already"
    return Reply(general.closed(f"{person.name} {result}."))


async def revoke(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Revoke the role of somebody: mentioned, or by name or object ID."""
    if turn.mentions:
        person = await _mentioned(chat, turn)
    else:
        person = await _granted(chat, turn, unquote(argument))
    await chat.app.administration.roles.revoke(person, turn.actor, turn.now)
    return Reply(general.closed(f"{person.name} is no longer an admin."))


async def press_revoke(chat: Chat, turn: Turn, payload: RevokePayload) -> Reply:
    """Do what ``revoke`` does, for a button."""
    person = await _granted(chat, turn, payload.person)
    await chat.app.administration.roles.revoke(person, turn.actor, turn.now)
    text = f"{person.name} is no longer an admin. Revoked by {turn.actor.name}."
    return Reply(general.closed(text))


async def _mentioned(chat: Chat, turn: Turn) -> Person:
    if len(turn.mentions) != 1:
        raise InvalidError("Mention one person: grant @name, or revoke @name.")
    user_id, name = turn.mentions[0]
    return await chat.people.mentioned(turn.conversation, user_id, name, turn.person.tenant_id)


async def _granted(chat: Chat, turn: Turn, wanted: str) -> Person:
    key = match_key(wanted)
    admins = [
        admin
        for admin in await chat.app.administration.roles.admins()
        if key and key in {match_key(admin.name), admin.object_id.casefold()}
    ]
    if len(admins) != 1:
        raise InvalidError(
            f"“{wanted[:60]}” is not an admin who was granted the role. Write admins."
        )
    (admin,) = admins
    name = admin.name or admin.object_id
    return Person(object_id=admin.object_id, tenant_id=admin.tenant_id, name=name)
