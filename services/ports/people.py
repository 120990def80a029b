"""Where people, conversations and what waits for their answer are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from services.domain import (
    AdminEntry,
    CardInProgress,
    Conversation,
    DaySpan,
    Identity,
    PendingImport,
    PlannedChange,
)


class AdminStore(Protocol):
    """Who was made an admin, by tenant and object id."""

    async def list_admins(self) -> list[AdminEntry]:
        """By name, then object id."""
        ...

    async def add(self, admin: AdminEntry) -> bool:
        """False when the person is one already."""
        ...

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        """The one that was removed; None when there was none."""
        ...


class ConversationStore(Protocol):
    """Conversations that the app is in."""

    async def seen(self, conversation: Conversation) -> Conversation:
        """Stores a new one, or renews address, kind and title (unless empty) of a known one,
        which becomes active again; the stored one.
        """
        ...

    async def get(self, conversation_id: str) -> Conversation | None: ...

    async def lost(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> bool:
        """Marks one that takes no messages any more; after an uninstallation the next one is
        welcomed again. True for the first caller only.
        """
        ...

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        """Sends alerts there from now on; False when they are sent there already."""
        ...

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        """Sends no more alerts there; False when none are sent there."""
        ...

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        ...

    async def with_alerts(self) -> list[Conversation]:
        """Those that alerts go to, oldest registration first."""
        ...

    async def last_heard(self) -> datetime | None:
        """When something last came from any of them."""
        ...


class PlanStore(Protocol):
    """Announced changes."""

    async def add(self, plan: PlannedChange) -> None: ...

    async def remove(self, plan_id: str) -> PlannedChange | None: ...

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        """Those of these accounts that share a day with the span, newest first."""
        ...


class PendingImportStore(Protocol):
    """Imports that wait for Confirm, for a day."""

    async def put(self, pending: PendingImport) -> None: ...

    async def take(self, pending_id: str) -> PendingImport | None:
        """One of them, which then waits no longer: it is given to one caller only."""
        ...


class CardInProgressStore(Protocol):
    """Cards that change after their turn."""

    async def put(self, card: CardInProgress) -> None: ...

    async def touch(self, owner: str, now: datetime) -> None:
        """Record on all cards of a worker that it is alive."""
        ...

    async def take(self, card: CardInProgress, owner: str, now: datetime) -> bool:
        """Give a card to another worker; False when somebody has changed it since it was read."""
        ...

    async def remove(self, card_id: str) -> None: ...

    async def list_cards(self) -> list[CardInProgress]:
        """Oldest first."""
        ...


class TraceStore(Protocol):
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
