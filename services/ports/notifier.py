"""How alerts reach conversations."""

from typing import Protocol

from services.domain import AlertContent, Conversation, PostedMessage


class Notifier(Protocol):
    """Posts cards that can be updated.

    Each method raises ConversationGoneError when the conversation no longer accepts messages,
    MessageFateUnknownError, MessageRefusedError for a message that Teams will never accept, and
    AgentError for what may succeed another time.
    """

    async def post(self, conversation: Conversation, content: AlertContent) -> PostedMessage:
        """Post a new message; in a channel it starts a thread."""
        ...

    async def update(
        self, conversation: Conversation, message: PostedMessage, content: AlertContent
    ) -> None:
        """Replace a message in place. Raises NotFoundError when somebody has deleted it."""
        ...

    async def reply(self, conversation: Conversation, message: PostedMessage, text: str) -> None:
        """Post one sentence below a message."""
        ...
