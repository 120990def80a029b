"""Alerts, in memory."""

from collections.abc import Sequence
from datetime import datetime

from services.domain import (
    Alert,
    SourceName,
)


class MemoryAlerts:
    """Implements ``services.ports.AlertStore``."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}

    async def create_once(self, alert: Alert) -> bool:
        if alert.id in self.alerts:
            return False
        self.alerts[alert.id] = alert
        return True

    async def replace(self, alert: Alert) -> Alert | None:
        stored = self.alerts.get(alert.id)
        if stored is None or stored.fence != alert.fence:
            return None
        self.alerts[alert.id] = alert.model_copy(update={"fence": alert.fence + 1})
        return self.alerts[alert.id]

    async def get(self, alert_id: str) -> Alert | None:
        return self.alerts.get(alert_id)

    def _sorted(self, alerts: list[Alert]) -> list[Alert]:
        return sorted(alerts, key=lambda alert: (alert.created_at, alert.id))

    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        return self._sorted([alert for alert in self.alerts.values() if alert.subject in subjects])

    async def of_message(self, conversation_id: str, activity_id: str) -> Alert | None:
        message = (conversation_id, activity_id)
        found = (a for a in self.alerts.values() if (a.conversation_id, a.activity_id) == message)
        return next(found, None)

    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        alerts = [
            alert
            for alert in self.alerts.values()
            if (alert.source, alert.conversation_id) == (source, conversation_id)
            and alert.created_at >= since
        ]
        return self._sorted(alerts)[::-1]
