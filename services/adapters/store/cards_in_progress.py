"""Cards that are still being updated, in MongoDB."""

from datetime import datetime

from pymongo import ASCENDING

from services.adapters.store.client import Database, guarded, plain
from services.domain import CardInProgress


class MongoCardsInProgress:
    """Implements ``services.ports.CardInProgressStore``."""

    def __init__(self, db: Database) -> None:
        # The collection keeps the name that it was created with.
        self._cards = db.open_cards

    @guarded
    async def put(self, card: CardInProgress) -> None:
        doc = plain(card.model_dump(exclude={"id"}))
        await self._cards.replace_one({"_id": card.id}, doc, upsert=True)

    @guarded
    async def touch(self, owner: str, now: datetime) -> None:
        await self._cards.update_many({"owner": owner}, {"$set": {"touched_at": now}})

    @guarded
    async def take(self, card: CardInProgress, owner: str, now: datetime) -> bool:
        result = await self._cards.update_one(
            {"_id": card.id, "owner": card.owner, "touched_at": card.touched_at},
            {"$set": {"owner": owner, "touched_at": now}},
        )
        return result.matched_count == 1

    @guarded
    async def remove(self, card_id: str) -> None:
        await self._cards.delete_one({"_id": card_id})

    @guarded
    async def list_cards(self) -> list[CardInProgress]:
        cursor = self._cards.find().sort("created_at", ASCENDING)
        return [CardInProgress(id=doc.pop("_id"), **doc) async for doc in cursor]
