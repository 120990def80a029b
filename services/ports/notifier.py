"""How alerts reach conversations."""

from typing import Protocol

from services.domain import AlertContent, Conversation, PostedMessage


class Departure(Protocol):
    """Stores how far a message has come on its way to Teams.

    A worker that dies in between leaves a message that may have been shown.
    """

    async def leave(self) -> None:
        """Store that the message leaves; called right before each request, after every wait.

        Raises LostLeaseError, or another AgentError, when it must not leave any more.
        """
        ...

    async def come_back(self) -> None:
        """Store that it was certainly not shown; called before another request is waited for."""
        ...


class Notifier(Protocol):
    """Posts cards that can be updated.

    Each method raises ConversationGoneError when the conversation no longer accepts messages,
    MessageFateUnknownError, MessageRefusedError for a message that Teams will never accept, and
    AgentError for what may succeed another time.
    """

    async def post(
        self, conversation: Conversation, content: AlertContent, departure: Departure
    ) -> PostedMessage:
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
