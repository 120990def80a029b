"""Cards in progress, in memory."""

from datetime import datetime

from services.domain import (
    CardInProgress,
)


class MemoryCardsInProgress:
    """Implements ``services.ports.CardInProgressStore``."""

    def __init__(self) -> None:
        self.cards: dict[str, CardInProgress] = {}

    async def put(self, card: CardInProgress) -> None:
        self.cards[card.id] = card

    async def touch(self, owner: str, now: datetime) -> None:
        for card in list(self.cards.values()):
            if card.owner == owner:
                self.cards[card.id] = card.model_copy(update={"touched_at": now})

    async def take(self, card: CardInProgress, owner: str, now: datetime) -> bool:
        stored = self.cards.get(card.id)
        if stored is None or (stored.owner, stored.touched_at) != (card.owner, card.touched_at):
            return False
        self.cards[card.id] = stored.model_copy(update={"owner": owner, "touched_at": now})
        return True

    async def remove(self, card_id: str) -> None:
        self.cards.pop(card_id, None)

    async def list_cards(self) -> list[CardInProgress]:
        return sorted(self.cards.values(), key=lambda card: card.created_at)
