"""Finding and erasing a person in memory: values are searched field by field."""

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from services.domain import Delivery, DeliveryState, Identity
from services.domain.base import Value

REMOVED = "removed"
OWNERS = {
    "admins": "object_id",
    "conversations": "with_id",
    "deliveries": "recipient",
    "open_cards": "asked_by",
    "pending_imports": "by_id",
}
NAME_BESIDE = {"id": "name", "by_id": "by", "object_id": "name", "with_id": "title"}
NAMES_ALONE = {"name", "by", "alerts_by", "asked_by", "title"}
WITHOUT_NAMES = {"teams", "reports", "deliveries", "notification_config"}
"""Names in these are names of teams, services and accounts."""


class MemoryErasure:
    """Implements ``services.ports.ErasureStore``, over the values of each collection."""

    def __init__(self, collections: Mapping[str, dict[Any, Any]]) -> None:
        self._collections = collections

    async def complete(self, identity: Identity) -> Identity:
        person = _Person(identity)
        names = {
            name for _, _, value in self._all() for name in person.names_in(value.model_dump())
        }
        chats = {
            key
            for collection, key, value in self._all()
            if collection == "conversations" and person.owns(collection, value)
        }
        ids = (*identity.ids, *sorted(chats - set(identity.ids)))
        return identity.model_copy(update={"names": tuple(sorted(names)), "ids": ids})

    async def find(self, identity: Identity) -> dict[str, int]:
        person, counts = _Person(identity), dict[str, int]()
        for collection, _, value in self._all():
            if person.owns(collection, value) or person.cleaned(collection, value) != value:
                counts[collection] = counts.get(collection, 0) + 1
        return counts

    async def erase(self, identity: Identity) -> dict[str, int]:
        counts = await self.find(identity)
        person = _Person(identity)
        for collection, key, value in self._all():
            if person.owns(collection, value):
                self._remove(collection, key, value)
            else:
                self._collections[collection][key] = _newer(
                    person.cleaned(collection, value), value
                )
        return counts

    def _all(self) -> list[tuple[str, Any, Value]]:
        return [
            (name, key, value)
            for name, collection in self._collections.items()
            for key, value in collection.items()
        ]

    def _remove(self, collection: str, key: Any, value: Value) -> None:
        self._collections[collection].pop(key, None)
        if isinstance(value, Delivery):
            anonymous = _anonymous(value)
            self._collections[collection][anonymous.id] = anonymous
        if collection == "conversations":
            alerts = self._collections["alerts"]
            for alert in [a for a in alerts.values() if a.conversation_id == key]:
                del alerts[alert.id]


def _newer(cleaned: Value, was: Value) -> Value:
    """The value with the next version, if it has one and was changed."""
    if cleaned == was or not hasattr(was, "version"):
        return cleaned
    return cleaned.model_copy(update={"version": was.version + 1})


class _Person:
    def __init__(self, identity: Identity) -> None:
        self._ids = {text.casefold() for text in identity.ids}
        self._names = {name.casefold() for name in identity.names}
        words = "|".join(re.escape(word) for word in (*identity.addresses, *identity.ids))
        self._words = re.compile(rf"(?<![\w.+%-])(?:{words})(?![\w-]|\.\w)", re.IGNORECASE)

    def owns(self, collection: str, value: Value) -> bool:
        if self._words.search(str(getattr(value, "id", ""))):
            return True
        owner = str(getattr(value, OWNERS[collection])) if collection in OWNERS else ""
        if collection == "deliveries":
            return self._words.fullmatch(owner) is not None
        return owner.casefold() in self._ids | self._names

    def names_in(self, value: Any) -> Iterator[str]:
        """Names stored beside one of the person's IDs."""
        if isinstance(value, Mapping):
            for who, name in NAME_BESIDE.items():
                if str(value.get(who, "")).casefold() in self._ids and value.get(name):
                    yield value[name]
            value = tuple(value.values())
        if isinstance(value, list | tuple):
            for item in value:
                yield from self.names_in(item)

    def cleaned(self, collection: str, value: Value) -> Value:
        """The value without the person."""
        names = set() if collection in WITHOUT_NAMES else self._names
        return type(value).model_validate(self._clean(value.model_dump(), "", names))

    def _clean(self, value: Any, key: str, names: set[str]) -> Any:
        if isinstance(value, Mapping):
            fields = {name: self._clean(item, name, names) for name, item in value.items()}
            for who, name in NAME_BESIDE.items():
                if str(value.get(who, "")).casefold() in self._ids and value.get(name):
                    fields[name] = REMOVED
            return fields
        if isinstance(value, list | tuple):
            others = [
                item
                for item in value
                if not (isinstance(item, str) and self._words.fullmatch(item))
            ]
            return [self._clean(item, key, names) for item in others]
        if isinstance(value, bytes):
            return self._words.sub(REMOVED, value.decode()).encode()
        if isinstance(value, str):
            alone = key in NAMES_ALONE and value.casefold() in names
            return REMOVED if alone else self._words.sub(REMOVED, value)
        return value


def _anonymous(delivery: Delivery) -> Delivery:
    """The delivery without its recipient; if it was not sent, it is skipped."""
    sent = delivery.state is DeliveryState.SENT
    return delivery.model_copy(
        update={
            "id": f"{delivery.run_id}|{REMOVED}|{secrets.token_hex(10)}",
            "recipient": REMOVED,
            "message_id": REMOVED,
            "state": delivery.state if sent else DeliveryState.SKIPPED,
            "raw_sha256": None,
            "reply": None,
            "error": None,
        }
    )
