"""Storage of cards that are still being updated."""

from datetime import datetime
from typing import Protocol

from services.domain import (
    CardInProgress,
)


class CardInProgressStore(Protocol):
    """Cards that are updated after their turn."""

    async def put(self, card: CardInProgress) -> None: ...

    async def touch(self, owner: str, now: datetime) -> None:
        """Record on all cards of a worker that it is alive."""
        ...

    async def take(self, card: CardInProgress, owner: str, now: datetime) -> bool:
        """Give a card to another worker; False when somebody has changed it since it was read."""
        ...

    async def remove(self, card_id: str) -> None: ...

    async def list_cards(self) -> list[CardInProgress]:
        """All cards, oldest first."""
        ...
