"""Finding and erasing what is stored about a person (GDPR, articles 15 and 17)."""

from typing import Protocol

from services.domain import (
    Identity,
)


class ErasureStore(Protocol):
    """Everything about a person in all collections, except amounts and times.

    Addresses and IDs are searched everywhere, as whole words in any case. Names are only searched
    next to an ID of the person and in fields that contain nothing but a person's name. Names in
    teams, settings, reports and deliveries are those of teams, services or accounts, not of people.
    """

    async def complete(self, identity: Identity) -> Identity:
        """Complete an identity with the names and the personal chats of these IDs."""
        ...

    async def find(self, identity: Identity) -> dict[str, int]:
        """Count the documents that name the person, by collection, without zeros."""
        ...

    async def erase(self, identity: Identity) -> dict[str, int]:
        """Remove the person from these documents; returns how many changed, by collection.

        Documents that only belong to the person are deleted: the role, personal chats with their
        alerts, requested cards and imports. A delivery to the person stays as an anonymous record;
        if it was not sent, it is skipped. May be repeated.

        Raises StoreUnavailableError if other writers keep changing the same documents.
        """
        ...
