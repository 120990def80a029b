"""What is stored about alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain import Alert, SourceName


class AlertStore(Protocol):
    """The cards of anomalies in conversations."""

    async def create_once(self, alert: Alert) -> bool:
        """Stores it unless its id is there; True when this call stored it."""
        ...

    async def replace(self, alert: Alert) -> Alert | None:
        """Stores a changed one with its fence raised, if the stored fence is still the given.

        None when somebody else was faster; then nothing is written.
        """
        ...

    async def get(self, alert_id: str) -> Alert | None: ...

    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        """All cards about these, oldest first."""
        ...

    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        """Those of a conversation that were created since then, newest first."""
        ...
