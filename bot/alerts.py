"""Implements the Notifier port: alerts as cards in Teams conversations, updated in place."""

from typing import Any

from bot.adapter import card_message
from bot.connector import Connector
from bot.connector_errors import UNAUTHORIZED, ConnectorError
from bot.turn import Card
from cards import general
from cards.alerts import alert_card
from cards.anomaly_lists import anomaly_digest
from cards.runs import run_trouble
from services.domain import (
    AlertContent,
    AnomalyContent,
    Conversation,
    DigestContent,
    PostedMessage,
)
from services.domain.errors import (
    AgentError,
    ConversationGoneError,
    MessageFateUnknownError,
    MessageRefusedError,
    NotFoundError,
)
from services.domain.formatting import neutral
from services.ports import Departure

DELETED = {"ActivityNotFoundInConversation", "ConversationNotFound"}
"""Error codes for a message, or the thread that it began, that somebody has deleted."""


class TeamsNotifier:
    """Posts and updates messages that are not replies to a turn."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def post(
        self, conversation: Conversation, content: AlertContent, departure: Departure
    ) -> PostedMessage:
        """Send a new message; in a channel it begins a thread of its own."""
        return await self._post(conversation, card_message(card_of(content)), departure)

    async def update(
        self, conversation: Conversation, message: PostedMessage, content: AlertContent
    ) -> None:
        """Replace a message in place. Raises NotFoundError if somebody has deleted it."""
        body = card_message(card_of(content), message.activity_id)
        try:
            await self._connector.update(
                conversation.service_url, message.conversation_id, message.activity_id, body
            )
        except ConnectorError as error:
            if error.code in DELETED:
                raise NotFoundError("The message was deleted.") from error
            raise _translated(error) from error

    async def reply(self, conversation: Conversation, message: PostedMessage, text: str) -> None:
        """Send a sentence in the thread of a message; in a chat, after it."""
        body = {"type": "message", "textFormat": "plain", "text": neutral(text, 500)}
        try:
            await self._connector.send(conversation.service_url, message.conversation_id, body)
        except ConnectorError as error:
            raise _translated(error) from error

    async def test(self, conversation: Conversation) -> None:
        """Post a message saying that alerts reach the conversation."""
        body = card_message(general.closed("Test: alerts reach this conversation."))
        await self._post(conversation, body)

    async def _post(
        self,
        conversation: Conversation,
        body: dict[str, Any],
        departure: Departure | None = None,
    ) -> PostedMessage:
        try:
            if conversation.kind == "channel":
                return await self._new_thread(conversation, body, departure)
            sent = await self._connector.send(
                conversation.service_url, conversation.id, body, departure=departure
            )
        except ConnectorError as error:
            raise _translated(error) from error
        return PostedMessage(sent, conversation.id)

    async def _new_thread(
        self, conversation: Conversation, body: dict[str, Any], departure: Departure | None
    ) -> PostedMessage:
        """Begin a thread in a channel: each is a conversation of its own, which later updates of the
        message must name (Bot Connector, create conversation).
        """
        created = await self._connector.create(
            conversation.service_url,
            {
                "isGroup": True,
                "bot": {"id": conversation.bot_id},
                "tenantId": conversation.tenant_id,
                "channelData": {
                    "channel": {"id": conversation.id},
                    "tenant": {"id": conversation.tenant_id},
                },
                "activity": body,
            },
            within=conversation.id,
            departure=departure,
        )
        activity_id = str(created.get("activityId") or "")
        thread = str(created.get("id") or "")
        if not thread.startswith(f"{conversation.id};"):
            thread = f"{conversation.id};messageid={activity_id}"
        return PostedMessage(activity_id, thread)


def card_of(content: AlertContent) -> Card:
    """The card of an alert."""
    if isinstance(content, AnomalyContent):
        return alert_card(content)
    if isinstance(content, DigestContent):
        return anomaly_digest(content)
    return run_trouble(content)


def _translated(error: ConnectorError) -> AgentError:
    if error.lost_state is not None:
        return ConversationGoneError(str(error), error.lost_state)
    if error.fate_unknown:
        return MessageFateUnknownError(str(error))
    if error.permanent and error.status != UNAUTHORIZED:
        return MessageRefusedError(str(error))
    return error
