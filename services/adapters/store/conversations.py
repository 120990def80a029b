"""Teams conversations in MongoDB."""

from datetime import datetime
from typing import Any

from pymongo import ASCENDING, ReturnDocument

from services.adapters.store.client import Database, guarded, plain
from services.domain import Conversation, LostState

INSERT_ONLY_FIELDS = {"welcomed", "alerts_since", "alerts_by"}


class MongoConversations:
    """Implements ``services.ports.ConversationStore``."""

    def __init__(self, db: Database) -> None:
        self._conversations = db.conversations

    @guarded
    async def seen(self, conversation: Conversation) -> Conversation:
        doc = plain(conversation.model_dump(exclude={"id"}))
        # An upsert sets these only when it inserts: later activities must not reset them.
        insert_only = {name: doc.pop(name) for name in INSERT_ONLY_FIELDS}
        doc["state"] = "active"
        for name in ("title", "with_id"):
            if not doc[name]:
                insert_only[name] = doc.pop(name)
        stored = await self._conversations.find_one_and_update(
            {"_id": conversation.id},
            {"$set": doc, "$setOnInsert": insert_only},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _conversation(stored)

    @guarded
    async def get(self, conversation_id: str) -> Conversation | None:
        doc = await self._conversations.find_one({"_id": conversation_id})
        return _conversation(doc) if doc else None

    @guarded
    async def lost(self, conversation_id: str, state: LostState, now: datetime) -> bool:
        change: dict[str, Any] = {"state": state, "updated_at": now}
        if state == "uninstalled":
            change["welcomed"] = False
        result = await self._conversations.update_one(
            {"_id": conversation_id, "state": {"$ne": state}}, {"$set": change}
        )
        return result.modified_count == 1

    @guarded
    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        result = await self._conversations.update_one(
            {"_id": conversation_id, "alerts_since": None},
            {"$set": {"alerts_since": now, "alerts_by": by, "updated_at": now}},
        )
        return result.modified_count == 1

    @guarded
    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        result = await self._conversations.update_one(
            {"_id": conversation_id, "alerts_since": {"$ne": None}},
            {"$set": {"alerts_since": None, "alerts_by": "", "updated_at": now}},
        )
        return result.modified_count == 1

    @guarded
    async def welcome_once(self, conversation_id: str) -> bool:
        result = await self._conversations.update_one(
            {"_id": conversation_id, "welcomed": False}, {"$set": {"welcomed": True}}
        )
        return result.modified_count == 1

    @guarded
    async def with_alerts(self) -> list[Conversation]:
        cursor = self._conversations.find({"alerts_since": {"$ne": None}})
        return [_conversation(doc) async for doc in cursor.sort("alerts_since", ASCENDING)]

    @guarded
    async def last_heard(self) -> datetime | None:
        doc = await self._conversations.find_one({}, {"updated_at": 1}, sort=[("updated_at", -1)])
        return doc["updated_at"] if doc else None


def _conversation(doc: dict[str, Any]) -> Conversation:
    return Conversation(id=doc.pop("_id"), **doc)
