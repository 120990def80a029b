"""Finding a person in stored documents and erasing the person from them.

Every document is searched as a whole, whatever its fields, so personal data in fields added later
is found too.
"""

import html
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from services.adapters.store.client import Database, guarded
from services.domain import DeliveryState, Identity
from services.domain.errors import StoreUnavailableError
from services.runtime.compare_and_set import compare_and_set

REMOVED = "removed"
"""Replaces the person's name, address and IDs."""
IMPERSONAL_COLLECTIONS = {
    *("cost_history", "source_states", "rate_budgets", "meta", "admin_codes"),
}
"""Amounts, counters, hashes and times; rate budgets belong to the agent's own sender address."""
NAME_KEYS = {"name", "by", "alerts_by", "asked_by", "title"}
"""Fields that hold a name without an ID beside it."""
ID_AND_NAME_FIELDS = (("id", "name"), ("by_id", "by"), ("object_id", "name"), ("with_id", "title"))
"""Pairs of fields: a person's ID and that person's name."""
OWNER_FIELDS = {
    "admins": "object_id",
    "pending_imports": "by_id",
    "conversations": "with_id",
    "open_cards": "asked_by",
}
"""Collections whose documents belong to one person: the field that names the owner."""
COLLECTIONS_WITHOUT_NAMES = {"teams", "reports", "deliveries", "notification_config"}
"""Names in these are names of teams, services and accounts, which may equal a person's."""
Doc = dict[str, Any]


class MongoErasure:
    """Implements ``services.ports.ErasureStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @guarded
    async def complete(self, identity: Identity) -> Identity:
        names: set[str] = set()
        chats: set[str] = set()
        async for name, doc in self._documents():
            names |= set(_names(doc, identity))
            if name == "conversations" and _belongs_to(name, doc, identity):
                chats.add(doc["_id"])
        ids = (*identity.ids, *sorted(chats - set(identity.ids)))
        return identity.model_copy(update={"names": tuple(sorted(names)), "ids": ids})

    @guarded
    async def find(self, identity: Identity) -> dict[str, int]:
        counts: dict[str, int] = {}
        async for name, doc in self._documents():
            if _belongs_to(name, doc, identity) or Cleaner(name, identity).clean(doc) != doc:
                counts[name] = counts.get(name, 0) + 1
        return counts

    @guarded
    async def erase(self, identity: Identity) -> dict[str, int]:
        counts: dict[str, int] = {}
        removed_chats: set[str] = set()
        async for name, doc in self._documents():
            if _belongs_to(name, doc, identity):
                await self._remove(name, doc)
                if name == "conversations":
                    removed_chats.add(doc["_id"])
            elif not await self._clean(name, doc, identity):
                continue
            counts[name] = counts.get(name, 0) + 1
        await self._db.alerts.delete_many({"conversation_id": {"$in": sorted(removed_chats)}})
        return counts

    async def _documents(self) -> AsyncIterator[tuple[str, Doc]]:
        for name in sorted(set(await self._db.list_collection_names()) - IMPERSONAL_COLLECTIONS):
            async for doc in self._db[name].find(batch_size=50):
                yield name, doc

    async def _remove(self, name: str, doc: Doc) -> None:
        """Delete a document; a delivery is replaced by one that says only how it ended."""
        # Inserted anew rather than updated: its ``_id`` contains the address.
        deleted = await self._db[name].find_one_and_delete({"_id": doc["_id"]})
        if deleted and name == "deliveries":
            await self._db.deliveries.insert_one(_anonymous(deleted))

    async def _clean(self, name: str, doc: Doc, identity: Identity) -> bool:
        """Update the fields that are still as they were read; False if there is nothing to clean."""
        cleaner = Cleaner(name, identity)
        current: Doc | None = doc

        async def attempt() -> bool | None:
            nonlocal current
            if current is None:
                return False
            after = cleaner.clean(current)
            changes = {field: after[field] for field in current if after[field] != current[field]}
            if not changes:
                return False
            before = {field: current[field] for field in changes}
            update: dict[str, Any] = {"$set": changes}
            if "version" in current:
                # Settings and teams are replaced as a whole if their version is unchanged: a copy
                # read before this must not bring the person back.
                update["$inc"] = {"version": 1}
            result = await self._db[name].update_one({"_id": doc["_id"], **before}, update)
            if result.matched_count:
                return True
            current = await self._db[name].find_one({"_id": doc["_id"]})
            return None

        return await compare_and_set(
            attempt,
            StoreUnavailableError("Somebody else is changing the same data. Try again."),
        )


class Cleaner:
    """Removes a person from documents of one collection."""

    def __init__(self, collection: str, identity: Identity) -> None:
        self._ids = _folded(identity.ids)
        self._names = set() if collection in COLLECTIONS_WITHOUT_NAMES else _folded(identity.names)
        self._text = _pattern((*identity.addresses, *identity.ids))

    def clean(self, value: Any, key: str = "") -> Any:
        """The value without the person; equal to the value if it does not name the person."""
        if isinstance(value, Mapping):
            return self._fields(value)
        if isinstance(value, list):
            return [self.clean(item, key) for item in value if not self._is_person(item)]
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self._clean_text(text).encode("utf-8", "surrogateescape")
        if not isinstance(value, str):
            return value
        if key in NAME_KEYS and value.casefold() in self._names:
            return REMOVED
        return self._clean_text(value)

    def _fields(self, value: Mapping[str, Any]) -> Doc:
        fields = {key: self.clean(item, key) for key, item in value.items() if key != "_id"}
        for id_field, name_field in ID_AND_NAME_FIELDS:
            if str(value.get(id_field, "")).casefold() in self._ids and value.get(name_field):
                fields[name_field] = REMOVED
        return {"_id": value["_id"], **fields} if "_id" in value else fields

    def _is_person(self, value: Any) -> bool:
        """Whether a list item is the person: it is removed, and other text is only cleaned."""
        return isinstance(value, str) and self._text.fullmatch(value) is not None

    def _clean_text(self, text: str) -> str:
        return self._text.sub(REMOVED, text)


def _folded(texts: Iterable[str]) -> set[str]:
    return {text.casefold() for text in texts}


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Match whole addresses and IDs, plain and HTML-escaped.

    Whole: ``ann@x.org`` must not match within ``jo.ann@x.org`` or ``ann@x.org.uk``.
    """
    forms = {form for word in words for form in (word, html.escape(word))}
    # Longest first: an alternation takes the first match, not the longest.
    alternatives = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.compile(rf"(?<![\w.+%-])(?<!\w')(?:{alternatives})(?![\w-]|\.\w)", re.IGNORECASE)


def _belongs_to(name: str, doc: Mapping[str, Any], identity: Identity) -> bool:
    """Whether the document belongs to the person alone."""
    if name == "deliveries":
        return doc["recipient"].casefold() in _folded(identity.addresses)
    owner = str(doc.get(OWNER_FIELDS[name], "")).casefold() if name in OWNER_FIELDS else ""
    if owner and owner in _folded((*identity.ids, *identity.names)):
        return True
    return _pattern((*identity.addresses, *identity.ids)).search(str(doc["_id"])) is not None


def _anonymous(delivery: Doc) -> Doc:
    """The delivery without its recipient; if it was not sent, it is skipped."""
    sent = delivery["state"] == DeliveryState.SENT.value
    return {
        **delivery,
        "_id": f"{delivery['run_id']}|{REMOVED}|{secrets.token_hex(10)}",
        "recipient": REMOVED,
        "message_id": REMOVED,
        "state": delivery["state"] if sent else DeliveryState.SKIPPED.value,
        "raw_sha256": None,
        "reply": None,
        "error": None,
    }


def _names(value: Any, identity: Identity) -> Iterator[str]:
    """Names stored beside one of the person's IDs."""
    if isinstance(value, Mapping):
        ids = _folded(identity.ids)
        for id_field, name_field in ID_AND_NAME_FIELDS:
            if str(value.get(id_field, "")).casefold() in ids and value.get(name_field):
                yield str(value[name_field])
        for item in value.values():
            yield from _names(item, identity)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item, identity)
