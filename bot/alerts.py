"""Implements the Notifier port: news as cards in Teams conversations, updated in place."""

from typing import Any

from bot.adapter import card_message
from bot.connector import Connector, ConnectorError
from bot.turn import Card
from cards import anomalies, general
from services.errors import (
    AgentError,
    ConversationGoneError,
    MessageFateUnknownError,
    NotFoundError,
)
from services.model import AnomalyNews, Conversation, DigestNews, News
from services.wording import neutral

NO_SUCH_MESSAGE = "ActivityNotFoundInConversation"


class TeamsNotifier:
    """Posts and updates cards without being asked."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def post(self, conversation: Conversation, news: News) -> str:
        """The id of the new message; in a channel it begins a thread of its own."""
        return await self._sent(conversation, conversation.id, card_message(card_of(news)))

    async def update(self, conversation: Conversation, activity_id: str, news: News) -> None:
        """Replaces a message in place."""
        body = card_message(card_of(news), activity_id)
        try:
            await self._connector.update(
                conversation.service_url, conversation.id, activity_id, body
            )
        except ConnectorError as error:
            raise _explained(error) from error

    async def reply(self, conversation: Conversation, activity_id: str, words: str) -> None:
        """One sentence in the thread of a message; in a chat, after it."""
        where = conversation.id
        if conversation.kind == "channel":
            where = f"{where};messageid={activity_id}"
        await self._sent(conversation, where, {"type": "message", "text": neutral(words, 500)})

    async def test(self, conversation: Conversation) -> None:
        """Says that alerts reach the conversation."""
        body = card_message(general.closed("Test: alerts reach this conversation."))
        await self._sent(conversation, conversation.id, body)

    async def _sent(self, conversation: Conversation, where: str, body: dict[str, Any]) -> str:
        try:
            return await self._connector.send(conversation.service_url, where, body)
        except ConnectorError as error:
            raise _explained(error) from error


def card_of(news: News) -> Card:
    """The card of a piece of news."""
    if isinstance(news, AnomalyNews):
        return anomalies.alert(news)
    if isinstance(news, DigestNews):
        return anomalies.digest(news)
    return anomalies.run_trouble(news)


def _explained(error: ConnectorError) -> AgentError:
    if error.gone is not None:
        return ConversationGoneError(str(error), error.gone)
    if error.fate_unknown:
        return MessageFateUnknownError(str(error))
    if error.code == NO_SUCH_MESSAGE:
        return NotFoundError("The message was deleted.")
    return error
