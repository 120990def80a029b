"""Admins, conversations, cards that still change, imports that wait."""

from datetime import datetime
from typing import Any, Literal

from pymongo import ASCENDING, ReturnDocument

from services.adapters.store.client import Database, guarded, plain
from services.domain import AdminEntry, CardInProgress, Conversation, PendingImport

KEPT_WHEN_SEEN = {"state", "welcomed", "alerts_since", "alerts_by"}


class MongoAdmins:
    """Implements ``services.ports.AdminStore``."""

    def __init__(self, db: Database) -> None:
        self._admins = db.admins

    @guarded
    async def list_admins(self) -> list[AdminEntry]:
        cursor = self._admins.find().sort([("name", ASCENDING), ("object_id", ASCENDING)])
        return [_admin(doc) async for doc in cursor]

    @guarded
    async def add(self, admin: AdminEntry) -> bool:
        done = await self._admins.update_one(
            {"_id": _key(admin.tenant_id, admin.object_id)},
            {"$setOnInsert": plain(admin.model_dump())},
            upsert=True,
        )
        return done.upserted_id is not None

    @guarded
    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        doc = await self._admins.find_one_and_delete({"_id": _key(tenant_id, object_id)})
        return _admin(doc) if doc else None


class MongoConversations:
    """Implements ``services.ports.ConversationStore``."""

    def __init__(self, db: Database) -> None:
        self._conversations = db.conversations

    @guarded
    async def seen(self, conversation: Conversation) -> Conversation:
        doc = plain(conversation.model_dump(exclude={"id"}))
        kept = {name: doc.pop(name) for name in KEPT_WHEN_SEEN - {"state"}}
        doc["state"] = "active"
        for name in ("title", "with_id"):
            if not doc[name]:
                kept[name] = doc.pop(name)
        stored = await self._conversations.find_one_and_update(
            {"_id": conversation.id},
            {"$set": doc, "$setOnInsert": kept},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _conversation(stored)

    @guarded
    async def get(self, conversation_id: str) -> Conversation | None:
        doc = await self._conversations.find_one({"_id": conversation_id})
        return _conversation(doc) if doc else None

    @guarded
    async def lost(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> bool:
        change: dict[str, Any] = {"state": state, "updated_at": now}
        if state == "uninstalled":
            change["welcomed"] = False
        done = await self._conversations.update_one(
            {"_id": conversation_id, "state": {"$ne": state}}, {"$set": change}
        )
        return done.modified_count == 1

    @guarded
    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        done = await self._conversations.update_one(
            {"_id": conversation_id, "alerts_since": None},
            {"$set": {"alerts_since": now, "alerts_by": by, "updated_at": now}},
        )
        return done.modified_count == 1

    @guarded
    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        done = await self._conversations.update_one(
            {"_id": conversation_id, "alerts_since": {"$ne": None}},
            {"$set": {"alerts_since": None, "alerts_by": "", "updated_at": now}},
        )
        return done.modified_count == 1

    @guarded
    async def welcome_once(self, conversation_id: str) -> bool:
        done = await self._conversations.update_one(
            {"_id": conversation_id, "welcomed": False}, {"$set": {"welcomed": True}}
        )
        return done.modified_count == 1

    @guarded
    async def with_alerts(self) -> list[Conversation]:
        cursor = self._conversations.find({"alerts_since": {"$ne": None}})
        return [_conversation(doc) async for doc in cursor.sort("alerts_since", ASCENDING)]

    @guarded
    async def last_heard(self) -> datetime | None:
        doc = await self._conversations.find_one({}, {"updated_at": 1}, sort=[("updated_at", -1)])
        return doc["updated_at"] if doc else None


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
        done = await self._cards.update_one(
            {"_id": card.id, "owner": card.owner, "touched_at": card.touched_at},
            {"$set": {"owner": owner, "touched_at": now}},
        )
        return done.matched_count == 1

    @guarded
    async def remove(self, card_id: str) -> None:
        await self._cards.delete_one({"_id": card_id})

    @guarded
    async def list_cards(self) -> list[CardInProgress]:
        cursor = self._cards.find().sort("created_at", ASCENDING)
        return [CardInProgress(id=doc.pop("_id"), **doc) async for doc in cursor]


class MongoPendingImports:
    """Implements ``services.ports.PendingImportStore``."""

    def __init__(self, db: Database) -> None:
        self._pending = db.pending_imports

    @guarded
    async def put(self, pending: PendingImport) -> None:
        doc = plain(pending.model_dump(exclude={"id"}))
        await self._pending.replace_one({"_id": pending.id}, doc, upsert=True)

    @guarded
    async def take(self, pending_id: str) -> PendingImport | None:
        doc = await self._pending.find_one_and_delete({"_id": pending_id})
        return PendingImport(id=doc.pop("_id"), **doc) if doc else None


def _key(tenant_id: str, object_id: str) -> str:
    return f"{tenant_id.lower()}|{object_id.lower()}"


def _admin(doc: dict[str, Any]) -> AdminEntry:
    doc.pop("_id")
    return AdminEntry(**doc)


def _conversation(doc: dict[str, Any]) -> Conversation:
    return Conversation(id=doc.pop("_id"), **doc)
