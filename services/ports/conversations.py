"""Storage of Teams conversations."""

from datetime import datetime
from typing import Protocol

from services.domain import (
    Conversation,
    LostState,
)


class ConversationStore(Protocol):
    """Conversations that the app is installed in."""

    async def seen(self, conversation: Conversation) -> Conversation:
        """Store a new conversation, or update a known one, which becomes active again.

        An update replaces address, kind and title (unless empty). Returns the stored one.
        """
        ...

    async def get(self, conversation_id: str) -> Conversation | None: ...

    async def lost(self, conversation_id: str, state: LostState, now: datetime) -> bool:
        """Mark a conversation that no longer accepts messages. True for the first caller only.

        After an uninstallation, the next installation gets a welcome card again.
        """
        ...

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        """Turn alerts on; False if they are on already."""
        ...

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        """Turn alerts off; False if they are off already."""
        ...

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        ...

    async def with_alerts(self) -> list[Conversation]:
        """Conversations with alerts turned on, oldest registration first."""
        ...

    async def last_heard(self) -> datetime | None:
        """When a message last arrived from any conversation."""
        ...
