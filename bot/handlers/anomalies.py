"""Anomalies: the list, one of them, and how people resolve it."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bot.chat import Chat
from bot.handlers.common import page_of, pick_team
from bot.payloads import Number, Payload, Text, to_text
from bot.turn import Card, Reply, Turn
from cards.alert_buttons import Audience
from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_list
from services.anomalies import SHORT_SNOOZE_DAYS
from services.domain import Anomaly, Team

MAX_DIGITS = 15
Amount = Annotated[
    Decimal, BeforeValidator(to_text), Field(gt=0, max_digits=MAX_DIGITS, decimal_places=6)
]


class AnomaliesPayload(Payload):
    """A page of the anomalies of one team or of all; without a page, pressed on another card."""

    team: Text = ""
    page: Number | None = None


class AnomalyPayload(Payload):
    """The ID of an anomaly that was chosen from the list."""

    anomaly: Text = ""


class AnswerPayload(Payload):
    """How an anomaly is resolved."""

    anomaly: Text
    answer: Literal["expected", "not_an_anomaly", "too_small", "snoozed", "accepted", "open"]
    days: Number = SHORT_SNOOZE_DAYS


class RaiseMinimumPayload(Payload):
    """The new minimum for alerts of an anomaly's account."""

    anomaly: Text
    value: Amount


class UndoMinimumPayload(Payload):
    """The audit entry of the change to take back."""

    anomaly: Text
    entry: Text


async def list_anomalies(chat: Chat, turn: Turn, argument: str) -> Reply:
    """List anomalies, open ones first."""
    team = await pick_team(chat, argument, "anomalies") if argument else None
    return Reply(await _page(chat, team, 1))


async def page_anomalies(chat: Chat, turn: Turn, payload: AnomaliesPayload) -> Reply:
    """Show another page; pressed on another card, as a new message."""
    team = await chat.app.teams.get(payload.team) if payload.team else None
    card = await _page(chat, team, payload.page or 1)
    return Reply(card, is_new_message=payload.page is None)


async def _page(chat: Chat, team: Team | None, page: int) -> Card:
    lines = await chat.app.anomalies.listing.list(team)
    page, pages, shown = page_of(len(lines), page)
    label = (team.id, team.team_name) if team else None
    return anomaly_list(lines[shown], len(lines), page, pages, label, chat.sample)


async def open_anomaly(chat: Chat, turn: Turn, payload: AnomalyPayload) -> Reply:
    """Show the alert card of an anomaly."""
    anomaly = await chat.app.anomalies.resolutions.get(payload.anomaly)
    return Reply(await anomaly_card(chat, turn, anomaly), is_new_message=True)


async def anomaly_card(chat: Chat, turn: Turn, anomaly: Anomaly) -> Card:
    """The card of an anomaly as this conversation sees it.

    In a channel that got the alert it has all buttons, since everybody sees the same card; in
    other places it has those that the person who asked may press.
    """
    was_alerted = await chat.app.anomalies.resolutions.was_alerted_in(
        anomaly, turn.conversation.id
    )
    is_shared = turn.conversation.kind != "personal"
    may: Audience = "nobody"
    if was_alerted and is_shared:
        may = "everybody"
    elif turn.is_admin:
        may = "elsewhere" if is_shared else "admin"
    elif was_alerted:
        may = "member"
    return alert_card(await chat.app.alerts.content_of(anomaly, turn.now), may)


async def answer(chat: Chat, turn: Turn, payload: AnswerPayload) -> Reply:
    """Store the resolution; every card of the anomaly then shows it."""
    anomaly = await chat.app.anomalies.resolutions.resolve(
        payload.anomaly,
        payload.answer,
        (turn.actor.name, turn.person.object_id),
        turn.actor,
        turn.now,
        days=payload.days,
        from_conversation=None if turn.is_admin else turn.conversation.id,
    )
    return await _refreshed_everywhere(chat, turn, anomaly)


async def _refreshed_everywhere(chat: Chat, turn: Turn, anomaly: Anomaly) -> Reply:
    # The pressed card is redrawn with the reply, as any other; the cards of the alert in other
    # conversations by the alerts, which record what each one shows.
    chat.start(f"refresh {turn.id}", chat.app.alerts.refresh(anomaly, turn.now))
    return Reply(await anomaly_card(chat, turn, anomaly))


async def raise_minimum(chat: Chat, turn: Turn, payload: RaiseMinimumPayload) -> Reply:
    """Raise the alert minimum of the anomaly's account to the amount that was offered."""
    anomaly = await chat.app.anomalies.resolutions.get(payload.anomaly)
    await chat.app.anomalies.alert_minimums.raise_to(anomaly, payload.value, turn.actor, turn.now)
    return await _refreshed_everywhere(chat, turn, anomaly)


async def undo_minimum(chat: Chat, turn: Turn, payload: UndoMinimumPayload) -> Reply:
    """Undo the raised minimum; the card then offers it again."""
    anomaly = await chat.app.anomalies.resolutions.get(payload.anomaly)
    await chat.app.operations.undo.undo(payload.entry, turn.actor, turn.now)
    return await _refreshed_everywhere(chat, turn, anomaly)
