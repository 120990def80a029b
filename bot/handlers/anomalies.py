"""Anomalies: the list, one of them, and what people say of it."""

from decimal import Decimal

from bot.chat import Chat
from bot.handlers.common import number, paged, pick
from bot.press import Press
from bot.turn import Card, Reply, Turn
from bot.words import whole
from cards import anomalies as cards
from services.errors import InvalidError
from services.model import Anomaly, AnomalyStatus, Team
from services.resolutions import SHORT_SNOOZE


async def list_anomalies(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Open ones first."""
    team = await pick(chat, rest, "anomalies") if rest else None
    return Reply(await _page(chat, team, 1))


async def page_anomalies(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Another page; on any other card's button a card of its own."""
    team = await chat.teams.get(press.team) if press.team else None
    return Reply(await _page(chat, team, press.page_number), fresh=not press.page)


async def _page(chat: Chat, team: Team | None, page: int) -> Card:
    lines = await chat.anomalies.list(team)
    page, pages, which = paged(len(lines), page)
    named = (team.id, team.team_name) if team else None
    return cards.anomaly_list(lines[which], len(lines), page, pages, named, chat.sample)


async def open_anomaly(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The alert card of one."""
    anomaly = await chat.resolutions.get(press.anomaly)
    return Reply(await _card(chat, turn, anomaly), fresh=True)


async def _card(chat: Chat, turn: Turn, anomaly: Anomaly) -> Card:
    """The card of an anomaly as this conversation sees it.

    Where its alert went all see it, with all buttons; elsewhere whoever asked for it sees those
    that they may press.
    """
    told = await chat.resolutions.was_told_in(anomaly, turn.conversation.id)
    shared = turn.conversation.kind != "personal"
    may: cards.May = "nobody"
    if told and shared:
        may = "everybody"
    elif turn.is_admin:
        may = "elsewhere" if shared else "admin"
    elif told:
        may = "member"
    return cards.alert(await chat.alerts.news_of(anomaly, turn.now), may)


async def answer(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores what somebody says; every card of the anomaly then shows it."""
    if not press.answer:
        raise InvalidError("This button is from an older card. Ask for a new one.")
    given: AnomalyStatus = press.answer
    anomaly = await chat.resolutions.answer(
        press.anomaly,
        given,
        (turn.actor.name, turn.person.object_id),
        turn.actor,
        turn.now,
        days=whole(press.days, SHORT_SNOOZE),
        from_conversation=None if turn.is_admin else turn.conversation.id,
    )
    return await _shown_everywhere(chat, turn, anomaly)


async def _shown_everywhere(chat: Chat, turn: Turn, anomaly: Anomaly) -> Reply:
    chat.start(f"refresh {turn.id}", chat.alerts.refresh(anomaly, turn.now))
    return Reply(await _card(chat, turn, anomaly))


async def raise_floor(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores the floor that was offered for an anomaly's account."""
    anomaly = await chat.resolutions.get(press.anomaly)
    amount = number(press.value, "amount")
    await chat.floors.raise_to(anomaly, Decimal(repr(amount)), turn.actor, turn.now)
    return await _shown_everywhere(chat, turn, anomaly)


async def undo_floor(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Takes back what has raised the floor; the card offers it again."""
    anomaly = await chat.resolutions.get(press.anomaly)
    await chat.changes.undo(press.entry, turn.actor, turn.now)
    return await _shown_everywhere(chat, turn, anomaly)
