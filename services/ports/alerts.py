"""Storage of alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain import Alert, SourceName


class AlertStore(Protocol):
    """Alert cards, one for each subject and conversation."""

    async def create_once(self, alert: Alert) -> bool:
        """Store an alert unless its ID exists; True if this call stored it."""
        ...

    async def replace(self, alert: Alert) -> Alert | None:
        """Store a changed alert and raise its fence, if the stored fence is still ``alert.fence``.

        Returns the stored alert. None if another writer was faster: nothing is written.
        """
        ...

    async def get(self, alert_id: str) -> Alert | None: ...

    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        """All alerts about these subjects, oldest first."""
        ...

    async def of_message(self, conversation_id: str, activity_id: str) -> Alert | None:
        """The alert that a message in a conversation shows."""
        ...

    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        """A conversation's alerts that were created since then, newest first."""
        ...
