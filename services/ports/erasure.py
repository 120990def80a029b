"""Finding and erasing what is stored about a person."""

from typing import Protocol

from services.domain import (
    Identity,
)


class ErasureStore(Protocol):
    """What all collections together hold of a person, except amounts and times.

    Addresses and ids are looked for everywhere, as whole words in any case; names beside an id of
    the person, and where a name of a person stands alone. What is called something in teams,
    settings, reports and deliveries is a team, a service or an account, and no person.
    """

    async def known(self, identity: Identity) -> Identity:
        """With what the person of these ids is called, and the ids of chats of the person's own."""
        ...

    async def find(self, identity: Identity) -> dict[str, int]:
        """How many documents name the person, by collection; those without are left out."""
        ...

    async def erase(self, identity: Identity) -> dict[str, int]:
        """Takes the person out of them; how many were changed. May be repeated.

        What is the person's alone goes: the role, chats with their alerts, cards and imports asked
        for. A delivery to the person stays as a number; what was not sent of it is skipped.

        Raises StoreUnavailableError when somebody else changes the same documents all the time.
        """
        ...
