"""What is stored about conversations."""

from datetime import datetime
from typing import Literal, Protocol

from services.domain import (
    Conversation,
)


class ConversationStore(Protocol):
    """Conversations that the app is in."""

    async def seen(self, conversation: Conversation) -> Conversation:
        """Stores a new one, or renews address, kind and title (unless empty) of a known one,
        which becomes active again; the stored one.
        """
        ...

    async def get(self, conversation_id: str) -> Conversation | None: ...

    async def lost(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> bool:
        """Marks one that takes no messages any more; after an uninstallation the next one is
        welcomed again. True for the first caller only.
        """
        ...

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        """Sends alerts there from now on; False when they are sent there already."""
        ...

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        """Sends no more alerts there; False when none are sent there."""
        ...

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        ...

    async def with_alerts(self) -> list[Conversation]:
        """Those that alerts go to, oldest registration first."""
        ...

    async def last_heard(self) -> datetime | None:
        """When something last came from any of them."""
        ...
