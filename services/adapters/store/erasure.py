"""Where a person stands in stored documents, and taking the person out of them.

Documents are walked as a whole, whatever their fields: what a later version stores of people is
found too.
"""

import html
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from services.adapters.store.client import Database, guarded
from services.domain import DeliveryState, Identity
from services.domain.errors import StoreUnavailableError
from services.runtime.compare_and_set import compare_and_set

REMOVED = "removed"
"""Stands where the person stood."""
NAMELESS = {"cost_history", "source_states", "rate_budgets", "meta"}
"""Collections of amounts, counters and times; the rate budget is of the agent's own address."""
NAME_KEYS = {"name", "by", "alerts_by", "asked_by", "title"}
"""Fields that hold a name alone, in documents that people have made."""
BLOCKS = (("id", "name"), ("by_id", "by"), ("object_id", "name"), ("with_id", "title"))
"""Fields that stand together: who, and the name of whom."""
OWN = {
    "admins": "object_id",
    "pending_imports": "by_id",
    "conversations": "with_id",
    "open_cards": "asked_by",
}
"""Documents that are a person's alone, by the field that says whose."""
WITHOUT_NAMES = {"teams", "reports", "deliveries", "notification_config"}
"""A team, a service or an account may be called as a person is."""
Doc = dict[str, Any]


class MongoErasure:
    """Implements ``services.ports.ErasureStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @guarded
    async def known(self, identity: Identity) -> Identity:
        names: set[str] = set()
        chats: set[str] = set()
        async for name, doc in self._documents():
            names |= set(_names(doc, identity))
            if name == "conversations" and _own(name, doc, identity):
                chats.add(doc["_id"])
        ids = (*identity.ids, *sorted(chats - set(identity.ids)))
        return identity.model_copy(update={"names": tuple(sorted(names)), "ids": ids})

    @guarded
    async def find(self, identity: Identity) -> dict[str, int]:
        found: dict[str, int] = {}
        async for name, doc in self._documents():
            if _own(name, doc, identity) or Cleaner(name, identity).clean(doc) != doc:
                found[name] = found.get(name, 0) + 1
        return found

    @guarded
    async def erase(self, identity: Identity) -> dict[str, int]:
        found: dict[str, int] = {}
        gone: set[str] = set()
        async for name, doc in self._documents():
            if _own(name, doc, identity):
                await self._remove(name, doc)
                if name == "conversations":
                    gone.add(doc["_id"])
            elif not await self._clean(name, doc, identity):
                continue
            found[name] = found.get(name, 0) + 1
        await self._db.alerts.delete_many({"conversation_id": {"$in": sorted(gone)}})
        return found

    async def _documents(self) -> AsyncIterator[tuple[str, Doc]]:
        for name in sorted(set(await self._db.list_collection_names()) - NAMELESS):
            async for doc in self._db[name].find(batch_size=50):
                yield name, doc

    async def _remove(self, name: str, doc: Doc) -> None:
        """A delivery stays as a number: how it ended, and nothing of to whom it went."""
        taken = await self._db[name].find_one_and_delete({"_id": doc["_id"]})
        if taken and name == "deliveries":
            await self._db.deliveries.insert_one(_nobodys(taken))

    async def _clean(self, name: str, doc: Doc, identity: Identity) -> bool:
        """Writes only fields that are as they were read; False when there is nothing to clean."""
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
                # Settings and teams are replaced as a whole, on condition of their version: one
                # that was read before this must not bring the person back.
                update["$inc"] = {"version": 1}
            done = await self._db[name].update_one({"_id": doc["_id"], **before}, update)
            if done.matched_count:
                return True
            current = await self._db[name].find_one({"_id": doc["_id"]})
            return None

        return await compare_and_set(
            attempt,
            StoreUnavailableError("The data is being changed by somebody else. Try again."),
        )


class Cleaner:
    """Takes a person out of the documents of one collection."""

    def __init__(self, collection: str, identity: Identity) -> None:
        self._ids = {one.casefold() for one in identity.ids}
        self._names = (
            set() if collection in WITHOUT_NAMES else {one.casefold() for one in identity.names}
        )
        self._text = _pattern((*identity.addresses, *identity.ids))

    def clean(self, value: Any, key: str = "") -> Any:
        """The value without the person; the same value when there is none."""
        if isinstance(value, Mapping):
            return self._fields(value)
        if isinstance(value, list):
            return [self.clean(one, key) for one in value if not self._whole(one)]
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self._words(text).encode("utf-8", "surrogateescape")
        if not isinstance(value, str):
            return value
        if key in NAME_KEYS and value.casefold() in self._names:
            return REMOVED
        return self._words(value)

    def _fields(self, value: Mapping[str, Any]) -> Doc:
        found = {key: self.clean(item, key) for key, item in value.items() if key != "_id"}
        for who, name in BLOCKS:
            if str(value.get(who, "")).casefold() in self._ids and value.get(name):
                found[name] = REMOVED
        return {"_id": value["_id"], **found} if "_id" in value else found

    def _whole(self, value: Any) -> bool:
        """A list loses the person; a text that names one among others stays."""
        return isinstance(value, str) and self._text.fullmatch(value) is not None

    def _words(self, text: str) -> str:
        return self._text.sub(REMOVED, text)


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole addresses and ids, also as HTML has them; ``jo.ann@x.org`` is not ``ann@x.org``."""
    forms = {form for word in words for form in (word, html.escape(word))}
    found = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.compile(rf"(?<![\w.+%-])(?<!\w')(?:{found})(?![\w-]|\.\w)", re.IGNORECASE)


def _own(name: str, doc: Mapping[str, Any], identity: Identity) -> bool:
    """Whether the document is the person's alone."""
    if name == "deliveries":
        return doc["recipient"].casefold() in {one.casefold() for one in identity.addresses}
    whose = str(doc.get(OWN[name], "")).casefold() if name in OWN else ""
    if whose and whose in {one.casefold() for one in (*identity.ids, *identity.names)}:
        return True
    return _pattern((*identity.addresses, *identity.ids)).search(str(doc["_id"])) is not None


def _nobodys(delivery: Doc) -> Doc:
    """Nobody can be mailed by it any more: what was not sent is skipped."""
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
    """What a person of these ids is called."""
    if isinstance(value, Mapping):
        ids = {one.casefold() for one in identity.ids}
        for who, name in BLOCKS:
            if str(value.get(who, "")).casefold() in ids and value.get(name):
                yield str(value[name])
        for item in value.values():
            yield from _names(item, identity)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item, identity)
