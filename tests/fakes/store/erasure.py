"""All that a store in memory holds of a person: its values are walked field by field."""

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
OF_NOBODY = {"teams", "reports", "deliveries", "notification_config"}
"""What is called something there is a team, a service or an account."""


class MemoryErasure:
    """Implements ``services.ports.ErasureStore``, over the shelves of a store by collection."""

    def __init__(self, shelves: Mapping[str, dict[Any, Any]]) -> None:
        self._shelves = shelves

    async def known(self, identity: Identity) -> Identity:
        who = _Who(identity)
        names = {name for _, _, one in self._all() for name in who.names_in(one.model_dump())}
        chats = {
            key
            for shelf, key, one in self._all()
            if shelf == "conversations" and who.owns(shelf, one)
        }
        ids = (*identity.ids, *sorted(chats - set(identity.ids)))
        return identity.model_copy(update={"names": tuple(sorted(names)), "ids": ids})

    async def find(self, identity: Identity) -> dict[str, int]:
        who, found = _Who(identity), dict[str, int]()
        for shelf, _, one in self._all():
            if who.owns(shelf, one) or who.left_of(shelf, one) != one:
                found[shelf] = found.get(shelf, 0) + 1
        return found

    async def erase(self, identity: Identity) -> dict[str, int]:
        found = await self.find(identity)
        who = _Who(identity)
        for shelf, key, one in self._all():
            if who.owns(shelf, one):
                self._remove(shelf, key, one)
            else:
                self._shelves[shelf][key] = _newer(who.left_of(shelf, one), one)
        return found

    def _all(self) -> list[tuple[str, Any, Value]]:
        return [
            (name, key, one) for name, shelf in self._shelves.items() for key, one in shelf.items()
        ]

    def _remove(self, shelf: str, key: Any, one: Value) -> None:
        self._shelves[shelf].pop(key, None)
        if isinstance(one, Delivery):
            number = _number(one)
            self._shelves[shelf][number.id] = number
        if shelf == "conversations":
            alerts = self._shelves["alerts"]
            for alert in [a for a in alerts.values() if a.conversation_id == key]:
                del alerts[alert.id]


def _newer(cleaned: Value, was: Value) -> Value:
    """With the next version, if it has one and anything was taken out of it."""
    if cleaned == was or not hasattr(was, "version"):
        return cleaned
    return cleaned.model_copy(update={"version": was.version + 1})


class _Who:
    def __init__(self, identity: Identity) -> None:
        self._ids = {one.casefold() for one in identity.ids}
        self._names = {one.casefold() for one in identity.names}
        words = "|".join(re.escape(one) for one in (*identity.addresses, *identity.ids))
        self._words = re.compile(rf"(?<![\w.+%-])(?:{words})(?![\w-]|\.\w)", re.IGNORECASE)

    def owns(self, shelf: str, one: Value) -> bool:
        if self._words.search(str(getattr(one, "id", ""))):
            return True
        owner = str(getattr(one, OWNERS[shelf])) if shelf in OWNERS else ""
        if shelf == "deliveries":
            return self._words.fullmatch(owner) is not None
        return owner.casefold() in self._ids | self._names

    def names_in(self, value: Any) -> Iterator[str]:
        """How the person is called beside an id of the person."""
        if isinstance(value, Mapping):
            for who, name in NAME_BESIDE.items():
                if str(value.get(who, "")).casefold() in self._ids and value.get(name):
                    yield value[name]
            value = tuple(value.values())
        if isinstance(value, list | tuple):
            for one in value:
                yield from self.names_in(one)

    def left_of(self, shelf: str, one: Value) -> Value:
        """The value without the person."""
        names = set() if shelf in OF_NOBODY else self._names
        return type(one).model_validate(self._left(one.model_dump(), "", names))

    def _left(self, value: Any, key: str, names: set[str]) -> Any:
        if isinstance(value, Mapping):
            found = {name: self._left(one, name, names) for name, one in value.items()}
            for who, name in NAME_BESIDE.items():
                if str(value.get(who, "")).casefold() in self._ids and value.get(name):
                    found[name] = REMOVED
            return found
        if isinstance(value, list | tuple):
            others = [
                one for one in value if not (isinstance(one, str) and self._words.fullmatch(one))
            ]
            return [self._left(one, key, names) for one in others]
        if isinstance(value, bytes):
            return self._words.sub(REMOVED, value.decode()).encode()
        if isinstance(value, str):
            alone = key in NAMES_ALONE and value.casefold() in names
            return REMOVED if alone else self._words.sub(REMOVED, value)
        return value


def _number(one: Delivery) -> Delivery:
    """What stays of a delivery to the person: how it ended, and nothing is sent by it any more."""
    sent = one.state is DeliveryState.SENT
    return one.model_copy(
        update={
            "id": f"{one.run_id}|{REMOVED}|{secrets.token_hex(10)}",
            "recipient": REMOVED,
            "message_id": REMOVED,
            "state": one.state if sent else DeliveryState.SKIPPED,
            "raw_sha256": None,
            "reply": None,
            "error": None,
        }
    )
