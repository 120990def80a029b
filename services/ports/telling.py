"""How conversations are told."""

from typing import Protocol

from services.model import Conversation, News, PostedMessage


class Notifier(Protocol):
    """Tells conversations of news, by cards that can be updated.

    Each raises ConversationGoneError when the conversation takes no message any more,
    MessageFateUnknownError, MessageRefusedError for a message that Teams will never take, and
    AgentError for what may go well another time.
    """

    async def post(self, conversation: Conversation, news: News) -> PostedMessage:
        """A new message; in a channel it begins a thread."""
        ...

    async def update(self, conversation: Conversation, message: PostedMessage, news: News) -> None:
        """Replaces a message in place; NotFoundError when somebody has deleted it."""
        ...

    async def reply(self, conversation: Conversation, message: PostedMessage, words: str) -> None:
        """One sentence below a message."""
        ...
